"""The outside check of the Coinbase Exchange front: ccxt's own class reads, signs, places, cancels and streams against it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from model.order import Side
from tests.clients.coinbase_exchange_venues import CONTRACT, PASSPHRASE, SECRET, SandboxCoinbaseExchange
from tests.sandbox.worlds import D


class Ccxt(TestCase):
    """ccxt knows nothing of ours."""

    timeout = 90
    skip = None if find_spec("ccxt") else "ccxt is not installed"

    async def test_everything(self) -> None:
        """What ccxt reads is what the venue holds; our words become the error classes of the real venue; its streams follow."""
        sandbox = SandboxCoinbaseExchange()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.2"), D(49_999))
        script, root = Path(__file__).with_name("coinbase_exchange_ccxt_caller.py"), Path(__file__).parents[2]
        arguments = [str(script), str(sandbox.port), "key", SECRET, PASSPHRASE]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, {}, str(root), reactor)
        self.assertEqual(code, 0, errors.decode())
        told = json.loads(output)
        self.assertEqual((told["market"], told["least"]), (["BTC-USD", 0.01, 1e-8], 1.0))
        self.assertEqual((told["coin"], told["time"]), ([1e-8, ["BTC"]], True))
        self.assertEqual(told["best"], [49990.0, 49999.0])
        self.assertEqual(told["balance"], {"BTC": 10.0, "USD": 100000.0})
        self.assertEqual(told["open"], [True, "7c8f0f3c-54b1-4b3a-9f3e-1d6f3c1a0b2d", 40000.0, 0.1, "open"])
        # What the order needs, and its fee.
        self.assertEqual((told["by client id"], told["free"]), (True, 95_976.0))
        # An order that was cancelled without a fill is forgotten.
        self.assertEqual((told["cancelled"], told["afterwards"]), (True, [0, "OrderNotFound"]))
        self.assertEqual((told["maker"], told["bought"]), ("rejected", ["closed", 0.2, 9999.8]))
        self.assertEqual(told["trade"], [49999.0, 0.2, "buy", 59.9988, "USD", "taker"])
        # In public the maker's side is told, which ccxt turns round.
        self.assertEqual((told["public trade"], told["candles"]), ("buy", 1))
        self.assertEqual(told["address"], sandbox.venue.funding.current_address("pool", "BTC"))
        self.assertEqual(told["deposits"], [["BTC", 10.0, "ok"], ["USD", 100000.0, "ok"]])
        self.assertEqual((told["ledger"], told["fees"]), ([["transfer", 10.0], ["trade", 0.2]], [0.004, 0.006]))
        self.assertEqual(
            told["refused"],
            {
                "funds": "InsufficientFunds",
                # ccxt does not know the words for a value that is too small.
                "minimum": "ExchangeError",
                "unknown order": "OrderNotFound",
                "done order": "OrderNotFound",
                "bad id": "InvalidOrder",
                "address": "ExchangeError",
                "key": "AuthenticationError",
                "signature": "AuthenticationError",
                "passphrase": "AuthenticationError",
                "time": "AuthenticationError",
            },
        )
        self.assertEqual(told["streams"]["order"], ["7c8f0f3c-54b1-4b3a-9f3e-1d6f3c1a0b2d", "open", 45000.0])
        self.assertEqual((told["streams"]["ended"], told["streams"]["fill"]), (True, ["buy", 0.01, 3.0, "taker"]))
