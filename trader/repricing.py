"""Between two decisions: what a move of the source means for the quotes of the last one, as far as a first order tells.

A quote is only ever moved away from the market, by at least what a hedge of it has become worse: so it earns no less than
the edge that was proven for it. To come closer, or to change a size, takes a decision, which is asked for at once as well.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import attrs
from attrs import frozen

from execution.child import Child
from execution.quotes import Slot
from model.book import Book, Level
from model.decision import Quote
from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from model.snapshot import Snapshot


@frozen
class SourceMove:
    """What has become of a quote since ``snapshot``; ``live`` is the source's book now. A move of more than ``most`` (share)
    is no small one: the quote is withdrawn."""

    snapshot: Snapshot
    live: Callable[[], Book | None]
    most: Decimal

    def __call__(self, quote: Quote) -> Quote | None:
        """The quote as it should be now: itself, or farther away by the move against us; None: better none."""
        then, now = self.snapshot.source.book, self.live()
        if now is None or now.mid is None or then.mid is None:
            return None
        quantity = quote.quantity * (quote.level + 1)  # those before it are hedged first
        was, there = _average(then, quote.side, quantity), _average(now, quote.side, quantity)
        if was is None or there is None:
            return None
        sign = quote.side.sign
        worse = max(ZERO, sign * (was - there), sign * (then.mid - now.mid))
        if worse > was * self.most:
            return None
        return _away(quote, worse * self._per_source_unit(quote, was), self.snapshot.target.instrument) if worse else quote

    def _per_source_unit(self, quote: Quote, was: Decimal) -> Decimal:
        """What one unit of source currency in the source's price is in the quote's, and rather too much than too little.

        A quote is its indifference price and an edge; the first follows the source's price by fees and rate, and what is
        fixed in it, as the edge, does not shrink with the price. So the greater of the quote's own ratio and the rate is right.
        """
        fiat = self.snapshot.fiat.best_bid
        rate = 1 / fiat.price if fiat is not None else ZERO
        return max(quote.price / was, rate)


def has_left_its_edge(
    snapshot: Snapshot | None, now: Book | None, decided: Mapping[Slot, Quote], live: Mapping[Slot, Child]
) -> bool:
    """Whether the source has moved a live quote out of its band on either side, as far as the move of its mid tells."""
    then = snapshot.source.book.mid if snapshot is not None else None
    if now is None or now.mid is None or not then:
        return False
    ratio = now.mid / then
    for slot, child in live.items():
        quote = decided.get(slot)
        if quote is not None and not quote.keep_from * ratio <= child.meant.price <= quote.keep_to * ratio:
            return True
    return False


def _average(book: Book, side: Side, quantity: Decimal) -> Decimal | None:
    """What a fill of a quote on ``side`` fetches (or costs) at the source per BTC; None if its book is not deep enough."""
    levels: tuple[Level, ...] = book.bids if side is Side.BUY else book.asks
    left, total = quantity, ZERO
    for level in levels:
        part = min(left, level.quantity)
        total += part * level.price
        left -= part
        if not left:
            return total / quantity
    return None


def _away(quote: Quote, distance: Decimal, instrument: Instrument | None) -> Quote | None:
    """``quote`` and its band, ``distance`` farther from the other side, on the venue's ticks."""
    rules = instrument or Instrument("")
    step, rounded = -quote.side.sign * distance, rules.round_bid if quote.side is Side.BUY else rules.round_ask
    price = rounded(quote.price + step)
    if price <= 0:
        return None
    return attrs.evolve(quote, price=price, keep_from=rounded(quote.keep_from + step), keep_to=rounded(quote.keep_to + step))
