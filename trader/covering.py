"""The safety nets at once: what they demand after a fill is traded without waiting for the next decision.

``hedge = immediate`` demands all of the exposure, ``max_exposure`` what is beyond it (design/optimizer.md, "Hedging is part of
the decision"). The optimiser demands the same of its next answer; by then it is under way and counts as done.
"""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

from execution.hedges import LIMIT
from model.book import Book, Level
from model.decision import Trade
from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from model.position import Position
from model.settings import Settings
from trader.gathering import Gatherer
from trader.guards import smaller, within_position
from trader.parts import Parts

#: The step of a trade where the venue names none.
COIN = Decimal("0.00000001")


class Covering:
    """Looks at the exposure when a fill or the end of a hedge has changed it, and opens the obligation that the nets demand."""

    def __init__(self, parts: Parts, gatherer: Gatherer, settings: Callable[[], Settings], may_trade: Callable[[], bool]) -> None:
        self._parts = parts
        self._gatherer = gatherer
        self._settings = settings
        self._may_trade = may_trade

    def at_once(self) -> None:
        """Cover what is over the nets now. Safe to repeat: what is under way counts as done."""
        parts, settings = self._parts, self._settings()
        if not self._may_trade() or parts.hedges.is_busy:
            return
        over, feed = excess(self._gatherer.exposure(settings), settings), parts.feeds["source"]
        if not over or feed.book is None or self._gatherer.problem():
            return
        there = self._gatherer.positions("source", settings)
        nothing = Position("", ZERO, ZERO)
        cash, coins = there.get(settings.source, nothing), there.get(settings.btc, nothing)
        trade = covering(over, settings, feed.book, cash, coins, feed.instrument)
        trade = smaller(trade, parts.limits.max_order_value, feed.instrument)
        trade = within_position(trade, parts.limits, parts.books.balance("source", settings.btc), feed.instrument)
        if trade is not None:
            parts.hedges.cover(trade, LIMIT)


def excess(exposure: Decimal, settings: Settings) -> Decimal:
    """How much of ``exposure`` (BTC away from the ideal, signed) is more than the nets allow, signed alike."""
    allowed = ZERO if settings.hedge == "immediate" else settings.max_exposure
    if allowed is None or abs(exposure) <= allowed:
        return ZERO
    return exposure - allowed if exposure > 0 else exposure + allowed


def covering(
    over: Decimal, settings: Settings, book: Book, cash: Position, coins: Position, instrument: Instrument | None
) -> Trade | None:
    """The trade at the source that takes ``over`` (signed, in BTC) away, as far as its book and our balances there go.

    None if nothing can be traded, or too little for the venue: that is carried. Levels beyond ``max_slippage`` are not used.
    """
    side = Side.SELL if over > 0 else Side.BUY
    levels = _usable(book, side, settings.max_slippage)
    there = coins.available if side is Side.SELL else _payable(levels, cash.available, settings)
    rules = instrument or Instrument(settings.source_contract, lot=COIN)
    quantity = rules.round_quantity(min(abs(over), there, sum((level.quantity for level in levels), ZERO)))
    worst = _worst(levels, quantity)
    if worst is None or not rules.accepts(quantity, worst):
        return None
    # Rounded towards the other side of the book, or the last level would not be reached.
    return Trade(side, quantity, rules.round_ask(worst) if side is Side.BUY else rules.round_bid(worst))


def _usable(book: Book, side: Side, slippage: Decimal) -> list[Level]:
    levels = book.asks if side is Side.BUY else book.bids
    if not levels:
        return []
    last = levels[0].price * (1 + side.sign * slippage)
    return [level for level in levels if (last - level.price) * side.sign >= 0]


def _payable(levels: list[Level], cash: Decimal, settings: Settings) -> Decimal:
    """What ``cash`` buys on these levels, fees included."""
    rest, found = cash - settings.source_fee.fixed, ZERO
    for level in levels:
        cost = level.price * (1 + settings.source_fee.proportional)
        taken = min(level.quantity, max(ZERO, rest) / cost)
        found += taken
        rest -= taken * cost
    return found.quantize(COIN, ROUND_DOWN)


def _worst(levels: list[Level], quantity: Decimal) -> Decimal | None:
    """The price of the last level that ``quantity`` needs; None for nothing."""
    worst = None
    for level in levels:
        if quantity <= 0:
            break
        worst = level.price
        quantity -= level.quantity
    return worst
