"""The outside check of the Bitstamp front: ccxt's own bitstamp class reads, signs, places, cancels and streams against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from model.order import Side
from tests.clients.bitstamp_venues import CONTRACT, SandboxBitstamp
from tests.clients.sandbox_venue import SECRET
from tests.sandbox.worlds import D


class Ccxt(TestCase):
    """ccxt knows nothing of ours."""

    timeout = 90
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our codes become the error classes of the real venue; its streams follow."""
        sandbox = SandboxBitstamp()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D(49_999))
        script, root = Path(__file__).with_name("bitstamp_ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(sandbox.port), "key", SECRET]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual((told["market"], told["limits"]), (["btcusd", 1.0, 1e-8], [10.0, True]))
        self.assertEqual(told["best"], [49990.0, 49999.0])
        self.assertEqual(told["balance"], {"BTC": 10.0, "USD": 100000.0})
        self.assertEqual(told["fee"], [0.3, 0.4])
        self.assertEqual(told["open"], [True, "ilp-1", 40000.0, 0.1, "open"])
        self.assertEqual(told["free"], 95_984.0)
        self.assertEqual((told["cancelled"], told["afterwards"]), (True, [0, "canceled"]))
        self.assertEqual((told["maker"], told["ioc"]), ("canceled", "canceled"))
        self.assertEqual(told["bought"], ["closed", 0.2])
        self.assertEqual(told["trade"], [49999.0, 0.2, "buy", 39.9992, "USD"])
        self.assertEqual(told["ledger"], [["trade", "0.20000000", "-9999.80000000"], ["transaction", "10.00000000", "0.00"]])
        self.assertEqual((told["trades"], told["candles"]), (1, 1))
        self.assertEqual(told["address"], sandbox.venue.funding.current_address("pool", "BTC"))
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                "minimum": "InvalidOrder",
                "unknown order": "OrderNotFound",
                "unknown status": "OrderNotFound",
                # ccxt reads only what is said of the whole request, not of one field.
                "address": "ExchangeError",
                "key": "AuthenticationError",
                "signature": "AuthenticationError",
                "nonce": "InvalidNonce",
                "time": "ExchangeError",
            },
        )
        self.assertEqual(told["streams"]["order"], ["ilp-9", 45000.0, 0.1])
        self.assertEqual(told["streams"]["ended"], [True, "canceled"])
        self.assertEqual(told["streams"]["trade"], [50000.0, 0.1, "buy", 20.0])
