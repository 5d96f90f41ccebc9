"""The life cycle of a connection that must stay connected: every state, every input, nothing left to chance.

::

    idle --start--> connecting --opened--> open
                      |   ^                 |
                    lost  retry            lost
                      v   |                 |
                     waiting <--------------+

    close: idle, waiting --> closed;  connecting, open --> closing --lost--> closed
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from automat import TypeMachineBuilder


class Life(Protocol):
    """What can happen to a link."""

    def start(self) -> None:
        """The owner wants it connected."""

    def opened(self) -> None:
        """The connection stands, its handshake is done."""

    def lost(self) -> None:
        """The attempt has failed, or the connection is gone."""

    def retry(self) -> None:
        """The wait after a failure is over."""

    def close(self) -> None:
        """The owner wants it closed for good."""


class Hands(Protocol):
    """What the machine lets be done."""

    def dial(self) -> None:
        """Try to connect; ``opened`` or ``lost`` will come of it."""

    def wait(self) -> None:
        """Let time pass; ``retry`` will come of it."""

    def stop_waiting(self) -> None:
        """No ``retry`` any more."""

    def hang_up(self) -> None:
        """End the connection or the attempt; ``lost`` will come of it."""

    def tell_opened(self) -> None:
        """The owner may use it."""

    def tell_lost(self) -> None:
        """The owner may not use it any more."""

    def tell_closed(self) -> None:
        """All is over."""


#: (state, input) -> (next state, what is done, in this order). Where nothing is done it is a repeat of what is so already,
#: or news of a connection that is over.
TABLE: Mapping[tuple[str, str], tuple[str, str]] = {
    ("idle", "start"): ("connecting", "dial"),
    ("idle", "opened"): ("idle", ""),
    ("idle", "lost"): ("idle", ""),
    ("idle", "retry"): ("idle", ""),
    ("idle", "close"): ("closed", "tell_closed"),
    ("connecting", "start"): ("connecting", ""),
    ("connecting", "opened"): ("open", "tell_opened"),
    ("connecting", "lost"): ("waiting", "wait"),
    ("connecting", "retry"): ("connecting", ""),
    ("connecting", "close"): ("closing", "hang_up"),
    ("open", "start"): ("open", ""),
    ("open", "opened"): ("open", ""),
    # The wait comes first: an owner who closes the link on this news must find it waiting.
    ("open", "lost"): ("waiting", "wait tell_lost"),
    ("open", "retry"): ("open", ""),
    ("open", "close"): ("closing", "tell_lost hang_up"),
    ("waiting", "start"): ("waiting", ""),
    ("waiting", "opened"): ("waiting", ""),
    ("waiting", "lost"): ("waiting", ""),
    ("waiting", "retry"): ("connecting", "dial"),
    ("waiting", "close"): ("closed", "stop_waiting tell_closed"),
    ("closing", "start"): ("closing", ""),
    # A connection that opens while we hang up is hung up as well.
    ("closing", "opened"): ("closing", "hang_up"),
    ("closing", "lost"): ("closed", "tell_closed"),
    ("closing", "retry"): ("closing", ""),
    ("closing", "close"): ("closing", ""),
    ("closed", "start"): ("closed", ""),
    ("closed", "opened"): ("closed", ""),
    ("closed", "lost"): ("closed", ""),
    ("closed", "retry"): ("closed", ""),
    ("closed", "close"): ("closed", ""),
}


def _doing(actions: str) -> Callable[[Life, Hands], None]:
    def behaviour(_life: Life, hands: Hands) -> None:
        for action in actions.split():
            getattr(hands, action)()

    return behaviour


def _build() -> Callable[[Hands], Life]:
    machine = TypeMachineBuilder(Life, Hands)  # type: ignore[type-abstract]  # Automat only looks at it
    states = {name: machine.state(name) for name in dict.fromkeys(state for state, _ in TABLE)}
    for (state, given), (target, actions) in TABLE.items():
        states[state].upon(getattr(Life, given)).to(states[target])(_doing(actions))
    return machine.build()


#: Call it with the :class:`Hands` of one link. Its inputs return nothing and never raise for I/O.
life_machine = _build()
