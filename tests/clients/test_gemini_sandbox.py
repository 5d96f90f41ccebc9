"""The Gemini client against the sandbox's Gemini, over real sockets: the contract, and what goes wrong."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.task import deferLater

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.gemini import streams
from model.order import Side
from sandbox.faults import Kind
from tests.clients import sandbox_venue
from tests.clients.gemini_venues import CONTRACT, GeminiCase, SandboxGemini
from tests.clients.sandbox_venue import now

D = Decimal
NEW_ORDER, BALANCES = "POST /v1/order/new", "POST /v1/balances"


class GeminiKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxGemini
    unknown_order = "987654321"
    # As the pool does, the contract is named: executions are told by contract only.
    options: ClassVar[Mapping[str, Any]] = {"options": {"contracts": CONTRACT}}


class GeminiInTrouble(GeminiCase):
    """What the pool relies on when things go wrong."""

    # Keys and nonces

    async def test_wrong_credentials_fail_connect(self) -> None:
        """A key that the venue does not know, a wrong secret and a role that is missing end connect, with the reason."""
        for wrong in ({"id": "account-nobody"}, {"secret": "wrong"}, {"id": "account-fund-manager"}):
            stranger = self.make_client(**wrong)
            self.addCleanup(stranger.disconnect)
            error = await self.failure(stranger.connect(), Refused)
            self.assertIs(Reason.AUTH, error.reason)

    async def test_without_a_key_the_book_is_there(self) -> None:
        """As a source of rates it needs no key; what is private is refused for lack of one."""
        public = self.sandbox.client(id="", secret="")
        self.addCleanup(public.disconnect)
        await public.connect()
        self.assertEqual(CONTRACT, (await public.getOrderBook(CONTRACT))["contract"])
        self.assertIs(Reason.AUTH, (await self.failure(public.getPositions(), Refused)).reason)

    async def test_auditor_may_look_and_not_trade(self) -> None:
        """A key for reading connects; what it may not do is refused for that reason."""
        auditor = self.sandbox.client(id="account-auditor")
        self.addCleanup(auditor.disconnect)
        await auditor.connect()
        self.assertEqual({}, await auditor.getOpenOrders())
        error = await self.failure(auditor.placeOrder(CONTRACT, D("0.1"), D(49_000), "BUY"), Refused)
        self.assertEqual((Reason.AUTH, True), (error.reason, error.detail.startswith("MissingRole")))

    async def test_key_that_wants_the_time(self) -> None:
        """Its nonce is the venue's time, on a machine whose clock is an hour off, and also when that goes wrong later."""
        shift = [timedelta(hours=-1)]
        timed = {"id": "account-timed", "options": {"nonce": "time"}}
        lost = self.sandbox.client(clock=lambda: now() + shift[0], **timed)
        self.addCleanup(lost.disconnect)
        await lost.connect()
        self.assertTrue(abs((lost.clock_offset or 0) - 3600) < 2)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])
        shift[0] = timedelta(hours=1)
        await self.failure(lost.getPositions(), Retryable)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])

    async def test_calls_at_once_take_turns(self) -> None:
        """Nonces rise whatever is asked at the same time, also by a second client of the same key."""
        other = self.sandbox.client()
        self.addCleanup(other.disconnect)
        await self.exchange.connect()
        await other.connect()
        asked = [client.getPositions() for client in (self.exchange, other) * 5]
        self.assertEqual([D(10)] * 10, [(await each)["BTC"]["position"] for each in asked])

    async def test_nonce_that_was_overtaken(self) -> None:
        """A higher nonce has come from elsewhere: nothing was done, and the next call goes on as soon as ours are higher."""
        await self.exchange.connect()
        self.sandbox.faults.add("gemini", NEW_ORDER, Kind.ERROR, count=1, text="InvalidNonce Nonce '1' has not increased")
        await self.failure(self.bid(), Retryable)
        await self.bid()
        self.assertEqual(1, len(self.sandbox.venue.open_orders("pool")))

    # Lost answers

    async def test_venue_that_is_down_is_waited_for(self) -> None:
        """Connecting to a venue in trouble fires when it is well again."""
        self.sandbox.faults.add("gemini", "GET /v1/symbols/details/btcusd", Kind.ERROR, count=2)
        await self.exchange.connect()
        self.assertEqual([self.exchange], self.told["connect"])

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send, a 5xx and the venue's own technical issues leave the outcome open."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503"), (Kind.ERROR, "System We are experiencing issues")):
            self.sandbox.faults.add("gemini", NEW_ORDER, kind, count=1, text=text)
            await self.failure(self.bid(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    async def test_order_that_was_done_without_an_answer(self) -> None:
        """The stream tells of it all the same, with our own id."""
        await self.following()
        self.sandbox.faults.add("gemini", NEW_ORDER, Kind.DONE_NO_ANSWER, count=1)
        unanswered = self.bid()
        await self.until(lambda: self.told["order"], "the order")
        self.assertEqual("ilp-7", self.told["order"][-1]["client_id"])
        await self.exchange.disconnect()
        await self.failure(unanswered, OutcomeUnknown)

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503"), (Kind.ERROR, "System We are experiencing issues")):
            self.sandbox.faults.add("gemini", BALANCES, kind, count=1, text=text)
            await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, not unknown."""
        await self.exchange.connect()
        await self.sandbox.front.stop()
        await self.until(lambda: self.told["disconnect"], "the news")
        await self.failure(self.bid(), Retryable)

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own reason and words."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.placeOrder(CONTRACT, D(100), D(49_000), "BUY"), Refused)
        self.assertEqual(
            (Reason.FUNDS, "gemini", NEW_ORDER, "InsufficientFunds Failed to place order due to insufficient funds"),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_order_that_would_take_is_told_cancelled(self) -> None:
        """Gemini takes a post-only order that would trade and cancels it: the stream says so."""
        await self.following()
        id = await self.bid(50_000, post_only=True)
        await self.until(lambda: [o for o in self.told["order"] if o["id"] == id and o["is_cancelled"]], "the end")
        self.assertEqual([], self.told["trade"])

    # Streams

    async def test_lost_change_is_noticed(self) -> None:
        """Market data has no numbers: a change that never came shows when the book is compared with that of REST."""
        self.patch(streams, "BEHIND", 0.05)
        self.patch(streams, "AHEAD", 0.05)
        await self.following()
        self.sandbox.faults.add("gemini", "l2", Kind.GAP, count=1)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        self.assertFalse(self.sandbox.faults.in_force())
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new book")
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_busy_book_stands_its_audits(self) -> None:
        """A book that changes while it is compared is in step all the time."""
        self.patch(streams, "BEHIND", 0.05)
        self.patch(streams, "AHEAD", 0.05)
        await self.following()
        asked = self.patch_asked()
        for number in range(80):
            self.sandbox.trade(Side.BUY, D("0.001"), D(49_991 + number % 5))
            if number % 7 == 0:
                self.sandbox.venue.cancel_all("maker") if number % 2 else self.sandbox.trade(Side.SELL, D("0.001"), D(49_991))
            await deferLater(reactor, 0.03)
            self.assertIsNotNone(self.exchange.bookAsOf(CONTRACT))
        self.assertTrue(asked)

    def patch_asked(self) -> list[Any]:
        """A list that grows with each comparison."""
        asked: list[Any] = []
        judge = streams.Books._judge

        def judged(*arguments: Any) -> None:
            asked.append(arguments)
            judge(*arguments)

        self.patch(streams.Books, "_judge", judged)
        return asked

    async def test_refused_handshake_is_tried_again(self) -> None:
        """Without the stream of what is ours the client is not usable; it goes on trying."""
        self.sandbox.faults.add("gemini", "handshake", Kind.ERROR, count=2, text="InvalidNonce Nonce has not increased")
        await self.exchange.connect()
        self.assertFalse(self.sandbox.faults.in_force())
        await self.bid()
        await self.until(lambda: self.told["order"], "the order")

    async def test_refused_book(self) -> None:
        """One that the venue will not stream stays without an age, and is asked for again on the same connection."""
        self.sandbox.faults.add("gemini", "subscribe", Kind.ERROR, count=1)
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        await self.until(lambda: not self.sandbox.faults.in_force(), "the refusal")
        self.assertIsNone(self.exchange.bookAsOf(CONTRACT))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")
        self.assertEqual([], self.told["disconnect"])

    async def test_lost_order_event_is_noticed(self) -> None:
        """After an event that never came the next one, or the next heartbeat, has a number too high: what was lost is read."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.sandbox.faults.add("gemini", "orders", Kind.GAP, count=1)
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertEqual({id}, {fill["order_id"] for fill in self.told["trade"]})
        history = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual({fill["id"] for fill in history}, {fill["id"] for fill in self.told["trade"]})

    async def test_events_in_another_order(self) -> None:
        """Of the book: the comparison finds it. Of our orders: the numbers do, and what was told too late is read."""
        self.patch(streams, "BEHIND", 0.05)
        self.patch(streams, "AHEAD", 0.05)
        await self.following()
        self.sandbox.faults.add("gemini", "l2", Kind.REORDER, count=1)
        for quantity in ("0.1", "0.2"):
            self.sandbox.trade(Side.BUY, D(quantity), D("49991.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new book")
        self.assertEqual({"price": D("49991.0"), "quantity": D("0.3")}, self.told["book"][-1]["bids"][0])
        self.sandbox.faults.add("gemini", "orders", Kind.REORDER, count=1)
        id = await self.bid(49_995)
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertIn(id, {order["id"] for order in self.told["order"]})

    async def test_fill_during_a_lost_connection_is_told(self) -> None:
        """What executed while we were away is told by the time we are connected again."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.sandbox.front.drop_connections()
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertEqual(1, len(self.told["disconnect"]))
        fills = [fill for fill in self.told["trade"] if fill["order_id"] == id]
        self.assertEqual({(D("0.1"), "ilp-7")}, {(fill["quantity"], fill["client_id"]) for fill in fills})
        last = [order for order in self.told["order"] if order["id"] == id][-1]
        self.assertEqual((D(0), False), (last["quantity_left"], last["is_cancelled"]))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")

    async def test_orders_of_before_are_told(self) -> None:
        """What was open before we came is told when we connect."""
        self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-3")
        await self.exchange.connect()
        self.assertEqual({"ilp-3"}, {order["client_id"] for order in self.told["order"]})

    async def test_fill_told_twice_has_one_id(self) -> None:
        """A doubled event may tell a fill twice, but never as two."""
        await self.following()
        self.sandbox.faults.add("gemini", "orders", Kind.DUPLICATE)
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.sandbox.faults.clear()
        history = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual({fill["id"] for fill in history}, {fill["id"] for fill in self.told["trade"]})
