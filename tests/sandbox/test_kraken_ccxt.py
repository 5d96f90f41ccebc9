"""The outside check of the Kraken front: ccxt's own kraken class reads, signs, places and cancels against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from model.order import Side
from tests.sandbox.test_kraken_front import CONTRACT, SECRET, FrontCase
from tests.sandbox.worlds import D


class Ccxt(FrontCase):
    """ccxt knows nothing of ours."""

    timeout = 60
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our error texts become the error classes of the real venue."""
        self.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D(49_999))
        script, root = Path(__file__).with_name("ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(self.caller.port), "key", SECRET]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual(told["market"], ["XXBTZUSD", told["market"][1], 0.0001])
        self.assertEqual((told["market"][1]["price"], told["market"][1]["amount"]), (0.1, 1e-8))
        self.assertEqual(told["best"], [49990.0, 49999.0])
        self.assertEqual(told["balance"], {"BTC": 10.0, "USD": 100000.0})
        self.assertEqual(told["open"], [True, "ilp-1", 40000.0, 0.1, "open"])
        self.assertEqual(told["free"], 100_000 - 4000 - 10.4)
        self.assertEqual(told["amended"], [True, 39000.0, 0.2, 100_000 - 7800 - 20.28])
        self.assertEqual(told["cancelled"], {"count": 1})
        self.assertEqual(told["afterwards"], [0, "canceled"])
        self.assertEqual(told["trade"], [49999.0, 0.2, 9999.8, 25.99948, "taker"])
        self.assertEqual(told["ledger"], ["BTC", "USD"])
        self.assertEqual(told["candles"], 1)
        self.assertEqual(told["address"], self.venue.funding.current_address("pool", "BTC"))
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                "minimum": "InvalidOrder",
                "unknown order": "OrderNotFound",
                "key": "AuthenticationError",
                # ccxt has no class of its own for EAPI:Invalid signature.
                "signature": "ExchangeError",
            },
        )
