"""The outside check of the Bitfinex front: ccxt's own bitfinex class reads, signs, places, cancels and streams against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from model.order import Side
from tests.clients.bitfinex_venues import CONTRACT, SandboxBitfinex
from tests.clients.sandbox_venue import SECRET
from tests.sandbox.worlds import D


class Ccxt(TestCase):
    """ccxt knows nothing of ours."""

    timeout = 90
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our words become the error classes of the real venue; its streams follow."""
        sandbox = SandboxBitfinex()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D("49998.7"))
        address = sandbox.venue.funding.current_address("pool", "BTC")
        script, root = Path(__file__).with_name("bitfinex_ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(sandbox.port), "key", SECRET]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual((told["market"], told["coin"]), (["tBTCUSD", 5, 4e-5], [0.0001, "bitcoin"]))
        self.assertEqual(told["status"], "ok")
        # Raw shows the price as it is, P0 five digits of it.
        self.assertEqual((told["best"], told["ticker"]), ([49990.0, 49998.7, 49990.0, 49999.0], 49990.0))
        self.assertEqual(told["balance"], {"BTC": 10.0, "USD": 100000.0})
        self.assertEqual(told["open"], [True, "1003434", 40000.0, 0.1, "open"])
        self.assertEqual(told["free"], 96_000.0)
        # The answer to a cancel shows the order as it was.
        self.assertEqual((told["cancelled"], told["afterwards"]), ("open", [0, "canceled"]))
        self.assertEqual(told["maker"], [True, 1])
        self.assertEqual((told["crossing"], told["ioc"]), ("POSTONLY CANCELED", "IOC CANCELED"))
        self.assertEqual(told["bought"], ["closed", 0.2, 49998.7])
        self.assertEqual(told["trade"], [49998.7, 0.2, 0.0004, "BTC", "taker", True])
        self.assertEqual(told["candles"], [[49998.7, 49998.7, 49998.7, 49998.7]])
        self.assertEqual(told["fees"], [0.001, 0.002])
        self.assertEqual((told["address"], told["new address"]), (address, sandbox.venue.funding.current_address("pool", "BTC")))
        self.assertNotEqual(told["address"], told["new address"])
        self.assertEqual(told["movements"], [["BTC", "deposit", 10.0], ["USD", "deposit", 100000.0]])
        self.assertIn(["BTC", "fee", -0.0004], told["ledger"])
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                # ccxt knows 10001 without further words as a lack of permission.
                "minimum": "PermissionDenied",
                "unknown order": "OrderNotFound",
                "symbol": "BadSymbol",
                "withdrawal": "none",
                "key": "AuthenticationError",
                "signature": "AuthenticationError",
                "nonce": "InvalidNonce",
            },
        )
        self.assertEqual(
            told["streams"],
            {"order": [True, "open", 45000.0], "ended": [True, "canceled"], "trade": ["sell", 0.1, 49990.0, "USD"]},
        )
