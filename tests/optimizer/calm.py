"""A pool at its ideal in round numbers, to change one thing at a time."""

from decimal import Decimal

from model.book import Book, Level
from model.instrument import Instrument
from model.order import Order, Side
from model.position import Position
from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit

D = Decimal


def settings(**changes: object) -> Settings:
    """100,000 USD in each balance, a mild penalty and a calm aversion to risk."""
    return Settings(
        source="USD",
        target="HUF",
        btc="BTC",
        ideal_source_cash=D(100_000),
        ideal_source_btc=D(2),
        ideal_target_cash=D(40_000_000),
        ideal_target_btc=D(2),
        deviation_penalty=D("0.001"),
        risk_aversion=D("0.00003"),
        fiat_exchange_cost=Cost(D(25), D("0.002")),
        source_fee=Cost(D(0), D("0.002")),
        target_fee=Cost(D(0), D("0.001")),
        btc_fee=D("0.0005"),
        variance_btc=D(1_000_000),
        variance_fiat=D("0.0000000001"),
        quote_size=D("0.25"),
        edge_to_enter=Edge(D(0)),
        edge_to_leave=Edge(D(0)),
    ).replace(**changes)


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    """Price and quantity each."""
    return tuple(Level(D(price), D(quantity)) for price, quantity in pairs)


def order(id: str, side: Side, price: str, quantity: str) -> Order:
    """A live order of ours on the target."""
    return Order(id, "BTC/HUF", side, D(price), D(quantity), D(quantity), False, 0)


def snapshot(
    source_cash: str = "100000",
    source_btc: str = "2",
    target_cash: str = "40000000",
    target_btc: str = "2",
    target_book: Book | None = None,
    orders: tuple[Order, ...] = (),
    transits: tuple[Transit, ...] = (),
    source_book: Book | None = None,
    markout: Decimal | None = None,
    target_steps: Instrument | None = None,
    source_steps: Instrument | None = None,
) -> Snapshot:
    """BTC at 50,000 USD, 400 HUF to the dollar."""
    deep = Book("BTC/USD", levels(("49990", "1"), ("49950", "3")), levels(("50010", "1"), ("50050", "3")))
    return Snapshot(
        1_700_000_000_000_000,
        VenueView(source_book or deep, positions("USD", source_cash, source_btc), {}, source_steps),
        VenueView(
            target_book or Book("BTC/HUF"), positions("HUF", target_cash, target_btc), {o.id: o for o in orders}, target_steps
        ),
        Book("HUF/USD", levels(("0.0025", "1000000000")), levels(("0.002502", "1000000000"))),
        transits,
        markout,
    )


def positions(cash: str, money: str, coins: str) -> dict[str, Position]:
    """Both balances of a venue, all of them available."""
    return {cash: Position(cash, D(money), D(money)), "BTC": Position("BTC", D(coins), D(coins))}
