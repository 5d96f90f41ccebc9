"""The life of one order, as a machine (diagram: docs/state-machines.md).

The states say what we can prove, not what we hope: PLACING (a request is out), UNKNOWN (no answer proves what became of
it; it is being looked up), OPEN, AMENDING (open, and a change of price or size is out), CANCELLING (a cancel is out), OVER.
A cancel does not wait for an amend: whatever that may still do, it does to the same order, and a cancelled one it cannot bring
back. Venues really do send a fill before the answer to the
placing, a fill after the cancel, and a refusal to cancel what has just been filled: each has its row. A fill is booked in
every state, OVER included; the machine only decides what may be asked of the venue next.
"""

from collections.abc import Callable
from typing import Protocol

from automat import TypeMachineBuilder

PLACING, UNKNOWN, OPEN, AMENDING = "PLACING", "UNKNOWN", "OPEN", "AMENDING"
CANCELLING, OVER = "CANCELLING", "OVER"


class Steps(Protocol):
    """What a transition asks of the desk. None of these waits: what comes of them comes back as an input."""

    def entered(self, state: str) -> None:
        """The order is in ``state`` now."""

    def send_cancel(self) -> None:
        """Ask the venue to cancel."""

    def send_amend(self) -> None:
        """Ask the venue to change it."""

    def look_up(self) -> None:
        """Find out at the venue what became of it."""

    def wish_cancel(self) -> None:
        """Remember that it is to be cancelled as soon as it is known to be open."""


class ChildOrderInputs(Protocol):
    """What can happen to an order."""

    def acknowledged(self) -> None:
        """The venue has it and has given its id: by an answer, an event, or a look-up."""

    def refused(self) -> None:
        """The venue says that it did nothing, or a look-up proved that it never had the order."""

    def lost(self) -> None:
        """A request (placing or cancelling) ended without an answer that proves anything."""

    def closed(self) -> None:
        """The venue says that it is filled or cancelled."""

    def cancel(self) -> None:
        """We do not want it any more."""

    def cancel_failed(self) -> None:
        """The cancel was certainly not carried out; the order may still be open."""

    def amend(self) -> None:
        """We want it at another price or in another size."""

    def amended(self) -> None:
        """The venue has changed it."""


#: (state, input) -> (next state, what is asked of the desk). Every pair is here; an empty action is a decision too.
TABLE: dict[tuple[str, str], tuple[str, str]] = {
    (PLACING, "acknowledged"): (OPEN, ""),
    (PLACING, "refused"): (OVER, ""),
    (PLACING, "lost"): (UNKNOWN, "look_up"),
    (PLACING, "closed"): (OVER, ""),  # filled before the answer to the placing
    (PLACING, "cancel"): (PLACING, "wish_cancel"),  # nothing to name yet: as soon as it is acknowledged
    (PLACING, "cancel_failed"): (PLACING, ""),
    (PLACING, "amend"): (PLACING, ""),
    (PLACING, "amended"): (PLACING, ""),
    (UNKNOWN, "acknowledged"): (OPEN, ""),
    (UNKNOWN, "refused"): (OVER, ""),
    (UNKNOWN, "lost"): (UNKNOWN, ""),
    (UNKNOWN, "closed"): (OVER, ""),
    (UNKNOWN, "cancel"): (UNKNOWN, "wish_cancel"),
    (UNKNOWN, "cancel_failed"): (UNKNOWN, ""),
    (UNKNOWN, "amend"): (UNKNOWN, ""),
    (UNKNOWN, "amended"): (UNKNOWN, ""),
    (OPEN, "acknowledged"): (OPEN, ""),  # answer and event both say so
    (OPEN, "refused"): (OVER, ""),  # a venue that acknowledged by event and then refuses (Kraken, post-only)
    (OPEN, "lost"): (OPEN, ""),  # the answer to the placing never came, but an event proved it open
    (OPEN, "closed"): (OVER, ""),
    (OPEN, "cancel"): (CANCELLING, "send_cancel"),
    (OPEN, "cancel_failed"): (OPEN, ""),
    (OPEN, "amend"): (AMENDING, "send_amend"),
    (OPEN, "amended"): (OPEN, ""),
    (AMENDING, "acknowledged"): (AMENDING, ""),
    (AMENDING, "refused"): (OVER, ""),  # as when open
    (AMENDING, "lost"): (AMENDING, ""),  # of the placing, as when open: the amend's own is seen to by the desk
    (AMENDING, "closed"): (OVER, ""),
    (AMENDING, "cancel"): (CANCELLING, "send_cancel"),
    (AMENDING, "cancel_failed"): (AMENDING, ""),
    (AMENDING, "amend"): (AMENDING, ""),  # one at a time
    (AMENDING, "amended"): (OPEN, ""),
    (CANCELLING, "acknowledged"): (CANCELLING, ""),
    (CANCELLING, "refused"): (OVER, ""),
    (CANCELLING, "lost"): (CANCELLING, "look_up"),
    (CANCELLING, "closed"): (OVER, ""),  # cancelled, or filled while the cancel was under way
    (CANCELLING, "cancel"): (CANCELLING, ""),
    (CANCELLING, "cancel_failed"): (OPEN, ""),
    (CANCELLING, "amend"): (CANCELLING, ""),
    (CANCELLING, "amended"): (CANCELLING, ""),  # the cancel goes on
    (OVER, "acknowledged"): (OVER, ""),
    (OVER, "refused"): (OVER, ""),
    (OVER, "lost"): (OVER, ""),
    (OVER, "closed"): (OVER, ""),
    (OVER, "cancel"): (OVER, ""),
    (OVER, "cancel_failed"): (OVER, ""),
    (OVER, "amend"): (OVER, ""),
    (OVER, "amended"): (OVER, ""),
}


def _act(action: str, target: str) -> Callable[[ChildOrderInputs, Steps], None]:
    def behave(_inputs: ChildOrderInputs, steps: Steps) -> None:
        steps.entered(target)
        if action == "send_cancel":
            steps.send_cancel()
        elif action == "send_amend":
            steps.send_amend()
        elif action == "look_up":
            steps.look_up()
        elif action == "wish_cancel":
            steps.wish_cancel()

    return behave


def _build() -> Callable[[Steps], ChildOrderInputs]:
    builder = TypeMachineBuilder(ChildOrderInputs, Steps)  # type: ignore[type-abstract]  # only named, never made
    states = {name: builder.state(name) for name in (PLACING, UNKNOWN, OPEN, AMENDING, CANCELLING, OVER)}
    for (state, event), (target, action) in TABLE.items():
        transition = states[state].upon(getattr(ChildOrderInputs, event))
        transition.to(states[target])(_act(action, target))
    return builder.build()


#: Makes the machine of one order, in state PLACING.
child_order_machine = _build()
