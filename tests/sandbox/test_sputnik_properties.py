"""Whatever users do, and in whatever moment: the feeds, the history and the positions tell one story."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sandbox.sputnik_shapes import user_topic
from tests.sandbox.sputnik_world import USERS, Bench

USER = st.sampled_from(sorted(USERS))
PLACE = st.tuples(
    st.just("place"),
    USER,
    st.sampled_from(["BUY", "SELL"]),
    st.integers(50_000, 50_010).map(lambda price: price * 100),
    st.integers(1, 5).map(lambda lots: lots * 1_000_000),
)
CANCEL = st.tuples(st.just("cancel"), USER, st.integers(1, 30))
WITHDRAW = st.tuples(st.just("withdraw"), USER, st.integers(1, 10).map(lambda lots: lots * 10_000))
WAIT = st.tuples(st.just("wait"), st.integers(0, 200))


def act(bench: Bench, action: tuple[Any, ...]) -> None:
    """Do one of the above without waiting for its outcome."""
    match action:
        case ("place", user, side, price, quantity):
            order = {"contract": "BTC/HUF", "price": price, "quantity": quantity, "side": side}
            bench.call("trader.place_order", order, user=user)
        case ("cancel", user, order_id):
            bench.call("trader.cancel_order", order_id, user=user)
        case ("withdraw", user, amount):
            bench.call("trader.request_withdrawal", "BTC", amount, "addr", "", user=user)
        case ("wait", milliseconds):
            bench.clock.advance(milliseconds / 1000)


def net(rows: list[dict[str, Any]]) -> Counter[str]:
    """What postings add up to, by currency."""
    total: Counter[str] = Counter()
    for row in rows:
        total[row["contract"]] += row["quantity"] * (1 if row["direction"] == "credit" else -1)
    return total


def positions(bench: Bench, user: str) -> Counter[str]:
    """What get_positions says, by currency."""
    found = bench.ask("trader.get_positions", user=user)["result"]
    return Counter({ticker: row["position"] for ticker, row in found.items()})


class OneStoryTests(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(PLACE, PLACE, CANCEL, WITHDRAW, WAIT), max_size=25))
    def test_feeds_history_and_positions_agree(self, actions: list[tuple[Any, ...]]) -> None:
        """Postings told live, postings in the history and the change of the position are the same sums."""
        bench = Bench()
        bench.settle()
        before = {user: positions(bench, user) for user in USERS}
        opened = {user: net(bench.ask("trader.get_transaction_history", user=user)["result"]) for user in USERS}
        bench.published.clear()
        for action in actions:
            act(bench, action)
        bench.settle()
        told = [(topic, event) for _, topic, event in bench.published]
        for user in USERS:
            change = positions(bench, user)
            change.subtract(before[user])
            self.assertEqual(net([event for topic, event in told if topic == user_topic("transactions", user)]), change)
            history = net(bench.ask("trader.get_transaction_history", user=user)["result"])
            history.subtract(opened[user])
            self.assertEqual(history, change)
        bench.server.stop()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(PLACE, PLACE, CANCEL, WAIT), max_size=25))
    def test_the_last_event_of_an_order_is_how_it_stands(self, actions: list[tuple[Any, ...]]) -> None:
        """What is left only falls, fills add up to what traded, and open orders are exactly those last told as open."""
        bench = Bench()
        for action in actions:
            act(bench, action)
        bench.settle()
        told = [(topic, event) for _, topic, event in bench.published]
        for user in USERS:
            last: dict[int, dict[str, Any]] = {}
            for event in (event for topic, event in told if topic == user_topic("orders", user)):
                self.assertLessEqual(event["quantity_left"], last.get(event["id"], event)["quantity_left"])
                last[event["id"]] = event
            filled: Counter[int] = Counter()
            for event in (event for topic, event in told if topic == user_topic("fills", user)):
                filled[event["id"]] += event["quantity"]
            self.assertEqual(filled, Counter({id: event["quantity"] - event["quantity_left"] for id, event in last.items()}))
            still_open = {str(id): e for id, e in last.items() if e["quantity_left"] and not e["is_cancelled"]}
            self.assertEqual(bench.ask("trader.get_open_orders", user=user)["result"], still_open)
        bench.server.stop()
