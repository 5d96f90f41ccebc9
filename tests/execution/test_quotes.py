"""The shortest safe way from the quotes that are there to the quotes that are wanted."""

from decimal import Decimal

import attrs
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import Reason, Refused
from execution.intents import Names, base36
from execution.quotes import Quotes
from execution.rate_budget import RateBudget
from model.decision import Quote
from model.order import Side
from tests.execution.support import Surroundings

D = Decimal


def quote(side: Side, price: str, level: int = 0, quantity: str = "0.10") -> Quote:
    """A quote that is kept within 100 of its price."""
    p = D(price)
    return Quote(side, p, D(quantity), p, p - 100, p + 100, level)


class QuotesCase(SynchronousTestCase):
    """Quotes on a scripted target."""

    def setUp(self) -> None:
        self.s = Surroundings()
        names, budget = Names("ilp", self.s.now), RateBudget(100, self.s.now)
        self.quotes = Quotes(self.s.desk, names, "BTC/HUF", budget, self.s.now, post_only=True)
        self.asked: list[bool] = []
        self.s.desk.changed = lambda child: self.asked.append(self.quotes.moved(child))

    def want(self, *quotes: Quote) -> None:
        self.quotes.want(quotes, {"BUY": "no funds", "SELL": "no coins"}, "decision")
        self.quotes.converge()
        self.s.clock.advance(0)

    def answer(self, *ids: str) -> None:
        for waiting, id in zip([d for d in self.s.venue.placing if not d.called], ids, strict=True):
            waiting.callback(id)
        self.s.clock.advance(0)

    def places(self) -> list[tuple[str, Decimal]]:
        return [(call[4], call[3]) for call in self.s.venue.calls if call[0] == "place"]


class QuotesTests(QuotesCase):
    """Slots, step by step."""

    def test_places_both_sides(self) -> None:
        """Two quotes wanted, two orders sent, no reasons left."""
        self.want(quote(Side.BUY, "60000"), quote(Side.SELL, "61000"))
        self.assertEqual(self.places(), [("BUY", D(60000)), ("SELL", D(61000))])
        self.assertEqual(self.quotes.reasons, {"BUY": "", "SELL": ""})

    def test_keeps_what_is_in_its_band(self) -> None:
        """A new decision a little away moves nothing."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.want(quote(Side.BUY, "60090"))
        self.assertEqual([call[0] for call in self.s.venue.calls], ["place"])

    def test_cancel_is_confirmed_before_the_replacement(self) -> None:
        """Never two orders in one slot, and the funds are free again (original_bugs 37)."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.want(quote(Side.BUY, "60500"))
        self.assertEqual([call[0] for call in self.s.venue.calls], ["place", "cancel"])
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertEqual(self.places()[-1], ("BUY", D(60500)))

    def test_never_meets_itself(self) -> None:
        """A bid above our own ask that is still being cancelled waits until that has gone (original_bugs 38)."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.want(quote(Side.BUY, "60200"), quote(Side.SELL, "61000"))
        self.assertEqual(self.places(), [("SELL", D(60000))])
        self.assertIn("waiting for our own order", self.quotes.reasons["BUY"])
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertEqual(sorted(self.places()[1:]), [("BUY", D(60200)), ("SELL", D(61000))])

    def test_a_filled_quote_waits_for_a_new_decision(self) -> None:
        """The price it traded at came from balances that are no more."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.s.venue.tell_order("1", "0")
        self.s.venue.tell_fill("t1", "1", "0.10")
        self.s.clock.advance(0)
        self.assertEqual(len(self.places()), 1)
        self.assertIn("deciding anew", self.quotes.reasons["BUY"])
        self.assertIn(True, self.asked)

    def test_what_the_decision_knew_does_not_empty_its_slot(self) -> None:
        """Partly traded, decided anew, cancelled to be put back to size: the new quote goes out without another decision."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.s.venue.tell_fill("t1", "1", "0.06")
        self.want(quote(Side.BUY, "60000"))
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertEqual(len(self.places()), 2)

    def test_a_refused_quote_is_not_hammered(self) -> None:
        """The venue's reason is shown, and nothing is sent until the next decision."""
        self.want(quote(Side.BUY, "60000"))
        self.s.venue.placing[0].errback(Refused("venue", "placeOrder", "insufficient", Reason.FUNDS))
        self.s.clock.advance(0)
        self.assertEqual(len(self.places()), 1)
        self.assertIn("insufficient", self.quotes.reasons["BUY"])

    def test_size_too_large_is_replaced_and_used_up_is_topped_up(self) -> None:
        """Lowering quote_size works (original_bugs 41), and a quote of which little is left is put back."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.want(quote(Side.BUY, "60000", quantity="0.05"))
        self.assertEqual(self.s.venue.calls[-1], ("cancel", "1"))
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.answer("2")
        self.s.venue.tell_fill("t1", "2", "0.01")
        self.want(quote(Side.BUY, "60000", quantity="0.05"))
        self.assertEqual([call[0] for call in self.s.venue.calls].count("cancel"), 1)
        self.s.venue.tell_fill("t2", "2", "0.02")
        self.want(quote(Side.BUY, "60000", quantity="0.05"))
        self.assertEqual([call[0] for call in self.s.venue.calls].count("cancel"), 2)

    def test_pull(self) -> None:
        """All are cancelled, the reason is shown, and nothing comes back by itself."""
        self.want(quote(Side.BUY, "60000"), quote(Side.SELL, "61000"))
        self.answer("1", "2")
        self.quotes.pull("stale source")
        for waiting in self.s.venue.cancelling:
            waiting.callback(True)
        self.s.clock.advance(5)
        self.assertEqual(len(self.places()), 2)
        self.assertEqual(self.quotes.reasons, {"BUY": "stale source", "SELL": "stale source"})

    def test_rate_budget(self) -> None:
        """What the budget does not allow is not sent, and the side says so."""
        self.quotes.budget = RateBudget(1, self.s.now)
        self.want(quote(Side.BUY, "60000"), quote(Side.SELL, "61000"))
        self.assertEqual(len(self.places()), 1)
        self.assertIn("rate budget used up", self.quotes.reasons.values())
        self.s.clock.advance(61)
        self.quotes.converge()
        self.assertEqual(len(self.places()), 2)

    def test_cancels_go_first(self) -> None:
        """A new decision cancels what is in the way at once; its own quotes wait until what is more urgent has been sent."""
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.quotes.want([quote(Side.BUY, "59000"), quote(Side.SELL, "61000")], {}, "decision")
        self.assertEqual([call[0] for call in self.s.venue.calls], ["place", "cancel"])
        self.quotes.converge()
        self.assertEqual(self.places()[1:], [("SELL", D(61000))])

    def test_a_cautious_quote_is_better_than_none(self) -> None:
        """With the budget used up a quote that offers too little stays; one that offers too much goes all the same."""
        self.quotes.budget = RateBudget(2, self.s.now)
        self.want(quote(Side.BUY, "60000"), quote(Side.SELL, "61000"))
        self.answer("1", "2")
        self.want(quote(Side.BUY, "60500"), quote(Side.SELL, "61500"))
        self.assertEqual([call for call in self.s.venue.calls if call[0] == "cancel"], [("cancel", "2")])
        self.assertIn("a more cautious quote is left", self.quotes.reasons["BUY"])

    def test_ladder(self) -> None:
        """Each level is a slot of its own; a level no longer wanted goes."""
        self.want(quote(Side.BUY, "60000"), quote(Side.BUY, "59000", 1))
        self.answer("1", "2")
        self.want(quote(Side.BUY, "60000"))
        self.assertEqual(self.s.venue.calls[-1], ("cancel", "2"))


class NamesTests(SynchronousTestCase):
    """Client ids."""

    def test_never_twice_and_short(self) -> None:
        """Unique within a microsecond, recognisable, and within Kraken's 18 characters."""
        names = Names("pool", lambda: 1_790_000_000_000_000)
        made = [names.next() for _ in range(100)]
        self.assertEqual(len(set(made)), 100)
        self.assertTrue(all(len(name) <= 18 and names.is_ours(name) for name in made))
        self.assertFalse(names.is_ours("poolside-1"))
        self.assertEqual((base36(0), base36(35), base36(36)), ("0", "z", "10"))


class FollowingTests(QuotesCase):
    """Between two decisions: what offers too much is taken back, nothing is offered closer."""

    def setUp(self) -> None:
        super().setUp()
        self.by = D(0)
        self.is_there = True

    def follow(self, by: str, *, is_there: bool = True) -> None:
        """The source has moved the quotes ``by`` so much since the decision; or so much that there should be none."""
        self.by, self.is_there = D(by), is_there
        self.quotes.follow(self.quotes.overtaken())
        self.quotes.converge()
        self.s.clock.advance(0)

    def want(self, *quotes: Quote) -> None:
        def since(quote: Quote) -> Quote | None:
            band = {name: getattr(quote, name) + self.by for name in ("price", "keep_from", "keep_to")}
            return attrs.evolve(quote, **band) if self.is_there else None

        self.quotes.want(quotes, {"BUY": "no funds", "SELL": "no coins"}, "decision", since)
        self.quotes.converge()
        self.s.clock.advance(0)

    def cancelled(self) -> list[str]:
        return [call[1] for call in self.s.venue.calls if call[0] == "cancel"]

    def test_a_small_move_changes_nothing(self) -> None:
        """Inside its band an order stays where it is."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("90")
        self.assertEqual(self.cancelled(), [])

    def test_a_large_move_replaces_it_farther_out(self) -> None:
        """An ask that sells too cheaply is cancelled, and once that is confirmed one stands where it should."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("500")
        self.assertEqual((self.cancelled(), len(self.places())), (["1"], 1))
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertEqual(self.places()[-1], ("SELL", D(60500)))

    def test_a_recovery_is_left_to_the_next_decision(self) -> None:
        """An order that has been moved out stays there when the source comes back: that is no danger."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("500")
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.answer("2")
        self.follow("0")
        self.assertEqual(self.cancelled(), ["1"])

    def test_withdrawn_and_back(self) -> None:
        """Where there should be no quote there is none; when the source is back the decided one stands again."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("0", is_there=False)
        self.assertEqual(self.cancelled(), ["1"])
        self.assertEqual(self.quotes.reasons["SELL"], "the source has moved: deciding anew")
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.follow("0")
        self.assertEqual(self.places(), [("SELL", D(60000))] * 2)

    def test_what_has_traded_is_not_offered_again(self) -> None:
        """Withdrawn, but filled before the cancel came: its decision is used up, whatever the source does."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("0", is_there=False)
        self.s.venue.tell_fill("t1", "1", "0.10", side="SELL")
        self.s.clock.advance(0)
        self.follow("0")
        self.assertEqual(len(self.places()), 1)

    def test_pulled_is_pulled(self) -> None:
        """After a pull nothing comes back by itself."""
        self.want(quote(Side.SELL, "60000"))
        self.answer("1")
        self.follow("0", is_there=False)
        self.assertFalse(self.quotes.is_pulled)
        self.quotes.pull("the rate is too old")
        self.s.venue.cancelling[0].callback(True)
        self.follow("0")
        self.assertEqual((len(self.places()), self.quotes.is_pulled), (1, True))
