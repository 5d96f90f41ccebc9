"""When the pool may do what."""

import runpy
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from trader.machine import DISCONNECTED, HALTED, INITIALIZING, READY, STOPPING, TABLE, TRADING, trader_machine

ROOT = Path(__file__).resolve().parent.parent.parent
STATES = {DISCONNECTED, INITIALIZING, READY, TRADING, STOPPING, HALTED}
INPUTS = {"connected", "disconnected", "initialized", "start", "stop", "wound_down", "halted", "accepted"}


class Recorder:
    """Steps that only remember."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.asked: list[str] = []

    def entered(self, state: str) -> None:
        self.states.append(state)

    def initialize(self) -> None:
        self.asked.append("initialize")

    def trade(self) -> None:
        self.asked.append("trade")

    def wind_down(self) -> None:
        self.asked.append("wind_down")


class MachineTests(SynchronousTestCase):
    """The table, and the way through it."""

    def run_through(self, *inputs: str) -> Recorder:
        recorder = Recorder()
        machine = trader_machine(recorder)
        for name in inputs:
            getattr(machine, name)()
        return recorder

    def test_every_pair_is_listed(self) -> None:
        """No state is left without a row for an input (original_bugs 62)."""
        self.assertEqual(set(TABLE), {(state, event) for state in STATES for event in INPUTS})

    def test_the_seeds_way(self) -> None:
        """DISCONNECTED, INITIALIZING, READY, TRADING, and STOP leads back to READY."""
        recorder = self.run_through("connected", "initialized", "start", "stop", "wound_down")
        self.assertEqual(recorder.states, [INITIALIZING, READY, TRADING, STOPPING, READY])
        self.assertEqual(recorder.asked, ["initialize", "trade", "wind_down"])

    def test_losing_a_venue(self) -> None:
        """In TRADING the other venue's quotes are pulled; back again means READY, not TRADING."""
        recorder = self.run_through("connected", "initialized", "start", "disconnected", "connected", "wound_down", "initialized")
        self.assertEqual(recorder.states[-1], READY)
        self.assertEqual(recorder.asked, ["initialize", "trade", "wind_down", "initialize"])

    def test_stop_is_allowed_everywhere(self) -> None:
        """STOP changes nothing where nothing is traded, and is never an error."""
        for state in STATES - {TRADING}:
            self.assertEqual(TABLE[(state, "stop")], (state, ""))

    def test_trading_ends_only_by_winding_down(self) -> None:
        """Whatever leads out of TRADING cancels what is ours."""
        for (state, _event), (target, action) in TABLE.items():
            if state == TRADING and target != TRADING:
                self.assertEqual(action, "wind_down")

    def test_only_start_leads_to_trading(self) -> None:
        """Nothing but a person's START begins to trade, and only from READY."""
        leads = [pair for pair, (target, _action) in TABLE.items() if target == TRADING and pair[0] != TRADING]
        self.assertEqual(leads, [(READY, "start")])

    def test_halted_needs_a_person(self) -> None:
        """HALTED is left only by a person's word, or with the venue."""
        ways = {event for (state, event), (target, _action) in TABLE.items() if state == HALTED and target != HALTED}
        self.assertEqual(ways, {"accepted", "disconnected"})

    def test_the_diagrams_are_those_of_the_code(self) -> None:
        """docs/state-machines.md is what the tables draw today."""
        page = runpy.run_path(str(ROOT / "docs" / "make_state_machines.py"))["page"]()
        self.assertEqual((ROOT / "docs" / "state-machines.md").read_text(encoding="utf-8"), page)
