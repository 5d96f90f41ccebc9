"""The life cycle of a connection that must stay connected: every state, every input, nothing left to chance.

::

    idle --start--> connecting --opened--> open
                      |   ^                 |
                    lost  retry            lost
                      v   |                 |
                     waiting <--------------+

    close: idle, waiting --> closed;  connecting, open --> closing --lost--> closed
"""

from collections.abc import Callable
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


def _dial(_life: Life, hands: Hands) -> None:
    hands.dial()


def _wait(_life: Life, hands: Hands) -> None:
    hands.wait()


def _tell_opened(_life: Life, hands: Hands) -> None:
    hands.tell_opened()


def _tell_lost_and_wait(_life: Life, hands: Hands) -> None:
    # The wait comes first: an owner who closes the link on this news must find it waiting.
    hands.wait()
    hands.tell_lost()


def _hang_up(_life: Life, hands: Hands) -> None:
    hands.hang_up()


def _tell_lost_and_hang_up(_life: Life, hands: Hands) -> None:
    hands.tell_lost()
    hands.hang_up()


def _stop_waiting(_life: Life, hands: Hands) -> None:
    hands.stop_waiting()
    hands.tell_closed()


def _tell_closed(_life: Life, hands: Hands) -> None:
    hands.tell_closed()


def build_life() -> Callable[[Hands], Life]:
    """The machine; call the result with the :class:`Hands` of one link. Inputs return nothing and never raise for I/O."""
    machine = TypeMachineBuilder(Life, Hands)  # type: ignore[type-abstract]  # Automat only looks at it
    idle = machine.state("idle")
    connecting = machine.state("connecting")
    is_open = machine.state("open")
    waiting = machine.state("waiting")
    closing = machine.state("closing")
    closed = machine.state("closed")

    idle.upon(Life.start).to(connecting)(_dial)
    idle.upon(Life.close).to(closed)(_tell_closed)
    connecting.upon(Life.opened).to(is_open)(_tell_opened)
    connecting.upon(Life.lost).to(waiting)(_wait)
    connecting.upon(Life.close).to(closing)(_hang_up)
    is_open.upon(Life.lost).to(waiting)(_tell_lost_and_wait)
    is_open.upon(Life.close).to(closing)(_tell_lost_and_hang_up)
    waiting.upon(Life.retry).to(connecting)(_dial)
    waiting.upon(Life.close).to(closed)(_stop_waiting)
    # A connection that opens while we hang up is hung up as well.
    closing.upon(Life.opened).loop()(_hang_up)
    closing.upon(Life.lost).to(closed)(_tell_closed)

    # A repeat of what is so already, or news of a connection that is over: nothing to do.
    nothing_to_do = {
        idle: (Life.opened, Life.lost, Life.retry),
        connecting: (Life.start, Life.retry),
        is_open: (Life.start, Life.opened, Life.retry),
        waiting: (Life.start, Life.opened, Life.lost),
        closing: (Life.start, Life.retry, Life.close),
        closed: (Life.start, Life.opened, Life.lost, Life.retry, Life.close),
    }
    for state, inputs in nothing_to_do.items():
        for ignored in inputs:
            state.upon(ignored).loop().returns(None)
    return machine.build()


life_machine = build_life()
