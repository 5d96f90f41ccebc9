"""Small venues for the tests, and a wall clock that stands still until it is told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from model.instrument import Instrument
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from sandbox.venue import Venue

D = Decimal


class WallClock:
    """An aware ``now()`` that tests move by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def kraken_rules(**changes: object) -> Rules:
    """A venue like Kraken: BTC/USD, fees 0.16 / 0.26 %, no self-trades."""
    values: dict[str, object] = {
        "instruments": {"BTC/USD": Instrument("BTC/USD", D("0.1"), D("0.00000001"), D("0.0001"), D("0.5"))},
        "currencies": {"BTC": D("0.00000001"), "USD": D("0.0001")},
        "fees": FeeSchedule(D("0.0016"), D("0.0026")),
        "withdrawal_fees": {"BTC": WithdrawalFee(D("0.0001"))},
    }
    return Rules(**{**values, **changes})  # type: ignore[arg-type]


def binance_rules(**changes: object) -> Rules:
    """A venue like Binance: BTC/USDT, 10 bps out of what is received, post-only orders that would trade are refused."""
    values: dict[str, object] = {
        "instruments": {"BTC/USDT": Instrument("BTC/USDT", D("0.01"), D("0.00001"), D("0.00001"), D(5))},
        "currencies": {"BTC": D("0.00000001"), "USDT": D("0.00000001")},
        "fees": FeeSchedule(D("0.001"), D("0.001"), D("0.00000001")),
        "withdrawal_fees": {"BTC": WithdrawalFee(D("0.0001"))},
        "fee_from_received": True,
    }
    return Rules(**{**values, **changes})  # type: ignore[arg-type]


def gemini_rules(**changes: object) -> Rules:
    """A venue like Gemini: BTC/USD, 20 / 40 bps in quote, post-only orders that would trade are taken and cancelled."""
    values: dict[str, object] = {
        "instruments": {"BTC/USD": Instrument("BTC/USD", D("0.01"), D("0.00000001"), D("0.00001"))},
        "currencies": {"BTC": D("0.00000001"), "USD": D("0.00000001")},
        "fees": FeeSchedule(D("0.002"), D("0.004"), D("0.00000001")),
        "withdrawal_fees": {"BTC": WithdrawalFee(D("0.0001"))},
        "cancels_crossing": True,
    }
    return Rules(**{**values, **changes})  # type: ignore[arg-type]


def bitstamp_rules(**changes: object) -> Rules:
    """A venue like Bitstamp: BTC/USD in whole dollars, 0.3 / 0.4 %, crossing post-only orders are cancelled."""
    values: dict[str, object] = {
        "instruments": {"BTC/USD": Instrument("BTC/USD", D(1), D("0.00000001"), D("0.00000001"), D(10))},
        "currencies": {"BTC": D("0.00000001"), "USD": D("0.00000001")},
        "fees": FeeSchedule(D("0.003"), D("0.004")),
        "withdrawal_fees": {"BTC": WithdrawalFee(D("0.0001"))},
        "cancels_crossing": True,
    }
    return Rules(**{**values, **changes})  # type: ignore[arg-type]


def sputnik_rules() -> Rules:
    """A venue like Sputnik: BTC/HUF, 10 bps on both sides, whole fillers as values, self-trades, original holds."""
    return Rules(
        {"BTC/HUF": Instrument("BTC/HUF", D(100), D("0.0001"), D("0.0001"))},
        {"BTC": D("0.00000001"), "HUF": D("0.01")},
        FeeSchedule(D("0.001"), D("0.001"), D("0.01")),
        value_step=D("0.01"),
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )


def kraken_venue(now: WallClock | None = None) -> Venue:
    """A Kraken-like venue where alice and bob have 100,000 USD and 10 BTC each."""
    venue = Venue("kraken", kraken_rules(), now or WallClock())
    for user in ("alice", "bob"):
        venue.accounts.open(user)
        venue.accounts.post(user, "USD", D(100_000), "Deposit")
        venue.accounts.post(user, "BTC", D(10), "Deposit")
    return venue
