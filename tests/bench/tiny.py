"""A market of a few minutes in round numbers: BTC at 40,000 USD, a pound at 1.60 USD, so that fair is 25,000 pounds."""

from decimal import Decimal

import numpy

from bench.arena.market import Costs, Customer, Market
from bench.arena.prices import Prices
from model.order import Side
from model.settings import Cost, Edge, Settings

D = Decimal


def market(
    *customers: Customer,
    mids: tuple[int, ...] = (40_000,) * 10,
    rates: tuple[str, ...] | None = None,
    rival_half: str | None = None,
    is_open: tuple[bool, ...] | None = None,
) -> Market:
    """One minute for each mid. The source's book: 1 BTC at 0.1 % from the mid and 1 at 0.2 %; the rate has no spread."""
    minutes = len(mids)
    rates = rates or ("1.6",) * minutes
    row = numpy.array([float(rate) for rate in rates])
    bank = numpy.array(is_open if is_open is not None else (True,) * minutes)
    distances = numpy.array([[[0.999, 0.998], [1.001, 1.002]]])
    half = None if rival_half is None else (D(rival_half),) * minutes
    return Market(
        Prices(numpy.array(mids, dtype=float), row, row, bank, False),
        tuple(D(mid) for mid in mids),
        tuple(map(D, rates)),
        tuple(map(D, rates)),
        customers,
        half,
        distances,
        numpy.ones((1, 2, 2)),
        Costs(btc_minutes=2, bank_minutes=3),
    )


def buyer(minute: int, quantity: str, limit: int) -> Customer:
    """He pays up to ``limit`` pounds per BTC."""
    return Customer(minute, Side.BUY, D(quantity), D(limit))


def seller(minute: int, quantity: str, limit: int) -> Customer:
    """He wants at least ``limit`` pounds per BTC."""
    return Customer(minute, Side.SELL, D(quantity), D(limit))


def settings(**changes: object) -> Settings:
    """The market's own costs, no patience needed, a quote of 0.5 BTC."""
    return Settings(
        source="USD",
        target="GBP",
        btc="BTC",
        ideal_source_cash=D(100_000),
        ideal_source_btc=D("2.5"),
        ideal_target_cash=D(62_500),
        ideal_target_btc=D("2.5"),
        deviation_penalty=D("0.001"),
        risk_aversion=D("0.0001"),
        fiat_exchange_cost=Cost(D(25), D("0.002")),
        source_fee=Cost(D(0), D("0.0026")),
        target_fee=Cost(D(0), D("0.001")),
        btc_fee=D("0.0005"),
        variance_btc=D(1_600_000),
        variance_fiat=D("0.00004"),
        quote_size=D("0.5"),
        edge_to_enter=Edge(D("0.005"), True),
        edge_to_leave=Edge(D("0.003"), True),
    ).replace(**changes)
