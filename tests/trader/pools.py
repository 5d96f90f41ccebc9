"""One small pool: Kraken's BTC/USD to a BTC/HUF, balanced, with room to quote both sides."""

from decimal import Decimal

from model.book import Book, Level
from model.instrument import Instrument
from model.position import Position
from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot, VenueView

D = Decimal

SETTINGS = Settings(
    source="USD",
    target="HUF",
    btc="BTC",
    ideal_source_cash=D(100000),
    ideal_source_btc=D("1.5"),
    ideal_target_cash=D(37000000),
    ideal_target_btc=D("1.5"),
    deviation_penalty=D("0.002"),
    risk_aversion=D("0.00005"),
    fiat_exchange_cost=Cost(D(25), D("0.002")),
    source_fee=Cost(D(0), D("0.0026")),
    target_fee=Cost(D(0), D("0.001")),
    btc_fee=D("0.0005"),
    variance_btc=D(1500000),
    variance_fiat=D("0.0000000003"),
    quote_size=D("0.1"),
    edge_to_enter=Edge(D(100)),
    edge_to_leave=Edge(D(60)),
)


def _position(ticker: str, amount: str) -> Position:
    return Position(ticker, D(amount), D(amount))


SNAPSHOT = Snapshot(
    timestamp=1_790_000_000_000_000,
    source=VenueView(
        Book("BTC/USD", (Level(D(65000), D(3)),), (Level(D(65010), D(3)),)),
        {"USD": _position("USD", "100000"), "BTC": _position("BTC", "1.5")},
        instrument=Instrument("BTC/USD", D("0.1"), D("0.00000001"), D("0.0001")),
    ),
    target=VenueView(
        Book("BTC/HUF"),
        {"HUF": _position("HUF", "37000000"), "BTC": _position("BTC", "1.5")},
        instrument=Instrument("BTC/HUF", D(1), D("0.0001"), D("0.0001")),
    ),
    fiat=Book("HUF/USD", (Level(D("0.0027"), D(10**9)),), (Level(D("0.0027"), D(10**9)),)),
)
