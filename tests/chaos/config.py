"""What a campaign runs on: a fast, lively world, and a pool whose money moves often."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

from tests.whole.running import EXAMPLE, edited

LOGIN = ("operator", "heron-copper-41-quay")
#: The two ways of hedging; each start draws one.
HEDGES = ("optimal", "immediate")
#: How the pool wants its money spread (BTC, source currency; BTC, target currency); each start draws one, so that much moves.
SPREADS = (("2.2", "60000", "0.8", "52000000"), ("0.8", "110000", "2.2", "34000000"))
MAX_EXPOSURE = Decimal("0.1")
IDEAL = Decimal(3)
OPENING = {"USD": Decimal(60_000), "HUF": Decimal(52_000_000), "BTC": Decimal(3)}
#: After so many world seconds whatever was sent has arrived.
ARRIVED = 7_200

_SANDBOX = {
    "speed": "60",
    "customers_per_day": "20000",
    "rival_spread": "0.008",
    "source_balance": "USD 60000, BTC 2.2",
    "target_balance": "HUF 52000000, BTC 0.8",
    "btc_delay": "300",
    "fiat_delay": "900",
    "approval": "60",
}


def sandbox(seed: int) -> dict[str, str]:
    """The [sandbox] section of the stand-alone exchanges."""
    return {"seed": str(seed), **_SANDBOX}


def pool(endpoints: Mapping[str, str], logins: Mapping[str, tuple[str, str]], url: str, dice: Random) -> str:
    """The config of a pool that does not know that its exchanges are simulated ones."""
    source_btc, source_cash, target_btc, target_cash = dice.choice(SPREADS)
    text, _, _ = EXAMPLE.read_text(encoding="utf-8").partition("# The simulated exchanges, started inside")
    connections = {
        f"{place}_connection.{key}": value
        for place, venue in (("source", "kraken"), ("target", "sputnik"))
        for key, value in zip(("endpoint", "id", "secret"), (endpoints[venue], *logins[venue]), strict=True)
    }
    return edited(
        text,
        connections
        | {
            "fiat_connection.endpoint": endpoints["ecb"],
            "target_connection.call_timeout": "3",
            "webserver.port": "0",
            "ledger.url": url,
            "target_balance_source.BTC": source_btc,
            "target_balance_source.USD": source_cash,
            "target_balance_target.BTC": target_btc,
            "target_balance_target.HUF": target_cash,
            "trader.hedge": dice.choice(HEDGES),
            "trader.max_exposure": str(MAX_EXPOSURE),
            "trader.period": "1",
            "trader.quote_size": "0.08",
            "limits.transfer_interval": "3",
            "limits.max_orders_per_minute": "600",
            "valuation.deviation_penalty": "0.01",
            "users.operator": LOGIN[1],
        },
    )
