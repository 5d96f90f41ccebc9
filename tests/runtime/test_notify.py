"""People are told by the rules, and whatever takes the messages never holds up the pool."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from runtime.config_fields import QUIET, ZONE
from runtime.config_values import Notices, Rule
from runtime.notify import MOST_WAITING, PATIENCE, PAUSES, Message, Notifier

BEGIN = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
RULES = Notices(events=("halted", "task", "venue"), urgent=("halted",))


class NotifierTests(SynchronousTestCase):
    """Two channels that a test answers for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: dict[str, list[Message]] = {"a": [], "b": []}
        self.waiting: dict[str, list[Deferred[Any]]] = {"a": [], "b": []}
        self.make(RULES)

    def make(self, rules: Notices) -> None:
        senders = {name: lambda message, name=name: self.take(name, message) for name in self.sent}
        self.notifier = Notifier(rules, "pool", senders, self.clock, lambda: BEGIN + timedelta(seconds=self.clock.seconds()))
        self.addCleanup(self.notifier.close)

    def take(self, name: str, message: Message) -> "Deferred[Any]":
        self.sent[name].append(message)
        self.waiting[name].append(Deferred())
        return self.waiting[name][-1]

    def tell(self, kind: str, sentence: str = "x", seconds: float = 0) -> None:
        self.notifier.notify(kind, sentence)
        self.clock.advance(seconds)

    def told(self, name: str = "a") -> list[list[str]]:
        return [[notice.sentence for notice in message.notices] for message in self.sent[name]]

    def test_urgent_at_once(self) -> None:
        """By every channel."""
        self.tell("halted", "the pool is HALTED")
        self.assertEqual((self.told("a"), self.told("b")), ([["the pool is HALTED"]], [["the pool is HALTED"]]))
        self.assertEqual(self.sent["a"][0].subject, "[pool] halted: the pool is HALTED")
        self.assertEqual(self.sent["a"][0].text, "2026-11-21 21:00:00 UTC  halted: the pool is HALTED\n")

    def test_the_rest_is_gathered(self) -> None:
        """One message for what comes within the digest's time; what is not wanted is not told."""
        self.tell("task", "one", 30)
        self.tell("limit", "not wanted")
        self.tell("venue", "two", 29)
        self.assertEqual(self.told(), [])
        self.clock.advance(1)
        self.assertEqual(self.told(), [["one", "two"]])
        self.assertIn("(and 1 more)", self.sent["a"][0].subject)

    def test_quiet_hours(self) -> None:
        """From 22:00 to 07:00 only what is urgent; the rest comes in the morning, all of it."""
        self.make(attrs.evolve(RULES, quiet=QUIET.parse("22:00-07:00")))
        self.clock.advance(3600)
        self.tell("task", "one", 120)
        self.tell("halted", "now")
        self.waiting["a"][0].callback(None)
        self.tell("task", "two", 120)
        self.assertEqual(self.told(), [["now"]])
        self.clock.pump([60] * 60 * 9)
        self.assertEqual(self.told()[:2], [["now"], ["one", "two"]])

    def test_more_than_a_night_can_hold(self) -> None:
        """What is dropped while it is gathered is counted in the message, for whoever would have had it."""
        rules = {"task": (Rule("a"),)}
        self.make(attrs.evolve(RULES, quiet=QUIET.parse("22:00-07:00"), rules=rules))
        self.clock.advance(3600)
        for number in range(MOST_WAITING + 7):
            self.tell("task", str(number))
        self.tell("venue", "gone")
        self.clock.pump([60] * 60 * 9)
        self.assertEqual((self.sent["a"][0].dropped, len(self.sent["a"][0].notices)), (8, MOST_WAITING))
        self.assertIn("8 older ones were dropped", self.sent["a"][0].text)
        self.assertEqual([message.dropped for message in self.sent["b"]], [0])

    def test_quiet_hours_have_a_zone(self) -> None:
        """22:00 to 07:00 in Budapest begin at 21:00 UTC, which is now."""
        self.make(attrs.evolve(RULES, quiet=QUIET.parse("22:00-07:00"), zone=ZONE.parse("Europe/Budapest")))
        self.tell("task", "one", 120)
        self.assertEqual(self.told(), [])
        self.clock.pump([60] * 60 * 9)
        self.assertEqual(self.told()[:1], [["one"]])

    def test_each_event_to_its_targets(self) -> None:
        """By the rules; what has none goes by the default; "none" is a rule too."""
        rules = {"halted": (Rule("a"), Rule("b")), "task": (Rule("a"),), "limit": ()}
        self.make(attrs.evolve(RULES, events=("halted", "task", "venue", "limit"), rules=rules, otherwise=(Rule("b"),)))
        for kind in ("task", "venue", "limit"):
            self.tell(kind, kind)
        self.tell("halted", "halted", 60)
        for waiting in self.waiting.values():
            waiting[0].callback(None)
        self.clock.advance(0)
        self.assertEqual((self.told("a"), self.told("b")), ([["halted"], ["task"]], [["halted"], ["venue"]]))

    def test_the_least_severity(self) -> None:
        """A target that wants what is critical only is not told that all is well again, nor at once."""
        rules = {"halted": (Rule("a", "critical"), Rule("b"))}
        self.make(attrs.evolve(RULES, rules=rules))
        self.notifier.notify("halted", "all is well", "info")
        self.clock.advance(59)
        self.assertEqual((self.told("a"), self.told("b")), ([], []))
        self.clock.advance(1)
        self.assertEqual((self.told("a"), self.told("b")), ([], [["all is well"]]))

    def test_outcomes_are_counted(self) -> None:
        """Taken, failed, given up, and what was dropped: for whoever watches the notifier itself."""
        self.tell("halted", "one")
        post, _ = self.notifier.posts
        self.waiting["a"][0].callback(None)
        self.tell("halted", "two")
        for _ in range(MOST_WAITING + 1):
            self.tell("halted", "more")
        self.assertEqual((post.dropped, post.waiting), (1, MOST_WAITING))
        for number, pause in enumerate((*PAUSES[1:], 0), start=1):
            self.waiting["a"][number].errback(OSError("no route"))
            self.clock.advance(pause)
        self.assertEqual(post.outcomes, {"sent": 1, "failed": 3, "given_up": 1})

    def test_one_message_at_a_time(self) -> None:
        """While one is on its way the others wait for the next; the other channel does not wait with them."""
        for number in range(3):
            self.tell("halted", str(number))
        self.waiting["b"][0].callback(None)
        self.clock.advance(0)
        self.assertEqual((self.told("a"), self.told("b")), ([["0"]], [["0"], ["1", "2"]]))
        self.waiting["a"][0].callback(None)
        self.clock.advance(0)
        self.assertEqual(self.told("a"), [["0"], ["1", "2"]])

    def test_a_sender_that_hangs(self) -> None:
        """Cancelled after its time, tried again, given up and logged; notices meanwhile are kept up to a bound, and counted."""
        events: list[Any] = []
        keep: Any = events.append
        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)
        self.tell("halted", "first")
        for number in range(MOST_WAITING + 5):
            self.tell("halted", str(number))
        self.clock.pump([1] * int(sum(PAUSES) + len(PAUSES) * PATIENCE + 2))
        self.assertEqual(self.told()[: len(PAUSES)], [["first"]] * len(PAUSES))
        following = self.sent["a"][len(PAUSES)]
        self.assertEqual((len(following.notices), following.dropped, following.notices[0].sentence), (MOST_WAITING, 5, "5"))
        self.assertIn("5 older ones were dropped", following.text)
        self.assertTrue(any("given up" in event.get("log_format", "") for event in events))

    def test_a_sender_that_fails(self) -> None:
        """Tried again after a pause; taken then, it is not sent once more."""
        self.tell("halted", "first")
        self.waiting["a"][0].errback(OSError("no route"))
        self.clock.advance(PAUSES[1])
        self.waiting["a"][1].callback(None)
        self.clock.advance(1000)
        self.assertEqual(self.told(), [["first"]] * 2)

    def test_a_sender_that_raises(self) -> None:
        """A bug in a sender is no bug of the pool's."""

        def broken(_message: Message) -> Any:
            raise RuntimeError("a bug")

        notifier = Notifier(RULES, "pool", {"a": broken}, self.clock, lambda: BEGIN)
        notifier.notify("halted", "x")
        self.clock.advance(0)
        notifier.close()

    def test_nothing_is_left(self) -> None:
        """Closed: nothing on the clock, nothing on its way."""
        self.tell("halted", "one")
        self.tell("task", "two")
        self.notifier.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
