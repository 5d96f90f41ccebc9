"""The OpenAPI document against the running server, by a tool that tries what nobody thought of."""

import subprocess
import sys
import tempfile
import unittest
from base64 import b64encode
from pathlib import Path

from tests.web.support import PASSWORD

ROOT = Path(__file__).parents[2]
TOOL = Path(sys.executable).parent / "schemathesis"
#: Ranges of values are the pool's to judge, and wrong passwords are throttled: both are documented refusals.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@unittest.skipUnless(TOOL.exists(), "schemathesis is not installed")
class Contract(unittest.TestCase):
    """Every operation, with sound and unsound requests."""

    def test_the_server_keeps_its_document(self) -> None:
        """No request makes it fail, and every answer's status and type are documented."""
        with subprocess.Popen([sys.executable, "-m", "tests.web.serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            self.addCleanup(server.kill)
            assert server.stdout is not None
            port = int(server.stdout.readline())
            credentials = b64encode(f"ann:{PASSWORD}".encode()).decode()
            with tempfile.TemporaryDirectory() as folder:
                ran = subprocess.run(
                    [
                        str(TOOL),
                        "run",
                        f"http://127.0.0.1:{port}/api/openapi.json",
                        *("-H", f"Authorization: Basic {credentials}", "-H", "X-Requested-With: test"),
                        *("--checks", CHECKS, "--max-examples", "5", "--seed", "1"),
                    ],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=90,
                    check=False,
                )
            server.kill()
        self.assertEqual(ran.returncode, 0, ran.stdout[-6000:])
        self.assertIn("generated", ran.stdout)
