"""The real pool on its real sandbox, sixty times as fast, as a process of its own: what the browser's long test drives."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME, PASSWORD = "operator", "heron-copper-41-quay"


class SandboxPool:
    """Started in a folder of its own; ``base`` is the console's address. ``options`` replace keys of the sandbox's config."""

    def __init__(self, **options: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ilp-sandbox-", ignore_cleanup_errors=True)
        config = Path(self._folder.name) / "fast.ini"
        text = (ROOT / "ilp_example_config" / "sandbox.ini").read_text()
        for key, value in {"port": "0", "speed": "60", **options}.items():
            text, count = re.subn(rf"(?m)^(# )?{key} =.*$", f"{key} = {value}", text, count=1)
            if not count:
                raise ValueError(f"the sandbox's config has no key {key}")
        config.write_text(text)
        self._log = (Path(self._folder.name) / "log").open("w")
        command = [sys.executable, str(ROOT / "ilp.py"), "--config", str(config)]
        self._process = subprocess.Popen(command, cwd=self._folder.name, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self.base = self._address()

    def _address(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("console: "):
                return line.removeprefix("console: ").strip().rstrip("/")
        raise RuntimeError(f"the pool did not start: {Path(self._log.name).read_text()[-2000:]}")

    def close(self) -> None:
        """Stop it, as Ctrl-C would."""
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()
