"""The places where a campaign lets the pool die, and that nothing of it is there without being asked for."""

import os
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from runtime import wiring
from runtime.crash_points import NAMES, VARIABLE, CrashPoint
from runtime.problems import CannotStart


class Ledger:
    """Two methods of one; ``answer`` fires when the test says so."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answered: Deferred[None] = Deferred()

    def intend(self, intent: str) -> "Deferred[None]":
        self.calls.append(intent)
        return self.answered

    def balances(self) -> "Deferred[dict[str, str]]":
        return succeed({"a": "b"})


class CrashPointTests(SynchronousTestCase):
    """What passes which place, and when."""

    def setUp(self) -> None:
        self.crashes = 0

    def point(self, text: str) -> CrashPoint:
        def crash() -> None:
            self.crashes += 1

        return CrashPoint(text, crash)

    def test_before_a_write_nothing_is_asked(self) -> None:
        """At ``before-intend`` the ledger has not heard of the intent."""
        inside = Ledger()

        def crash() -> None:
            self.assertEqual(inside.calls, [])
            self.crashes += 1

        CrashPoint("before-intend", crash).around_ledger(inside).intend("one")
        self.assertEqual(self.crashes, 1)

    def test_after_a_write_it_is_on_disk(self) -> None:
        """At ``after-intend`` the ledger has answered, and not a moment earlier."""
        inside = Ledger()
        self.point("after-intend").around_ledger(inside).intend("one")
        self.assertEqual(self.crashes, 0)
        inside.answered.callback(None)
        self.assertEqual(self.crashes, 1)

    def test_the_nth_passage_counts(self) -> None:
        """``name:3`` lets two pass, and is over after the third."""
        ledger = self.point("before-intend:3").around_ledger(Ledger())
        seen = []
        for number in range(4):
            ledger.intend(str(number))
            seen.append(self.crashes)
        self.assertEqual(seen, [0, 0, 1, 1])

    def test_places_are_told_apart(self) -> None:
        """A send to the source does not pass the target's place, nor another method; a refusal is an answer too."""

        class Client:
            def placeOrder(self) -> "Deferred[str]":
                return succeed("1")

            def cancelOrder(self) -> "Deferred[bool]":
                return fail(ValueError("no"))

        point = self.point("after-target-cancelOrder")
        for place in ("source", "target"):
            client = point.around_client(Client(), place)
            self.assertEqual(self.successResultOf(client.placeOrder()), "1")
            before = self.crashes
            self.failureResultOf(client.cancelOrder(), ValueError)
            self.assertEqual(self.crashes - before, 1 if place == "target" else 0)
        self.assertEqual(self.crashes, 1)

    def test_what_is_no_place_passes_untouched(self) -> None:
        """Whatever else the wrapped thing can do is done as without the wrapping."""
        ledger = self.point("before-intend").around_ledger(Ledger())
        self.assertEqual(self.successResultOf(ledger.balances()), {"a": "b"})

    def test_unknown_names_are_refused(self) -> None:
        """A point that does not exist would make a campaign that tests nothing."""
        for text in ("", "intend", "before-nothing", "before-intend:0", "before-intend:x", "before-intend:-1"):
            with self.assertRaises(ValueError, msg=text):
                CrashPoint(text)
        for name in NAMES:
            CrashPoint(name)


class WiringTests(SynchronousTestCase):
    """The variable is read in one place."""

    def wired(self, environment: dict[str, str]) -> tuple[Any, Any]:
        clean = {name: text for name, text in os.environ.items() if name != VARIABLE}
        with patch.dict(os.environ, clean | environment, clear=True):
            return wiring.with_crash_point(self.exchanges, self.ledger)

    def setUp(self) -> None:
        self.ledger: Any = Ledger()
        self.exchanges = wiring.Clients(object(), object(), object())

    def test_without_the_variable_nothing_is_wrapped(self) -> None:
        """The ledger and the clients are the very same objects."""
        exchanges, ledger = self.wired({})
        self.assertIs(exchanges, self.exchanges)
        self.assertIs(ledger, self.ledger)

    def test_with_it_all_are(self) -> None:
        """The ledger and both exchanges, not the rate."""
        exchanges, ledger = self.wired({VARIABLE: "after-answer:2"})
        self.assertIsNot(ledger, self.ledger)
        self.assertIsNot(exchanges.source, self.exchanges.source)
        self.assertIs(exchanges.fiat, self.exchanges.fiat)

    def test_a_wrong_name_starts_nothing(self) -> None:
        """The process ends with one sentence."""
        with self.assertRaisesRegex(CannotStart, "ILP_CRASH_AT.*nowhere"):
            self.wired({VARIABLE: "nowhere"})
