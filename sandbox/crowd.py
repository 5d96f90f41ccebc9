"""Everybody else: people who come to trade, each for reasons of their own."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from random import Random

from attrs import frozen

from model.money import ceil_to, floor_to
from model.order import Side
from sandbox.trading import Reason, VenueRefused
from sandbox.venue import Venue

#: Shares of buyers in the moods a market can be in.
_MOODS = (0.35, 0.5, 0.5, 0.65)


class Arrivals:
    """A Poisson process: ``per_day`` on average, each at its own moment of world time."""

    def __init__(self, per_day: float, random: Random) -> None:
        self._per_second = per_day / 86_400
        self._random = random
        self._wait = self._next()

    def during(self, seconds: float) -> int:
        """How many come in the next ``seconds``."""
        count = 0
        self._wait -= seconds
        while self._wait <= 0:
            count += 1
            self._wait += self._next()
        return count

    def _next(self) -> float:
        return self._random.expovariate(self._per_second) if self._per_second > 0 else float("inf")


class Mood:
    """Which way people lean: it changes every few hours."""

    def __init__(self, random: Random, mean_hours: float = 6.0) -> None:
        self._random = random
        self._change = Arrivals(24.0 / mean_hours, random)
        self._share = 0.5

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if self._change.during(seconds):
            self._share = self._random.choice(_MOODS)

    def side(self) -> Side:
        """What the next one wants."""
        return Side.BUY if self._random.random() < self._share else Side.SELL


@frozen
class Habits:
    """Quantities are log-normal around ``median`` (base), at most ``largest``.

    Takers (``takers`` of all) pay up to a premium over the fair price, normal around ``premium`` with ``premium_scatter``;
    the others offer behind it by about half as much and wait for ``patience`` world seconds.
    """

    per_day: float
    median: float
    scatter: float = 0.9
    largest: Decimal = Decimal(2)
    takers: float = 0.85
    premium: float = 0.006
    premium_scatter: float = 0.004
    patience: float = 600.0


class Crowd:
    """Customers of one contract. ``users`` are their accounts, used in turn by chance."""

    def __init__(
        self, venue: Venue, contract: str, users: list[str], habits: Habits, fair: Callable[[], Decimal], random: Random
    ) -> None:
        self._venue = venue
        self._instrument = venue.instrument(contract)
        self._users = users
        self._habits = habits
        self._fair = fair
        self._random = random
        self._arrivals = Arrivals(habits.per_day, random)
        self._mood = Mood(random)
        self._seconds = 0.0
        self._waiting: deque[tuple[float, str, int]] = deque()

    def advance(self, seconds: float) -> None:
        """Let time pass: some come, some give up."""
        self._seconds += seconds
        self._mood.advance(seconds)
        while self._waiting and self._waiting[0][0] <= self._seconds:
            _, user, order_id = self._waiting.popleft()
            self._give_up(user, order_id)
        for _ in range(self._arrivals.during(seconds)):
            self._come()

    def _come(self) -> None:
        habits, instrument, side = self._habits, self._instrument, self._mood.side()
        is_taker = self._random.random() < habits.takers
        premium = self._random.gauss(habits.premium, habits.premium_scatter)
        shift = premium if is_taker else -abs(premium) / 2
        price = self._fair() * (1 + side.sign * Decimal(repr(round(shift, 9))))
        limit = floor_to(price, instrument.tick) if side is Side.BUY else ceil_to(price, instrument.tick)
        drawn = Decimal(repr(round(habits.median * self._random.lognormvariate(0.0, habits.scatter), 8)))
        smallest = max(instrument.lot, ceil_to(instrument.min_quantity, instrument.lot))
        quantity = max(smallest, floor_to(min(drawn, habits.largest), instrument.lot))
        user = self._random.choice(self._users)
        try:
            order = self._venue.place(user, instrument.contract, side, quantity, limit, immediate=is_taker)
        except VenueRefused as refusal:
            if refusal.reason not in (Reason.FUNDS, Reason.MINIMUM):
                raise
            return
        if order.is_open:
            self._waiting.append((self._seconds + habits.patience, user, order.id))

    def _give_up(self, user: str, order_id: int) -> None:
        if any(order.id == order_id for order in self._venue.open_orders(user)):
            self._venue.cancel(user, order_id)
