"""Our executions at Coinbase Exchange without a wire, and the user feed against a hand-driven server."""

from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.coinbase_exchange import wire
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.streams import UserStream
from clients.surroundings import Surroundings
from tests.clients.test_coinbase_exchange_streams import listening
from tests.clients.test_coinbase_exchange_wire import DONE, FILL, MATCH, ORDER, RECEIVED

D = Decimal


class ExecutionTests(SynchronousTestCase):
    """:class:`Executions`."""

    def setUp(self) -> None:
        self.executions = Executions()

    def left(self, message: dict[str, Any]) -> Any:
        """What is left of the order that it tells, and what it leaves to REST."""
        news = self.executions.hear(message)
        return (news.order and news.order["quantity_left"], news.incomplete)

    def test_life(self) -> None:
        """Received, matched, done; a trade that is told twice counts once."""
        self.assertEqual((D("0.2"), None), self.left(RECEIVED))
        self.assertEqual((D("0.2"), None), self.left({**DONE, "type": "open", "remaining_size": "0.2"}))
        for _ in range(2):
            self.assertEqual((D("0.15"), None), self.left(MATCH))
        news = self.executions.hear(DONE)
        assert news.order is not None
        self.assertEqual(
            (D("0.15"), True, "ilp-1"), (news.order["quantity_left"], news.order["is_cancelled"], news.order["client_id"])
        )

    def test_filled(self) -> None:
        """Done because it is filled is not cancelled."""
        self.executions.hear(RECEIVED)
        self.executions.hear({**MATCH, "size": "0.2"})
        news = self.executions.hear({**DONE, "reason": "filled", "remaining_size": "0"})
        assert news.order is not None
        self.assertEqual((D(0), False), (news.order["quantity_left"], news.order["is_cancelled"]))

    def test_what_was_dropped(self) -> None:
        """A trade that was not told shows in what is said to be left; an order that was not, in all that is said of it."""
        id = RECEIVED["order_id"]
        self.executions.hear(RECEIVED)
        self.assertEqual((None, id), self.left({**DONE, "remaining_size": "0.1"}))
        self.assertEqual((None, "other"), self.left({**DONE, "order_id": "other"}))
        self.assertEqual((None, "other"), self.left({**MATCH, "maker_order_id": "other"}))
        self.assertEqual((None, id), self.left({"type": "change", "order_id": id}))
        self.assertEqual((None, id), self.left({name: value for name, value in RECEIVED.items() if name != "size"}))
        self.assertEqual((None, None), self.left({"type": "activate", "order_id": id}))

    def test_rest_is_behind_the_feed(self) -> None:
        """A reading that does not have the last trade yet does not bring it back."""
        self.executions.hear(RECEIVED)
        self.executions.hear(MATCH)
        learned = self.executions.learn(wire.order({**ORDER, "filled_size": "0"}))
        self.assertEqual(D("0.15"), learned["quantity_left"])

    def test_feed_is_behind_rest(self) -> None:
        """A reading that has the trade already, and then the trade: it counts once, which only REST's list of fills can show."""
        self.assertEqual(D("0.15"), self.executions.learn(wire.order(ORDER))["quantity_left"])
        self.assertEqual((None, ORDER["id"]), self.left(MATCH))
        self.assertEqual(D("0.15"), self.executions.learn(wire.order(ORDER), [wire.fill(FILL)])["quantity_left"])
        self.assertEqual((D("0.12"), None), self.left({**MATCH, "trade_id": 75, "size": "0.03"}))

    def test_forgotten_by_the_venue(self) -> None:
        """What REST does not know any more was cancelled without a fill, unless we know of one."""
        self.assertIsNone(self.executions.gone(ORDER["id"]))
        self.executions.hear(RECEIVED)
        gone = self.executions.gone(ORDER["id"])
        assert gone is not None
        self.assertTrue(gone["is_cancelled"])
        self.executions.hear(MATCH)
        self.assertIsNone(self.executions.gone(ORDER["id"]))

    @given(st.permutations(range(6)), st.integers(0, 6))
    def test_any_order_of_messages(self, order: list[int], doubled: int) -> None:
        """However trades come, twice too, and whenever REST is read between them: what is left is the truth in the end."""
        executions = Executions()
        executions.hear(RECEIVED)
        trades = [{**MATCH, "trade_id": 100 + number, "size": "0.03"} for number in range(6)]
        for number in [*order, *order[:doubled]]:
            executions.hear(trades[number])
        news = executions.hear({**DONE, "remaining_size": "0.02"})
        assert news.order is not None
        self.assertEqual((D("0.02"), True), (news.order["quantity_left"], news.order["is_cancelled"]))


class UserStreamTests(TestCase):
    """:class:`UserStream`."""

    async def test_product_that_is_listed_no_more_keeps_nobody_out(self) -> None:
        """A subscription that names one product too many is refused as a whole, so what is listed is asked each time."""
        self.asked: list[Any] = []
        self.connections: list[Any] = []
        refused: list[Any] = []
        listed = [["BTC-USD", "OLD-USD"], ["BTC-USD"]]
        port = listening(self)
        stream = UserStream(
            f"ws://127.0.0.1:{port}",
            Surroundings(reactor, random=Random(1)),
            products=lambda: succeed(listed.pop(0)),
            proof=dict,
            told=lambda _news: None,
            up=int,
            down=int,
            refused=refused.append,
            wrong_time=int,
        )
        self.addCleanup(stream.close)
        stream.start()
        for _ in range(500):
            if stream.is_up:
                break
            await deferLater(reactor, 0.01)
        self.assertTrue(stream.is_up)
        self.assertEqual([["BTC-USD", "OLD-USD"], ["BTC-USD"]], [request["product_ids"] for request in self.asked])
        self.assertEqual(1, len(refused))

    def answers(self, products: list[str]) -> list[Any]:
        """What a subscription is answered with."""
        if wrong := [product for product in products if product != "BTC-USD"]:
            return [{"type": "error", "message": "Failed to subscribe", "reason": f"{wrong[0]} is not a valid product"}]
        return [{"type": "subscriptions", "channels": [{"name": "user", "product_ids": products}]}]
