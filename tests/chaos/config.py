"""What a campaign runs on: a fast, lively world, and a pool whose money moves often."""

from collections.abc import Mapping
from decimal import Decimal

from tests.whole.running import EXAMPLE, edited

LOGIN = ("operator", "heron-copper-41-quay")
#: The two ways of hedging.
HEDGES = ("optimal", "immediate")
#: How the pool wants its money spread (BTC, source currency; BTC, target currency): so far apart that what is near enough to
#: one (a quarter less or more) is too far from the other, and everything must move.
SPREADS = (("1.9", "90000", "1.1", "57000000"), ("1.1", "155000", "1.9", "33000000"))
MAX_EXPOSURE = Decimal("0.1")
IDEAL = Decimal(3)
OPENING = {"USD": Decimal(100_000), "HUF": Decimal(54_000_000), "BTC": Decimal(3)}
#: After so many world seconds whatever was sent has arrived.
ARRIVED = 7_200

_SANDBOX = {
    "speed": "60",
    "customers_per_day": "20000",
    "rival_spread": "0.008",
    "source_balance": "USD 100000, BTC 1.9",
    "target_balance": "HUF 54000000, BTC 1.1",
    "btc_delay": "150",
    "fiat_delay": "300",
    "approval": "90",
}


def sandbox(seed: int) -> dict[str, str]:
    """The [sandbox] section of the stand-alone exchanges."""
    return {"seed": str(seed), **_SANDBOX}


def pool(endpoints: Mapping[str, str], logins: Mapping[str, tuple[str, str]], url: str, spread: int, hedge: str) -> str:
    """The config of a pool that does not know that its exchanges are simulated ones.

    :param spread: which of :data:`SPREADS`. :param hedge: one of :data:`HEDGES`.
    """
    source_btc, source_cash, target_btc, target_cash = SPREADS[spread]
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
            "target_connection.call_timeout": "2",
            "webserver.port": "0",
            "ledger.url": url,
            "target_balance_source.BTC": source_btc,
            "target_balance_source.USD": source_cash,
            "target_balance_target.BTC": target_btc,
            "target_balance_target.HUF": target_cash,
            "trader.hedge": hedge,
            "trader.max_exposure": str(MAX_EXPOSURE),
            "trader.period": "1",
            "trader.quote_size": "0.08",
            "limits.transfer_interval": "1",
            "limits.hedge_age": "1",
            "limits.max_orders_per_minute": "600",
            "data.btc_delay": "5",
            "data.fiat_exchange_delay": "5",
            "valuation.deviation_penalty": "0.01",
            "users.operator": LOGIN[1],
        },
    )
