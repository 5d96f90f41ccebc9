"""Deciding in a process that can be ended, against real processes."""

import os
import signal
from decimal import Decimal
from typing import Any

from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from model.decision import Decision, Verdict
from model.settings import Settings
from model.snapshot import Snapshot
from tests.trader.pools import SETTINGS, SNAPSHOT
from trader.deciding import Decider

reactor: Any = process_reactor


class DeciderTests(TestCase):
    """Answers in time, or none at all."""

    def decider(self, **options: Any) -> Decider:
        decider = Decider(reactor, **options)

        def end() -> "Deferred[None]":
            decider.close()
            return deferLater(reactor, 0.3, lambda: None)

        self.addCleanup(end)
        return decider

    def ask(self, decider: Decider, snapshot: Snapshot = SNAPSHOT, settings: Settings = SETTINGS) -> "Deferred[Decision]":
        return decider.decide(snapshot, settings)

    async def _answers(self) -> None:
        decision = await self.ask(self.decider())
        self.assertIs(decision.verdict, Verdict.ACT)
        self.assertGreater(decision.elapsed_ms, 0)
        assert decision.optimized is not None
        assert decision.base is not None
        self.assertGreaterEqual(decision.optimized.worth.value, decision.base.value)

    def test_answers(self) -> "Deferred[None]":
        """A real question gets the optimiser's answer, with the time it took."""
        return Deferred.fromCoroutine(self._answers())

    async def _in_order(self) -> None:
        decider = self.decider()
        questions = [self.ask(decider), self.ask(decider)]
        answers = await gatherResults(questions)
        self.assertEqual(answers[0].optimized, answers[1].optimized)

    def test_one_at_a_time_and_the_same_each_time(self) -> "Deferred[None]":
        """Two questions at once are answered in turn, and equal questions equally."""
        return Deferred.fromCoroutine(self._in_order())

    async def _hung(self) -> None:
        decider = self.decider(module="tests.trader.workers", start_up=0.0)
        decision = await self.ask(decider, settings=SETTINGS.replace(time_limit=Decimal("0.1")))
        self.assertIs(decision.verdict, Verdict.WAIT)
        self.assertIn("was ended", decision.reason)
        self.assertEqual(decision.quotes, ())

    def test_a_hung_solver_is_ended(self) -> "Deferred[None]":
        """Past its limit the process is killed, and the answer is to wait (original_bugs 14, 15)."""
        return Deferred.fromCoroutine(self._hung())

    async def _interrupted(self) -> None:
        decider = self.decider()
        transport: Any = decider.warm_up().transport
        os.kill(transport.pid, signal.SIGINT)
        self.assertIs((await self.ask(decider)).verdict, Verdict.ACT)

    def test_ctrl_c_is_not_for_it(self) -> "Deferred[None]":
        """Ctrl-C reaches every process of the terminal; the deciding one lets it pass, from its first moment on."""
        return Deferred.fromCoroutine(self._interrupted())

    async def _dead(self) -> None:
        decider = self.decider()
        waiting = self.ask(decider)
        decider.close()
        decision = await waiting
        self.assertIs(decision.verdict, Verdict.WAIT)
        self.assertIs((await self.ask(decider)).verdict, Verdict.ACT)

    def test_a_dead_solver_is_replaced(self) -> "Deferred[None]":
        """A process that dies answers WAIT for the question it had; the next question gets a new one."""
        return Deferred.fromCoroutine(self._dead())
