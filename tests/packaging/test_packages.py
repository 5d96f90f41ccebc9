"""The wheel and the sdist: complete, nothing else in them, and a pool that runs out of them and nowhere near the checkout."""

import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import urllib.request
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest, TestCase

import pytest

from runtime.version import VERSION
from tests.whole.running import PATIENCE, ROOT, edited, until

ROOMS = ("clients", "execution", "ledger", "market", "model", "optimizer", "runtime", "sandbox", "trader", "web")


@cache
def tracked() -> tuple[str, ...]:
    """What is in the repository."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        raise SkipTest("not a git checkout: what belongs to the pool cannot be told from what lies about")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listed.splitlines() if (ROOT / name).exists())


@cache
def built() -> Path:
    """A folder with the sdist of what is tracked, and the wheel that was built from that sdist. Needs no network."""
    for tool in ("build", "twine"):
        if find_spec(tool) is None:
            raise SkipTest(f"{tool} is not installed")
    home = tempfile.TemporaryDirectory(prefix="ilp-packages-")
    _KEPT.append(home)
    source, to = Path(home.name) / "source", Path(home.name) / "dist"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(to), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return to


_KEPT: list["tempfile.TemporaryDirectory[str]"] = []


def needed() -> set[str]:
    """What a pool needs to run, of what is tracked."""
    found = {"ilp.py"}
    for name in tracked():
        room = name.partition("/")[0]
        is_data = name.startswith(("web/templates/", "web/static/", "ilp_example_config/"))
        if is_data or (room in ROOMS and name.endswith(".py")):
            found.add(name)
    return found


@pytest.mark.slow
class PackageTests(TestCase):
    """Built once for all of them."""

    def test_wheel(self) -> None:
        """Every module, template, style, script, migration and example, and nothing besides."""
        (wheel,) = built().glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            names = {name for name in packed.namelist() if ".dist-info/" not in name}
        self.assertEqual(sorted(needed() - names), [], "missing in the wheel")
        self.assertEqual(sorted(names - needed()), [], "in the wheel for no reason")

    def test_sdist(self) -> None:
        """All of that, and what builds it."""
        (sdist,) = built().glob("*.tar.gz")
        with tarfile.open(sdist) as packed:
            names = {name.partition("/")[2] for name in packed.getnames()}
        builds = {"setup.py", "pyproject.toml", "README.md", "CHANGELOG.md", "requirements/run.in", "requirements/run.txt"}
        self.assertEqual(sorted((needed() | builds) - names), [])

    def test_twine(self) -> None:
        """What an index shows of them can be shown."""
        files = [str(path) for path in built().iterdir()]
        done = subprocess.run(
            [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_installed(self) -> None:
        """Installed in an environment of its own, `ilp` prints the sandbox's config and runs it in any folder, with console."""
        with tempfile.TemporaryDirectory(prefix="ilp-installed-") as folder:
            home = Path(folder)
            program = installed(home / "env")
            self.assertEqual(self.run_it(program, home, "--version"), f"ilp {VERSION}\n")
            text = edited(self.run_it(program, home, "examples", "sandbox"), {"webserver.port": "0"})
            (home / "pool.ini").write_text(text, encoding="utf-8")
            (home / "pool.ini").chmod(0o600)
            self.run_pool(program, home)

    def run_it(self, program: Path, home: Path, *words: str) -> str:
        done = subprocess.run([program, *words], cwd=home, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def run_pool(self, program: Path, home: Path) -> None:
        output = home / "output.txt"
        with output.open("w") as out:
            pool = subprocess.Popen([program, "--config", "pool.ini"], cwd=home, stdout=out, stderr=subprocess.STDOUT)
        try:
            until(lambda: "INITIALIZING -> READY" in output.read_text(), f"it is READY: {output.read_text()}")
            self.assertIn("READY", self.run_it(program, home, "status", "--config", "pool.ini"))
            url = re.search(r"console: (http://\S+)", output.read_text())
            assert url is not None
            with urllib.request.urlopen(url[1], timeout=PATIENCE) as page:
                body = page.read().decode()
            self.assertIn("console.css", body)
            pool.send_signal(signal.SIGTERM)
            self.assertEqual(pool.wait(PATIENCE), 0, output.read_text())
        finally:
            pool.kill()
            pool.wait()


def installed(env: Path) -> Path:
    """The program `ilp` of the wheel, in a new environment at ``env`` that has only our dependencies besides."""
    (wheel,) = built().glob("*.whl")
    pip = next((python for python in (sys.executable, "/usr/bin/python3") if _has_pip(python)), None)
    if pip is None:
        raise SkipTest("no pip: python -m pip, /usr/bin/python3 -m pip")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True, timeout=PATIENCE)
    ours = next((env / "lib").glob("python*/site-packages"))
    # The dependencies as they are here: no network, and what is tested is the package.
    (ours / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [pip, "-m", "pip", "--python", str(env / "bin" / "python"), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--disable-pip-version-check", str(wheel)], check=True, timeout=PATIENCE)
    return env / "bin" / "ilp"


def _has_pip(python: str) -> bool:
    found = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    return found.returncode == 0
