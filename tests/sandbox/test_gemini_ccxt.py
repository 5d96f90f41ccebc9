"""The outside check of the Gemini front: ccxt's own gemini class reads, signs, places, cancels and streams against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from model.order import Side
from tests.clients.gemini_venues import CONTRACT, KEY, SandboxGemini
from tests.clients.sandbox_venue import SECRET
from tests.sandbox.worlds import D


class Ccxt(TestCase):
    """ccxt knows nothing of ours."""

    timeout = 90
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our reasons become the error classes of the real venue; its book follows."""
        sandbox = SandboxGemini()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D(49_999))
        script, root = Path(__file__).with_name("gemini_ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(sandbox.port), KEY, SECRET]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual((told["market"], told["least"]), (["btcusd", 0.01, 1e-8], 1e-5))
        self.assertEqual((told["best"], told["ticker"]), ([49990.0, 49999.0], [49990.0, 49999.0]))
        self.assertEqual((told["balance"], told["fees"]), ({"BTC": 10.0, "USD": 100000.0}, [0.002, 0.004]))
        self.assertEqual(told["open"], [True, "ilp-1", 40000.0, 0.1, "open"])
        # What a maker pays at most is held too.
        self.assertEqual(told["free"], 100_000 - 4_000 * 1.004)
        self.assertEqual((told["cancelled"], told["afterwards"]), ("canceled", [0, "canceled"]))
        self.assertEqual((told["maker"], told["would take"], told["ioc"]), (["open", True, "canceled"], "canceled", "canceled"))
        self.assertEqual(told["bought"], ["closed", 0.2, 49999.0])
        self.assertEqual(told["trade"], [49999.0, 0.2, "buy", 39.9992, "USD"])
        self.assertEqual((told["public trades"], told["candles"]), ([49999.0], 1))
        self.assertEqual(told["address"], sandbox.venue.funding.current_address("pool", "BTC"))
        self.assertEqual(told["transfers"], [["BTC", 10.0, "deposit", "ok"], ["USD", 100000.0, "deposit", "ok"]])
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                "minimum": "InvalidOrder",
                "unknown order": "OrderNotFound",
                "symbol": "BadRequest",
                "endpoint": "BadRequest",
                "address": "ExchangeError",
                "key": "AuthenticationError",
                "signature": "AuthenticationError",
                "nonce": "InvalidNonce",
            },
        )
        self.assertEqual(told["streams"], {"first": [49990.0, 50000.0], "levels": [2, 2]})
