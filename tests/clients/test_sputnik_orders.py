"""Our own orders under every kind of event trouble: no wrong fill is ever told, and the history completes the rest."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.sputnik.orders import CLOSED_KEPT, OwnOrders
from clients.sputnik.wire import WireFill, WireOrder

QUANTITY = 10


def order(left: int = QUANTITY, *, id: int = 1, is_cancelled: bool = False, timestamp: int = 5) -> WireOrder:
    """Ours, with ``left`` of ten."""
    return WireOrder(id, "BTC/HUF", "BUY", 100, QUANTITY, left, is_cancelled, timestamp)


def fill(quantity: int, price: int = 100, timestamp: int = 6, *, id: int = 1, nth: int = 1) -> WireFill:
    """An execution of ours."""
    return WireFill(id, "BTC/HUF", "BUY", price, quantity, {"HUF": price}, timestamp, nth)


def tell(own: OwnOrders, event: tuple[str, Any]) -> WireFill | None:
    """One event of a feed; the fill that it proved."""
    kind, what = event
    if kind == "order":
        return own.heard_order(what)[1]
    if kind == "fill":
        return own.heard_fill(what, what.quantity * what.price)
    return own.heard_posting(1, *what)


def match(quantity: int, price: int, left: int, timestamp: int = 6) -> list[tuple[str, Any]]:
    """The events of one match in the venue's usual order."""
    return [
        ("posting", (0, quantity * price)),
        ("posting", (quantity, 0)),
        ("order", order(left)),
        ("fill", fill(quantity, price, timestamp)),
    ]


class LiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own = OwnOrders()
        self.own.placed(order(timestamp=0), 3)

    def test_as_recorded(self) -> None:
        """The stale first event, then two matches: two fills with ids by their sizes, the order told after each step."""
        self.assertEqual(order(), self.own.heard_order(order())[0])
        told = [tell(self.own, event) for event in match(3, 100, 7) + match(7, 101, 0)]
        self.assertEqual(["1:3:1", "1:7:1"], [proven.id for proven in told if proven])
        self.assertEqual(set(), self.own.untold())

    def test_repeats_are_no_news(self) -> None:
        """A doubled or stale event tells nothing and spoils nothing."""
        for event in match(3, 100, 7):
            tell(self.own, event)
        self.assertEqual((None, None), self.own.heard_order(order(7)))
        self.assertEqual((None, None), self.own.heard_order(order(10)))
        self.assertIsNone(self.own.heard_fill(fill(3), 300))
        self.assertEqual(set(), self.own.untold())

    def test_fill_before_its_order_event(self) -> None:
        """Overtaken events prove the fill as soon as the last of them is there."""
        events = match(3, 100, 7)
        told = [tell(self.own, event) for event in (events[3], events[2], events[1], events[0])]
        self.assertEqual([None, None, None], told[:3])
        self.assertEqual("1:3:1", told[3].id if told[3] else None)

    def test_a_lost_fill_is_untold(self) -> None:
        """Whatever is lost, the order stays untold until the history is read; the history tells only what was not told."""
        for event in match(3, 100, 7) + match(2, 101, 5, 7)[:3]:
            tell(self.own, event)
        self.assertEqual({1}, self.own.untold())
        history = [fill(3), fill(2, 101, 7)]
        news, fills = self.own.settle({1}, set(), {1}, history)
        self.assertEqual(([], ["1:2:1"]), (news, [f.id for f in fills]))
        self.assertEqual(set(), self.own.untold())

    def test_a_clock_set_back(self) -> None:
        """The history tells the later fill first: each keeps its id, and only what was not told is news."""
        for event in match(3, 100, 7) + match(2, 100, 5, 7)[:3]:
            tell(self.own, event)
        _, fills = self.own.settle({1}, set(), {1}, [fill(2, 100, 2), fill(3, 100, 6)])
        self.assertEqual(["1:2:1"], [f.id for f in fills])
        self.assertEqual(set(), self.own.untold())

    def test_the_next_fill_is_not_taken_for_the_lost_one(self) -> None:
        """Equal quantities, other price: the second fill must not get the first one's id."""
        lost, second = match(2, 100, 8)[:3], match(2, 101, 6, 7)
        self.assertEqual([None] * 7, [tell(self.own, event) for event in lost + second])
        self.assertEqual([None], [tell(self.own, ("fill", fill(2, 101, 7)))])

    def test_cancelled_and_filled(self) -> None:
        """A cancel is told with what is left; cancelling what was filled does not make it cancelled."""
        news, _ = self.own.heard_order(order(10, is_cancelled=True))
        self.assertEqual((True, 10), (news.is_cancelled, news.left) if news else None)
        other = OwnOrders()
        other.placed(order(timestamp=0), 3)
        for event in match(10, 100, 0):
            tell(other, event)
        self.assertEqual((None, None), other.heard_order(order(0, is_cancelled=True)))

    def test_a_fill_after_its_cancel(self) -> None:
        """It counts like any other."""
        self.own.heard_order(order(10, is_cancelled=True))
        told = [tell(self.own, event) for event in match(4, 100, 6)]
        self.assertEqual("1:4:1", told[-1].id if told[-1] else None)


class SnapshotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own = OwnOrders()
        self.own.heard_order(order())

    def test_gone_and_filled(self) -> None:
        """An open order that is listed no more is doubtful; the history says it filled."""
        self.assertEqual([], self.own.snapshot({}, {1}))
        self.assertEqual({1}, self.own.untold())
        news, fills = self.own.settle({1}, set(), set(), [fill(10)])
        self.assertEqual([(0, False)], [(o.left, o.is_cancelled) for o in news])
        self.assertEqual(["1:10:1"], [f.id for f in fills])

    def test_gone_and_cancelled(self) -> None:
        """The history says it filled in part: the rest was cancelled."""
        self.own.snapshot({}, {1})
        news, _ = self.own.settle({1}, set(), set(), [fill(4)])
        self.assertEqual([(6, True)], [(o.left, o.is_cancelled) for o in news])
        self.assertEqual(set(), self.own.untold())

    def test_younger_than_the_list(self) -> None:
        """An order placed after the list was asked for is not missed in it."""
        self.own.heard_order(order(id=2))
        self.own.snapshot({1: order()}, {1})
        self.assertEqual(set(), self.own.untold())

    def test_found_half_filled(self) -> None:
        """An order first seen in the list is taken as it is, and its past comes out of the history."""
        news = self.own.snapshot({1: order(), 5: order(7, id=5)}, {1})
        self.assertEqual(([5], {5}), ([o.id for o in news], self.own.untold()))
        _, fills = self.own.settle({5}, set(), {1, 5}, [fill(3, id=5)])
        self.assertEqual(["5:3:1"], [f.id for f in fills])

    def test_strays(self) -> None:
        """A fill of an order that we never heard of is told from the history."""
        self.assertIsNone(self.own.heard_fill(fill(3, id=9), 300))
        self.assertEqual(({9}, 0), (self.own.strays, self.own.born({1, 9})))
        _, fills = self.own.settle(set(), {9}, {1}, [fill(3, id=9), fill(2, id=8)])
        self.assertEqual((["9:3:1"], set()), ([f.id for f in fills], self.own.strays))

    def test_memory_is_bounded(self) -> None:
        """Closed orders are forgotten in the end, open ones never."""
        for id in range(2, CLOSED_KEPT + 100):
            self.own.heard_order(order(10, id=id, is_cancelled=True))
        self.assertEqual(CLOSED_KEPT, len(self.own.ids()))
        self.assertIn(1, self.own.ids())


class TroubleTests(SynchronousTestCase):
    @given(
        st.lists(st.tuples(st.integers(1, 4), st.integers(99, 101)), min_size=1, max_size=4),
        st.lists(st.tuples(st.sampled_from(["drop", "double", "swap", "late"]), st.integers(0, 20)), max_size=2),
    )
    def test_never_a_wrong_fill(self, matches: list[tuple[int, int]], trouble: list[tuple[str, int]]) -> None:
        """Up to two events lost, doubled, swapped or delayed: what is told live is true, and the history tells the rest once."""
        own, left, truth = OwnOrders(), QUANTITY * 2, {}
        whole = WireOrder(1, "BTC/HUF", "BUY", 100, left, left, False, 5)
        own.placed(whole, 3)
        events: list[tuple[str, Any]] = [("order", whole)]
        history = []
        sizes: Counter[int] = Counter()
        for moment, (quantity, price) in enumerate(matches):
            left -= quantity
            sizes[quantity] += 1
            history.append(fill(quantity, price, moment, nth=sizes[quantity]))
            truth[history[-1].id] = (quantity, price)
            events += match(quantity, price, 0, moment)
            events[-2] = ("order", WireOrder(1, "BTC/HUF", "BUY", 100, whole.quantity, left, False, 5))
        for kind, place in trouble:
            spoil(events, kind, place % max(1, len(events)))
        told = {proven.id: (proven.quantity, proven.price) for proven in (tell(own, event) for event in events) if proven}
        self.assertLessEqual(told.items(), truth.items())
        own.snapshot({1: WireOrder(1, "BTC/HUF", "BUY", 100, whole.quantity, left, False, 5)} if left else {}, {1})
        _, rest = own.settle(own.untold(), set(), {1} if left else set(), history)
        healed = {f.id: (f.quantity, f.price) for f in rest}
        self.assertEqual(truth, {**told, **healed})
        self.assertFalse(told.keys() & healed.keys())


def spoil(events: list[tuple[str, Any]], kind: str, place: int) -> None:
    """Do one thing to the events that a bad day does."""
    if not events:
        return
    if kind == "drop":
        del events[place]
    elif kind == "double":
        events.insert(place, events[place])
    elif kind == "late":
        events.append(events.pop(place))
    elif place + 1 < len(events):
        events[place], events[place + 1] = events[place + 1], events[place]
