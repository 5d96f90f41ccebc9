"""Prices of a test server are never joined to those of the venue itself."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from runtime.config import load
from runtime.wiring import history_folder
from tests.runtime.configs import written
from tests.whole.running import EXAMPLE, edited


class FolderTests(SynchronousTestCase):
    """One config, with one endpoint changed."""

    def folder(self, endpoint: str) -> Path:
        text, _, _ = EXAMPLE.read_text(encoding="utf-8").partition("# The simulated exchanges, started inside")
        changes = {
            "source_connection.endpoint": endpoint,
            "source_connection.id": "id",
            "source_connection.secret": "a2V5",
            "target_connection.endpoint": "ws://127.0.0.1:1/ws",
            "target_connection.id": "id",
            "target_connection.secret": "secret",
            "fiat_connection.endpoint": "",
            "users.operator": "heron-copper-41-quay",
        }
        return history_folder(load(written(edited(text, changes))))

    def test_apart(self) -> None:
        """The venue's own, one server's and another's: three folders, each the same every time."""
        endpoints = ("", "http://127.0.0.1:1", "http://127.0.0.1:2")
        folders = [self.folder(endpoint) for endpoint in endpoints]
        self.assertEqual(len(set(folders)), 3)
        self.assertEqual(folders, [self.folder(endpoint) for endpoint in endpoints])
        self.assertEqual(folders[0], Path("var/history"))
