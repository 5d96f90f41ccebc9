"""The units and the container, as far as they can be judged where neither systemd nor an engine runs."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest, TestCase

from runtime.exits import Exit
from runtime.service import LONGEST_STOP
from tests.whole.running import ROOT

UNITS = ROOT / "packaging" / "systemd"
DOCKER = ROOT / "packaging" / "docker"
SERVICES = ("ilp.service", "ilp-watchdog.service", "ilp-backup.service")
#: What systemd itself calls the border between OK and MEDIUM is 5.0; ours are at 1.4.
MOST_EXPOSED = 2.0


def tool(name: str) -> str:
    """The path of a program, of the tests' environment or the system's."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise SkipTest(f"{name} is not installed")
    return found


def unit(name: str) -> configparser.RawConfigParser:
    """A unit; of a key that stands there twice, the last."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / name)
    return parser


class UnitTests(TestCase):
    """packaging/systemd."""

    def test_verify(self) -> None:
        """systemd has nothing to say against any of them, but that the program is not installed here."""
        command = [
            tool("systemd-analyze"),
            "verify",
            "--man=no",
            *(str(UNITS / name) for name in (*SERVICES, "ilp-backup.timer")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = [line for line in done.stderr.splitlines() if "Command /opt/ilp/bin/ilp is not executable" not in line]
        self.assertEqual([line for line in said if "ilp" in line], [])

    def test_hardening(self) -> None:
        """What a break-in could do with any of the services is little, by systemd's own measure."""
        for name in SERVICES:
            command = [tool("systemd-analyze"), "security", "--offline=true", str(UNITS / name)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if "Overall exposure level" not in done.stdout:
                raise SkipTest(f"this systemd-analyze cannot judge a file: {done.stderr.strip()[:200]}")
            found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
            assert found is not None
            self.assertLessEqual(float(found[1]), MOST_EXPOSED, name)

    def test_the_services_are_hardened_alike(self) -> None:
        """What the pool may not, its watchdog and its backup may not either."""

        def hardening(name: str) -> str:
            text = (UNITS / name).read_text(encoding="utf-8")
            return text[text.index("AmbientCapabilities=") :].partition("\n\n")[0].rstrip()

        self.assertEqual({hardening(name) for name in SERVICES}, {hardening("ilp.service")})

    def test_times_and_codes_agree_with_the_program(self) -> None:
        """It has longer to stop than it ever takes, and a bad config is not tried again."""
        service = unit("ilp.service")["Service"]
        self.assertEqual(service["Type"], "notify")
        self.assertGreater(int(service["TimeoutStopSec"]), LONGEST_STOP)
        self.assertEqual(int(service["RestartPreventExitStatus"]), Exit.BAD_CONFIG)
        self.assertEqual(service["KillMode"], "mixed")
        self.assertGreaterEqual(int(service["WatchdogSec"]), 15)


class ContainerTests(TestCase):
    """packaging/docker."""

    def test_hadolint(self) -> None:
        """The Dockerfile passes the linter."""
        done = subprocess.run([tool("hadolint"), str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_compose(self) -> None:
        """The compose file is one, by the specification's own schema."""
        schema = ["--builtin-schema", "vendor.compose-spec"]
        done = subprocess.run(
            [tool("check-jsonschema"), *schema, str(DOCKER / "compose.yaml")], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_not_root_and_read_only(self) -> None:
        """The last stage runs as an ordinary user and is asked for its health; compose mounts its root read-only."""
        last = (DOCKER / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
        self.assertRegex(last, r"\nUSER [1-9]\d+:[1-9]\d+\n")
        self.assertIn('CMD ["ilp", "status"', last)
        self.assertIn("read_only: true", (DOCKER / "compose.yaml").read_text(encoding="utf-8"))

    def test_what_is_packed_reaches_the_builder(self) -> None:
        """The ignore file lets everything through that setup.py packs, and no config, ledger or history of git."""
        kept = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
        setup = (ROOT / "setup.py").read_text(encoding="utf-8")
        rooms = re.search(r"ROOMS = \[(.*?)\]", setup)
        assert rooms is not None
        self.assertLessEqual({*re.findall(r'"(\w+)"', rooms[1]), "setup.py", "ilp.py", "pyproject.toml"}, set(kept))
        self.assertEqual([name for name in kept if name in ("var", ".git", "ilp.ini", ".", "*.ini")], [])
