"""The outside check of the Binance front: ccxt's own binance class reads, signs, places, cancels and streams against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from model.order import Side
from tests.clients.binance_venues import CONTRACT, SandboxBinance
from tests.clients.sandbox_venue import SECRET
from tests.sandbox.worlds import D


class Ccxt(TestCase):
    """ccxt knows nothing of ours."""

    timeout = 90
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our codes become the error classes of the real venue; its streams follow."""
        sandbox = SandboxBinance()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D(49_999))
        script, root = Path(__file__).with_name("binance_ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(sandbox.port), "key", SECRET]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual(told["market"], ["BTCUSDT", 0.01, 1e-5])
        self.assertEqual((told["limits"], told["coin"]), ([1e-5, 5.0], [0.0001, True]))
        self.assertEqual(told["best"], [49990.0, 49999.0])
        self.assertEqual(told["balance"], {"BTC": 10.0, "USDT": 100000.0})
        self.assertEqual(told["open"], [True, "ilp-1", 40000.0, 0.1, "open"])
        self.assertEqual(told["free"], 96_000.0)
        self.assertEqual((told["cancelled"], told["afterwards"]), ("canceled", [0, "canceled"]))
        self.assertEqual((told["maker"], told["ioc"]), ([True, "canceled"], "expired"))
        self.assertEqual(told["bought"], ["closed", 0.2, 9999.8])
        self.assertEqual(told["trade"], [49999.0, 0.2, 0.0002, "BTC", "taker"])
        self.assertEqual(told["candles"], 1)
        self.assertEqual(told["address"], sandbox.venue.funding.current_address("pool", "BTC"))
        self.assertEqual(told["deposits"], [["BTC", 10.0, "ok"], ["USDT", 100000.0, "ok"]])
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                # ccxt has one class for all of -1013, failed filters.
                "minimum": "BadRequest",
                "post only": "OrderImmediatelyFillable",
                "unknown order": "OrderNotFound",
                "address": "ExchangeError",
                "key": "AuthenticationError",
                "signature": "AuthenticationError",
            },
        )
        self.assertEqual(told["streams"], {"order": ["ilp-9", "open", 45000.0], "ended": [True, "canceled"]})
