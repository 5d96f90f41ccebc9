"""When the pool may do what, as a machine (diagram: docs/state-machines.md). The seed's words: DISCONNECTED,
INITIALIZING, READY, TRADING; between them STOPPING, and HALTED when something does not add up.

Losing a venue in any state pulls the quotes that are left at the other one; after it is back the pool agrees with both
venues again and is READY: only a person starts trading. STOP is allowed in every state.
"""

from collections.abc import Callable
from typing import Protocol

from automat import TypeMachineBuilder

DISCONNECTED, INITIALIZING, READY, TRADING, STOPPING, HALTED = (
    "DISCONNECTED",
    "INITIALIZING",
    "READY",
    "TRADING",
    "STOPPING",
    "HALTED",
)


class TraderSteps(Protocol):
    """What a transition asks for. None of these waits: what comes of them comes back as an input."""

    def entered(self, state: str) -> None:
        """The pool is in ``state`` now."""

    def initialize(self) -> None:
        """Agree with both venues; then ``initialized``, ``halted`` or (after a pause) again."""

    def trade(self) -> None:
        """Begin to trade: a decision at once."""

    def wind_down(self) -> None:
        """Cancel all that is ours, at both venues; then ``wound_down``."""


class TraderInputs(Protocol):
    """What can happen to the pool."""

    def connected(self) -> None:
        """Both venues and the rate are there."""

    def disconnected(self) -> None:
        """A venue is gone."""

    def initialized(self) -> None:
        """Both venues and the books agree."""

    def start(self) -> None:
        """A person wants to trade."""

    def stop(self) -> None:
        """A person wants to trade no more, or the process is ending."""

    def wound_down(self) -> None:
        """Nothing of ours is left at any venue that can be asked."""

    def halted(self) -> None:
        """Something does not add up; a person must look."""

    def accepted(self) -> None:
        """A person has looked and says go on."""


#: (state, input) -> (next state, what is asked for). Every pair is here; doing nothing is written down too.
TABLE: dict[tuple[str, str], tuple[str, str]] = {
    (DISCONNECTED, "connected"): (INITIALIZING, "initialize"),
    (DISCONNECTED, "disconnected"): (DISCONNECTED, ""),
    (DISCONNECTED, "initialized"): (DISCONNECTED, ""),  # it was agreed just as the venue went: agree again when it is back
    (DISCONNECTED, "start"): (DISCONNECTED, ""),
    (DISCONNECTED, "stop"): (DISCONNECTED, ""),
    (DISCONNECTED, "wound_down"): (DISCONNECTED, ""),
    (DISCONNECTED, "halted"): (DISCONNECTED, ""),
    (DISCONNECTED, "accepted"): (DISCONNECTED, ""),
    (INITIALIZING, "connected"): (INITIALIZING, ""),
    (INITIALIZING, "disconnected"): (DISCONNECTED, ""),
    (INITIALIZING, "initialized"): (READY, ""),
    (INITIALIZING, "start"): (INITIALIZING, ""),
    (INITIALIZING, "stop"): (INITIALIZING, ""),
    (INITIALIZING, "wound_down"): (INITIALIZING, ""),
    (INITIALIZING, "halted"): (HALTED, ""),
    (INITIALIZING, "accepted"): (INITIALIZING, ""),
    (READY, "connected"): (READY, ""),
    (READY, "disconnected"): (DISCONNECTED, ""),
    (READY, "initialized"): (READY, ""),
    (READY, "start"): (TRADING, "trade"),
    (READY, "stop"): (READY, ""),
    (READY, "wound_down"): (READY, ""),
    (READY, "halted"): (HALTED, ""),
    (READY, "accepted"): (READY, ""),
    (TRADING, "connected"): (TRADING, ""),
    (TRADING, "disconnected"): (DISCONNECTED, "wind_down"),
    (TRADING, "initialized"): (TRADING, ""),
    (TRADING, "start"): (TRADING, ""),
    (TRADING, "stop"): (STOPPING, "wind_down"),
    (TRADING, "wound_down"): (TRADING, ""),
    (TRADING, "halted"): (HALTED, "wind_down"),
    (TRADING, "accepted"): (TRADING, ""),
    (STOPPING, "connected"): (STOPPING, ""),
    (STOPPING, "disconnected"): (DISCONNECTED, ""),
    (STOPPING, "initialized"): (STOPPING, ""),
    (STOPPING, "start"): (STOPPING, ""),
    (STOPPING, "stop"): (STOPPING, ""),
    (STOPPING, "wound_down"): (READY, ""),
    (STOPPING, "halted"): (HALTED, ""),
    (STOPPING, "accepted"): (STOPPING, ""),
    (HALTED, "connected"): (HALTED, ""),
    (HALTED, "disconnected"): (DISCONNECTED, ""),
    (HALTED, "initialized"): (HALTED, ""),
    (HALTED, "start"): (HALTED, ""),
    (HALTED, "stop"): (HALTED, ""),
    (HALTED, "wound_down"): (HALTED, ""),
    (HALTED, "halted"): (HALTED, ""),
    (HALTED, "accepted"): (INITIALIZING, "initialize"),
}


def _act(action: str, target: str) -> Callable[[TraderInputs, TraderSteps], None]:
    def behave(_inputs: TraderInputs, steps: TraderSteps) -> None:
        steps.entered(target)
        if action == "initialize":
            steps.initialize()
        elif action == "trade":
            steps.trade()
        elif action == "wind_down":
            steps.wind_down()

    return behave


def _build() -> Callable[[TraderSteps], TraderInputs]:
    builder = TypeMachineBuilder(TraderInputs, TraderSteps)  # type: ignore[type-abstract]  # only named, never made
    states = {name: builder.state(name) for name in (DISCONNECTED, INITIALIZING, READY, TRADING, STOPPING, HALTED)}
    for (state, event), (target, action) in TABLE.items():
        transition = states[state].upon(getattr(TraderInputs, event))
        transition.to(states[target])(_act(action, target))
    return builder.build()


#: Makes the pool's machine, in state DISCONNECTED.
trader_machine = _build()
