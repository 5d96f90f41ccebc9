"""Prices and sizes of the quotes: from indifference, over the edges and the rival, to the venue's ticks."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from model.book import Book
from model.decision import Quote, Term
from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from model.settings import Edge
from optimizer.best import best_of
from optimizer.evaluate import GRAIN, evaluate
from optimizer.indifference import Ladder, Rung
from optimizer.pool import Pool
from optimizer.sending import Sending, affordable, differences


@frozen
class Offer:
    """What one rung wants: ``price`` before rounding, and down to (up to, for a bid) which a live order is ``kept``."""

    rung: Rung
    price: Decimal
    kept: Decimal


@frozen
class Quoting:
    """The quotes, best first on each side; before rounding, the best prices wanted; and per side why there is none."""

    quotes: tuple[Quote, ...]
    offered: Mapping[Side, Decimal]
    no_quote: Mapping[Side, str]


def quoting_of(pool: Pool, ladders: Mapping[Side, Ladder], sending: Sending, rivals: Book, instrument: Instrument) -> Quoting:
    """All quotes that the balances on both venues can honour once ``sending`` is under way.

    ``rivals`` is the target's book without our own orders.
    """
    desk = _Desk(pool, rivals, instrument)
    offers = desk.offers(ladders)
    quotes: list[Quote] = []
    no_quote: dict[Side, str] = {}
    for side in (Side.BUY, Side.SELL):
        sized, reason = desk.sized(side, offers[side], sending)
        quotes += sized
        if not sized:
            no_quote[side] = reason or ladders[side].reason
    return Quoting(tuple(quotes), {side: found[0].price for side, found in offers.items() if found}, no_quote)


@frozen
class _Desk:
    """Where prices are made. Everything is written for an ask; ``sign`` (-1 for a bid) mirrors it."""

    pool: Pool
    rivals: Book
    instrument: Instrument

    def offers(self, ladders: Mapping[Side, Ladder]) -> dict[Side, list[Offer]]:
        """What each rung wants. The best bid and ask are kept apart even where both edges are nothing."""
        if self.pool.fair is None:
            return {side: [] for side in ladders}
        firsts = {side: self._base(ladder.rungs[0]) for side, ladder in ladders.items() if ladder.rungs}
        middle = None
        if len(firsts) == 2 and firsts[Side.BUY] > firsts[Side.SELL]:
            middle = (firsts[Side.BUY] + firsts[Side.SELL]) / 2
        found = {side: self._side(side, ladder, middle) for side, ladder in ladders.items()}
        if all(found.values()) and found[Side.BUY][0].price >= found[Side.SELL][0].price:
            half = self.instrument.tick / 2
            centre = (found[Side.BUY][0].price + found[Side.SELL][0].price) / 2
            found = {side: self._clear_of(offers, centre, half) for side, offers in found.items()}
        return found

    def _side(self, side: Side, ladder: Ladder, middle: Decimal | None) -> list[Offer]:
        found: list[Offer] = []
        for rung in ladder.rungs:
            base = self._base(rung)
            if middle is not None:
                base = _outer(side, base, middle)
            offer = self._offer(rung, base)
            # No rung is better than the one before it, which is filled first.
            found.append(Offer(rung, _outer(side, offer.price, found[-1].price), offer.kept) if found else offer)
        return found

    def _base(self, rung: Rung) -> Decimal:
        """The indifference price with what fills were measured to cost afterwards."""
        return rung.price - rung.side.sign * self.pool.markout / self.pool.fiat_ask

    def _offer(self, rung: Rung, base: Decimal) -> Offer:
        s, side, sign = self.pool.settings, rung.side, -rung.side.sign
        enter, leave = self._edge(s.edge_to_enter, base), self._edge(s.edge_to_leave, base)
        nearest = enter if s.edge_min is None else self._edge(s.edge_min, base)
        wanted = base + sign * enter
        rival = self._best(side)
        if rival is not None:
            wanted = _inner(side, wanted, rival - sign * self.instrument.tick)
        wanted = _outer(side, wanted, base + sign * nearest)
        limit = self._limit(side)
        # A live order is never kept where it would lose: joining a rival has used up the room that the band assumes.
        kept = _outer(side, _outer(side, wanted - sign * (enter - leave), base), limit)
        return Offer(rung, _outer(side, wanted, limit).quantize(GRAIN), kept.quantize(GRAIN))

    def _edge(self, edge: Edge, price: Decimal) -> Decimal:
        """In target currency per BTC."""
        return edge.per_btc(price) if edge.is_share else edge.per_btc(price) / self.pool.fiat_ask

    def _best(self, side: Side) -> Decimal | None:
        level = self.rivals.best_bid if side is Side.BUY else self.rivals.best_ask
        return None if level is None else level.price

    def _limit(self, side: Side) -> Decimal:
        """The collar around fair, and the other side of the book for a quote that must not take."""
        assert self.pool.fair is not None
        s, sign = self.pool.settings, -side.sign
        limit = self.pool.fair * (1 - sign * s.max_skew)
        opposite = self._best(side.opposite)
        if s.post_only and opposite is not None:
            limit = _outer(side, limit, opposite + sign * self.instrument.tick)
        return limit

    def _clear_of(self, offers: list[Offer], centre: Decimal, half: Decimal) -> list[Offer]:
        return [
            Offer(o.rung, _outer(o.rung.side, o.price, centre - o.rung.side.sign * half), _outer(o.rung.side, o.kept, centre))
            for o in offers
        ]

    def sized(self, side: Side, offers: list[Offer], sending: Sending) -> tuple[list[Quote], str]:
        """The quotes of one side, and why there are no more."""
        if self.pool.fair is None:
            return [], "nobody asks at the source, so there is no fair price to hold a quote against"
        s, left = self.pool.settings, sending.valuation.left
        traded = abs(sending.plan.trade) if sending.plan.side is side.opposite else ZERO
        at_source = affordable(self.pool, side.opposite, left, traded)
        cash, btc = left.target_cash, left.target_btc
        found: list[Quote] = []
        for level, offer in enumerate(offers):
            price = self._rounded(side, offer.price)
            if price <= 0:
                return found, "the price would not be positive"
            fee = s.target_fee
            payable = (cash - fee.fixed) / (price * (1 + fee.proportional)) if side is Side.BUY else btc
            quantity = self.instrument.round_quantity(max(ZERO, min(s.quote_size, at_source, payable)))
            if not self.instrument.accepts(quantity, price):
                return found, self._too_small(side, at_source, payable)
            at_source -= quantity
            cash -= price * quantity * (1 + fee.proportional) + fee.fixed
            btc -= quantity
            found.append(self._quote(offer, level, price, quantity))
        return found, ""

    def _rounded(self, side: Side, price: Decimal) -> Decimal:
        return self.instrument.round_bid(price) if side is Side.BUY else self.instrument.round_ask(price)

    def _too_small(self, side: Side, at_source: Decimal, payable: Decimal) -> str:
        if at_source < payable:
            done = "sold" if side is Side.BUY else "bought"
            return f"only {at_source.normalize():f} BTC of a fill could be {done} at the source"
        if payable < self.pool.settings.quote_size:
            return f"the target's balance is enough for only {payable.quantize(self.instrument.lot):f} BTC"
        return "quote_size is below the target's smallest order"

    def _quote(self, offer: Offer, level: int, price: Decimal, quantity: Decimal) -> Quote:
        side = offer.rung.side
        # Rounding moves a price away from the other side, so the band ends at the rounded price and not short of it.
        low, high = sorted((offer.kept, price))
        return Quote(side, price, quantity, offer.rung.price, low, high, level, _why(offer.rung, price, quantity))


def _why(rung: Rung, price: Decimal, quantity: Decimal) -> tuple[Term, ...]:
    """What a fill of ``quantity`` at ``price`` would earn, the pool's reaction included, term by term."""
    pool, s = rung.before, rung.before.settings
    after = pool.after_fill(rung.side, quantity, price)
    reaction = rung.best_after if quantity == s.quote_size else best_of(after)
    before, then = evaluate(pool, rung.best_before.plan), evaluate(after, reaction.plan)
    terms = {term.name: term.amount for term in differences(then, before)}
    fee = -(quantity * price * s.target_fee.proportional + s.target_fee.fixed) * pool.fiat_bid
    fee = fee.quantize(GRAIN)
    found = [Term("edge", terms.pop("holdings", ZERO) - fee), Term("target fee", fee)]
    found += [Term(name, amount) for name, amount in terms.items()]
    if pool.markout:
        found.append(Term("mark-out", -pool.markout * quantity))
    return tuple(term for term in found if term.amount)


def _outer(side: Side, one: Decimal, other: Decimal) -> Decimal:
    """The price farther from the other side of the book: the higher ask, the lower bid."""
    return min(one, other) if side is Side.BUY else max(one, other)


def _inner(side: Side, one: Decimal, other: Decimal) -> Decimal:
    return max(one, other) if side is Side.BUY else min(one, other)
