"""The book bench measures the same thing on both sides."""

from importlib.util import find_spec
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from bench import book_frames


class FramesTests(SynchronousTestCase):
    """:mod:`bench.book_frames`."""

    def test_same_seed(self) -> None:
        """A seed draws the same stream again, another seed another one."""
        for venue in book_frames.STREAMS:
            first = book_frames.stream(venue, 20, seed=3)
            self.assertEqual(first, book_frames.stream(venue, 20, seed=3), venue)
            self.assertNotEqual(first.messages, book_frames.stream(venue, 20, seed=4).messages, venue)


@skipUnless(find_spec("ccxt"), "ccxt is not installed")
class MeasureTests(SynchronousTestCase):
    """:mod:`bench.books`."""

    def test_both_end_with_the_same_book(self) -> None:
        """Each client follows its venue's messages to the end, checks passed, and has the levels that ccxt.pro has."""
        from bench.books import measure

        for venue in book_frames.STREAMS:
            rates = measure(venue, 200, 1)
            self.assertEqual((1, 1), (len(rates.ours), len(rates.theirs)), venue)

    def test_a_wrong_message_is_noticed(self) -> None:
        """A change that only one of the two has heard of ends the bench."""
        from bench.books import Ours, Theirs

        found = book_frames.stream("gemini", 3)
        ours, theirs = Ours("gemini", found.beginning), Theirs.of("gemini", found.beginning)
        self.assertEqual(theirs.best(), ours.best())
        theirs.feed('{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","64999.99","7"]]}')
        self.assertNotEqual(theirs.best(), ours.best())
