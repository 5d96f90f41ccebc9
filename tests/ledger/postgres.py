"""A real PostgreSQL of our own: a throw-away cluster in a temporary folder, on a free loopback port."""

import atexit
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

#: The server refuses to run as root; the distribution's package makes this user.
SERVER_USER = "postgres"


class Missing(Exception):
    """There is no PostgreSQL here; the text says what is missing."""


class PostgresServer:
    """One cluster; ``start`` and ``kill`` as often as a test likes."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="ilp-postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._port = _free_port()
        self._names = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        data = str(self._folder / "data")
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "ilp", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            user=self._user,
            cwd=self._folder,
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",  # the machine does not die in a test, and initdb without it takes a second less
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", str(self._folder / "data"), *options],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise Missing("PostgreSQL is installed but did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """Stop at once, connections broken, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The SQLAlchemy URL of a fresh, empty database."""
        name = f"ledger{next(self._names)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://ilp@127.0.0.1:{self._port}/{name}"

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(f"host=127.0.0.1 port={self._port} user=ilp dbname=postgres", autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


@functools.cache
def server() -> PostgresServer:
    """The one server of this test run, started at the first call, gone at exit.

    :raises Missing: if PostgreSQL is not installed, or this is root and there is no user for it.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        raise Missing("no initdb under /usr/lib/postgresql: apt-get install postgresql")
    found = PostgresServer(programs[-1].parent)
    atexit.register(found.remove)
    found.start()
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
