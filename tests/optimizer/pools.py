"""A generator of pools, from tame to extreme, for tests and benchmarks: nothing in them comes from a real account."""

import math
import random
from decimal import Decimal

from model.book import Book, Level
from model.position import Position
from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit

CENT, COIN = Decimal("0.01"), Decimal("1e-8")


def pool(seed: int, *, is_tame: bool = False, depth: int | None = None) -> tuple[Snapshot, Settings]:
    """The pool with this number. A tame one is near its ideal, with a deep book and a penalty that does not dominate."""
    draw = random.Random(seed)
    price = math.exp(draw.uniform(math.log(200), math.log(100_000)))
    rate = math.exp(draw.uniform(math.log(0.002), math.log(1.5)))
    worth = math.exp(draw.uniform(math.log(2_000), math.log(2_000_000)))
    spread = 0.2 if is_tame else 1.0
    ideals = [worth * math.exp(draw.uniform(-spread, spread)) for _ in range(4)]
    units = [1.0, price, rate, price]
    ideal = [_amount(value / unit) for value, unit in zip(ideals, units, strict=True)]
    settings = _settings(draw, ideal, worth, price, rate, is_tame=is_tame)
    held = [_held(draw, amount, is_tame=is_tame) for amount in ideal]
    bids, asks = _book(draw, price, worth / price, depth or draw.choice((1, 3, 10, 40)), is_thin=draw.random() < 0.3)
    fiat = Book("HUF/USD", (_level(rate, 1e9),), (_level(rate * (1 + draw.uniform(0, 0.002)), 1e9),))
    venues = [
        VenueView(Book("BTC/USD", bids, asks), _positions("USD", held[0], held[1])),
        VenueView(Book("BTC/HUF"), _positions("HUF", held[2], held[3])),
    ]
    return Snapshot(1_700_000_000_000_000, venues[0], venues[1], fiat, _transits(draw, ideal)), settings


def _settings(draw: random.Random, ideal: list[Decimal], worth: float, price: float, rate: float, *, is_tame: bool) -> Settings:
    low, high = (0.0005, 0.003) if is_tame else (0.001, 50.0)
    volatility = draw.uniform(0.005, 0.1)
    return Settings(
        source="USD",
        target="HUF",
        btc="BTC",
        ideal_source_cash=ideal[0],
        ideal_source_btc=ideal[1],
        ideal_target_cash=ideal[2],
        ideal_target_btc=ideal[3],
        deviation_penalty=_number(math.exp(draw.uniform(math.log(low), math.log(high)))),
        risk_aversion=_number(math.exp(draw.uniform(math.log(1), math.log(50 if is_tame else 3_000))) / worth),
        fiat_exchange_cost=Cost(_number(draw.choice((0.0, 25.0, draw.uniform(1, 150)))), _number(draw.uniform(0, 0.02))),
        source_fee=Cost(_number(draw.choice((0.0, 0.0, 0.5))), _number(draw.uniform(0, 0.01))),
        target_fee=Cost(_number(draw.choice((0.0, 0.0, 1 / rate))), _number(draw.uniform(0, 0.01))),
        btc_fee=_number(draw.uniform(0, 0.0006)),
        variance_btc=_number((price * volatility) ** 2),
        variance_fiat=_number((rate * volatility / 5) ** 2),
        quote_size=_amount(worth / price * draw.uniform(0.002, 0.05)) + COIN,
        edge_to_enter=Edge(Decimal(0)),
        edge_to_leave=Edge(Decimal(0)),
        out_address="OUT" if draw.random() < 0.6 else None,
        min_action_value=_number(draw.choice((0.0, 1.0, 50.0))),
    )


def _book(
    draw: random.Random, price: float, depth: float, count: int, *, is_thin: bool
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    share = depth * (0.01 if is_thin else 2.0) / count
    sides = []
    for sign in (-1, 1):
        at, levels = price, []
        for _ in range(count):
            at *= 1 + sign * draw.expovariate(1.0) * 0.008 / count
            levels.append(_level(at, share * draw.uniform(0.1, 2) + 1e-6))
        sides.append(tuple(levels))
    return sides[0], sides[1]


def _held(draw: random.Random, ideal: Decimal, *, is_tame: bool) -> Decimal:
    if is_tame:
        return _amount(float(ideal) * draw.uniform(0.6, 1.4))
    return _amount(float(ideal) * draw.choice((0.0, draw.uniform(0, 0.3), draw.uniform(0.5, 1.5), draw.uniform(1, 12))))


def _transits(draw: random.Random, ideal: list[Decimal]) -> tuple[Transit, ...]:
    possible = (("source", "USD"), ("source", "BTC"), ("target", "HUF"), ("target", "BTC"))
    return tuple(
        Transit(None, place, ticker, _amount(float(amount) * draw.random()))  # type: ignore[arg-type]
        for (place, ticker), amount in zip(possible, ideal, strict=True)
        if draw.random() < 0.2
    )


def _positions(cash: str, money: Decimal, coins: Decimal) -> dict[str, Position]:
    return {cash: Position(cash, money, money), "BTC": Position("BTC", coins, coins)}


def _level(price: float, quantity: float) -> Level:
    return Level(_number(price), _amount(quantity))


def _number(value: float) -> Decimal:
    return Decimal(f"{value:.9g}")


def _amount(value: float) -> Decimal:
    return Decimal(f"{value:.8f}")
