"""The paper account: the contract over the sandbox's real books, the model of the queue by hand, and what a file keeps."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import Reason, Refused
from clients.fixed import FixedRate
from clients.interface import ExchangeClient
from clients.paper import Paper, PaperNetwork, PaperOptions, read_paper_options
from clients.paper.account import PaperAccount
from clients.paper.matching import PaperMarket, PaperOrder
from clients.surroundings import Surroundings, utc_now
from model.book import Book, Level
from model.instrument import Instrument
from model.order import Side
from tests.clients import sandbox_venue
from tests.clients.kraken_venues import CONTRACT, SandboxKraken
from tests.clients.sandbox_venue import now

D = Decimal
BALANCE = {"USD": D(100_000), "BTC": D(10)}
INSTRUMENT = Instrument(CONTRACT, D("0.1"), D("0.001"), D("0.001"))


class PaperKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract, on Kraken's books without an account at Kraken."""

    sandbox = SandboxKraken
    unknown_order = "paper-0-1"

    def make_client(self, sandbox: sandbox_venue.SandboxVenue) -> Any:
        """A paper account; of the sandbox only what is public is asked."""
        options = PaperOptions(BALANCE, maker=D("0.0016"), taker=D("0.0026"), latency=0.01)
        return Paper(sandbox.client(id="", secret=""), options, Surroundings(reactor, now), PaperNetwork())


def book(bids: dict[str, str], asks: dict[str, str]) -> Book:
    """A book of prices and quantities, best first."""
    buying, selling = (tuple(Level(D(price), D(quantity)) for price, quantity in side.items()) for side in (bids, asks))
    return Book(CONTRACT, buying, selling, timestamp=1)


def order(side: Side, price: str, quantity: str) -> PaperOrder:
    """An order of ours."""
    return PaperOrder("o", None, CONTRACT, side, D(price), D(quantity), D(quantity), 0)


class QueueTests(SynchronousTestCase):
    """The model, case by case, with half of what leaves the best level traded."""

    def market(self, bids: dict[str, str], asks: dict[str, str]) -> PaperMarket:
        """A market of these levels."""
        return PaperMarket(INSTRUMENT, D("0.5"), book(bids, asks))

    def told(self, executions: Any) -> list[tuple[Decimal, Decimal, bool]]:
        """Price, quantity and maker of each."""
        return [(each.price, each.quantity, each.is_maker) for each in executions]

    def test_taking_walks_the_levels(self) -> None:
        """An order takes level by level at their prices, and the same quantity is not there twice."""
        market = self.market({"99": "1"}, {"100": "1", "101": "1", "102": "1"})
        self.assertEqual(
            [(D(100), D(1), False), (D(101), D("0.5"), False)], self.told(market.arrive(order(Side.BUY, "101", "1.5")))
        )
        self.assertEqual([(D(101), D("0.5"), False)], self.told(market.arrive(order(Side.BUY, "101", "1"))))
        self.assertEqual([], market.move(book({"99": "1"}, {"100": "1", "101": "1"})))
        self.assertEqual([(D(101), D("0.5"), True)], self.told(market.move(book({"99": "1"}, {"101": "3"}))))

    def test_queue(self) -> None:
        """We trade only after those who were there before, and in parts."""
        market = self.market({"99": "2"}, {"100": "1"})
        ours = order(Side.BUY, "99", "1")
        self.assertEqual([], market.arrive(ours))
        self.assertEqual([], market.move(book({"99": "1.5"}, {"100": "1"})))
        self.assertEqual(D("1.5"), ours.ahead)
        self.assertEqual([], market.move(book({"99": "4"}, {"100": "1"})))
        self.assertEqual(D("1.5"), ours.ahead)
        self.assertEqual([(D(99), D("0.25"), True)], self.told(market.move(book({"99": "0.5"}, {"100": "1"}))))
        self.assertEqual(D("0.75"), ours.left)

    def test_better_than_the_best_comes_first(self) -> None:
        """What trades at the market's best would have come to us."""
        market = self.market({"98": "2"}, {"100": "1"})
        market.arrive(order(Side.BUY, "99", "3"))
        self.assertEqual([(D(99), D("0.5"), True)], self.told(market.move(book({"98": "1"}, {"100": "1"}))))

    def test_worse_than_the_best_waits(self) -> None:
        """What trades at a better price than ours is not ours."""
        market = self.market({"99": "2", "98": "1"}, {"100": "1"})
        market.arrive(order(Side.BUY, "98", "1"))
        self.assertEqual([], market.move(book({"98": "1"}, {"100": "1"})))

    def test_market_through_us(self) -> None:
        """When the other side comes to our price, we get what is there."""
        market = self.market({"99": "5"}, {"100": "1"})
        market.arrive(order(Side.SELL, "101", "2"))
        self.assertEqual([(D(101), D("0.7"), True)], self.told(market.move(book({"102": "0.7"}, {"103": "1"}))))

    def test_shown(self) -> None:
        """The book shows our order, and does not show what we took."""
        market = self.market({"99": "1"}, {"100": "1"})
        market.arrive(order(Side.BUY, "100", "1.5"))
        self.assertEqual(book({"100": "0.5", "99": "1"}, {}), market.shown())

    @given(st.lists(st.tuples(st.integers(90, 110), st.integers(1, 30), st.integers(1, 30)), max_size=30), st.booleans())
    def test_never_worse_than_asked_never_more_than_wanted(self, moves: list[tuple[int, int, int]], is_buy: bool) -> None:
        """Whatever the market does, an order trades at its price or better, and no more than its quantity."""
        side = Side.BUY if is_buy else Side.SELL
        market = self.market({"99": "1"}, {"101": "1"})
        ours = order(side, "100", "2")
        executions = market.arrive(ours)
        for mid, bid, ask in moves:
            executions += market.move(book({str(mid - 1): str(bid)}, {str(mid + 1): str(ask)}))
        self.assertTrue(all((ours.price - each.price) * side.sign >= 0 for each in executions))
        self.assertEqual(ours.quantity, ours.left + sum((each.quantity for each in executions), D(0)))
        self.assertGreaterEqual(ours.left, 0)
        self.assertFalse(market.shown().is_crossed)


class MoneyTests(SynchronousTestCase):
    """Balances, transfers, and what outlives the process."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = PaperNetwork()

    def paper(self, file: Path | None = None) -> Paper:
        """A connected account on a fixed market."""
        around = Surroundings(self.clock, utc_now)
        real = FixedRate(endpoint="BTC/USD=50000", surroundings=around)
        options = PaperOptions(BALANCE, latency=0, delay=60, file=file)
        with mock.patch.object(real, "getInstruments", return_value=succeed({CONTRACT: INSTRUMENT})):
            found = Paper(real, options, around, self.network)
            self.successResultOf(found.connect())
        return found

    def test_transfer_between_papers(self) -> None:
        """What is sent to another paper account's address arrives there, once, under the same reference."""
        one, other = self.paper(), self.paper()
        address = self.successResultOf(other.getCurrentAddress("BTC"))
        reference = self.successResultOf(one.requestWithdrawal("BTC", D(4), address))
        positions = [self.successResultOf(paper.getPositions())["BTC"]["position"] for paper in (one, other)]
        self.assertEqual([D(6), D(10)], positions)
        self.clock.advance(61)
        self.assertEqual(D(14), self.successResultOf(other.getPositions())["BTC"]["position"])
        (deposit,) = self.successResultOf(other.getTransactionHistory(utc_now().replace(year=2000), utc_now()))
        self.assertEqual((reference, address, "credit"), (deposit["reference"], deposit["address"], deposit["direction"]))

    def test_no_more_than_there_is(self) -> None:
        """Nothing can be withdrawn twice."""
        one = self.paper()
        self.successResultOf(one.requestWithdrawal("BTC", D(10), "out"))
        refused = self.failureResultOf(one.requestWithdrawal("BTC", D("0.1"), "out"), Refused).value
        self.assertIs(Reason.FUNDS, refused.reason)

    def test_orders_that_are_over_are_forgotten(self) -> None:
        """A long run does not remember every order, but never forgets an open one."""
        one = self.paper()
        with mock.patch("clients.paper.client.MOST_ORDERS", 3):
            ids = [self.placed(one, price) for price in (100, 101)]
            for price in range(200, 210):
                cancelling = one.cancelOrder(self.placed(one, price))
                self.clock.advance(0)
                self.assertTrue(self.successResultOf(cancelling))
        left: Mapping[str, Any] = self.successResultOf(one.getOpenOrders())
        self.assertEqual(set(ids), set(left))
        self.assertLessEqual(len(one._orders), 4)

    def placed(self, paper: Paper, price: int) -> str:
        """The id of a bid at ``price``."""
        placing = paper.placeOrder(CONTRACT, D("0.1"), D(price), "BUY")
        self.clock.advance(0)
        return str(self.successResultOf(placing))

    def test_file_outlives_the_process(self) -> None:
        """With a file a restart finds the balances, executions and postings, and gives no id twice."""
        file = Path(mkdtemp()) / "paper.jsonl"
        one = self.paper(file)
        placed = one.placeOrder(CONTRACT, D("0.1"), D(50_001), "BUY")
        self.clock.advance(0)
        self.successResultOf(placed)
        self.successResultOf(one.requestWithdrawal("USD", D(1000), "out"))
        again = self.paper(file)
        for ask in (lambda p: p.getPositions(), lambda p: p.getTradeHistory(utc_now().replace(year=2000), utc_now())):
            self.assertEqual(self.successResultOf(ask(one)), self.successResultOf(ask(again)))
        self.assertEqual(D("10.1"), self.successResultOf(again.getPositions())["BTC"]["position"])

    def test_file_that_is_none(self) -> None:
        """A file of something else is refused, and not written to."""
        file = Path(mkdtemp()) / "other.txt"
        file.write_text("[1, 2]\n")
        with self.assertRaises(ValueError):
            PaperAccount(BALANCE, file).open()
        self.assertEqual("[1, 2]\n", file.read_text())

    def test_real_account_is_never_asked(self) -> None:
        """Of the real client only the market is used, whatever is asked of the paper one."""
        asked: list[str] = []

        class Spy(ExchangeClient):
            def __getattribute__(self, name: str) -> Any:
                asked.append(name)
                return super().__getattribute__(name)

        paper = Paper(Spy("spy"), PaperOptions(BALANCE), Surroundings(self.clock, utc_now), self.network)
        for call in ("getPositions", "getOpenOrders"):
            self.successResultOf(getattr(paper, call)())
        self.successResultOf(paper.requestWithdrawal("BTC", D(1), "out"))
        self.successResultOf(paper.getNewAddress("BTC"))
        private = {"getPositions", "getOpenOrders", "placeOrder", "cancelOrder", "requestWithdrawal", "getNewAddress"}
        self.assertEqual(set(), private & set(asked))


class OptionsTests(SynchronousTestCase):
    """What the section may say."""

    def test_defaults(self) -> None:
        """The account begins at the ideal, with the venue's fee for both sides."""
        self.assertEqual(PaperOptions(BALANCE, D("0.002"), D("0.002")), read_paper_options({}, BALANCE, D("0.002")))

    def test_given(self) -> None:
        """Each key has its say."""
        given = {"paper_balance": "USD 5, BTC 1.5", "paper_fees": "0.001, 0.002", "paper_latency": "1", "paper_traded": "1"}
        found = read_paper_options({**given, "paper_delay": "5", "paper_file": "x"}, BALANCE, D(0))
        self.assertEqual({"USD": D(5), "BTC": D("1.5")}, found.balance)
        self.assertEqual((D("0.001"), D("0.002"), 1.0, 5.0, D(1), Path("x")), attrs.astuple(found)[1:])

    def test_bad(self) -> None:
        """What makes no sense is said."""
        bad = {"paper_balance": "USD", "paper_fees": "1", "paper_latency": "-1", "paper_traded": "2", "paper_delay": "soon"}
        for key, text in bad.items():
            with self.assertRaisesRegex(ValueError, key):
                read_paper_options({key: text}, BALANCE, D(0))
