"""Background market makers: a ladder of levels around a price, changed only where the price has left it."""

from decimal import Decimal
from random import Random

from attrs import frozen

from model.money import ceil_to, floor_to
from model.order import Side
from sandbox.trading import VenueRefused
from sandbox.venue import Venue


@frozen
class Ladder:
    """``levels`` per side, the first ``half_spread`` (share of the price) away, then ``step`` (share) apart.

    ``median`` is the usual quantity (base) of the first level; deeper ones grow by ``growth`` each.
    """

    levels: int
    half_spread: Decimal
    step: Decimal
    median: float
    growth: float = 0.05
    scatter: float = 0.6


class Maker:
    """Keeps ``user``'s ladder in ``contract``. Prices lie on a fixed grid, so that a small move touches few levels."""

    def __init__(self, venue: Venue, user: str, contract: str, ladder: Ladder, random: Random) -> None:
        self._venue = venue
        self._user = user
        self._instrument = venue.instrument(contract)
        self._ladder = ladder
        self._random = random
        self._grid: Decimal | None = None
        self._orders: dict[tuple[Side, Decimal], int] = {}

    def follow(self, fair: Decimal) -> None:
        """Move the ladder to where it belongs around ``fair``, and refresh a level now and then."""
        wanted = self._places(fair)
        still_open = {order.id: order for order in self._venue.open_orders(self._user)}
        restless = self._random.choice(list(self._orders)) if self._orders else None
        for place, order_id in list(self._orders.items()):
            order = still_open.get(order_id)
            is_thin = order is not None and order.quantity_left * 2 < order.quantity
            if order is None or is_thin or place not in wanted or place == restless:
                del self._orders[place]
                if order is not None:
                    self._venue.cancel(self._user, order_id)
        for place, depth in wanted.items():
            if place not in self._orders:
                self._post(place, depth)

    def _places(self, fair: Decimal) -> dict[tuple[Side, Decimal], int]:
        ladder = self._ladder
        if self._grid is None:
            self._grid = ceil_to(fair * ladder.step, self._instrument.tick)
        grid = self._grid
        bid, ask = floor_to(fair * (1 - ladder.half_spread), grid), ceil_to(fair * (1 + ladder.half_spread), grid)
        if bid == ask:
            ask += grid
        bids = {(Side.BUY, bid - depth * grid): depth for depth in range(ladder.levels) if bid > depth * grid}
        return bids | {(Side.SELL, ask + depth * grid): depth for depth in range(ladder.levels)}

    def _post(self, place: tuple[Side, Decimal], depth: int) -> None:
        median = self._ladder.median * (1 + self._ladder.growth * depth)
        drawn = Decimal(repr(round(median * self._random.lognormvariate(0.0, self._ladder.scatter), 8)))
        instrument = self._instrument
        quantity = max(floor_to(drawn, instrument.lot), instrument.lot, ceil_to(instrument.min_quantity, instrument.lot))
        side, price = place
        try:
            order = self._venue.place(self._user, instrument.contract, side, quantity, price)
        except VenueRefused:
            # Out of funds on one side, as happens to real makers: the level stays empty.
            return
        if order.is_open:
            self._orders[place] = order.id
