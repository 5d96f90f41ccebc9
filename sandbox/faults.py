"""Faults on demand: which call at which venue goes wrong, how often, and how.

A front asks :meth:`Faults.decide` once per call, connection or event, with the call's name as its protocol spells it
(``AddOrder``, ``rpc.trader.place_order``, ``book``, ``connect``), and does what the answer says.
"""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from random import Random

from attrs import evolve, frozen

from model.money import decimal_of


class Kind(Enum):
    """What happens instead of, or besides, the right thing."""

    #: Nothing is done; the venue's own error text ``text`` is the answer.
    ERROR = "error"
    #: It is done and answered, ``seconds`` (wall) late.
    DELAY = "delay"
    #: Nothing is done and nothing is answered.
    NO_ANSWER = "no_answer"
    #: It is done, and nothing is answered.
    DONE_NO_ANSWER = "done_no_answer"
    #: The event is told twice.
    DUPLICATE = "duplicate"
    #: The stream stays up, but the event is not told.
    STALE = "stale"
    #: The connection is closed (before a call is done).
    DISCONNECT = "disconnect"
    #: A new connection is closed at once.
    REFUSE_CONNECT = "refuse_connect"
    #: The book's checksum is wrong.
    CHECKSUM = "checksum"
    #: A sequence number is skipped, with its event.
    GAP = "gap"
    #: The event is told after the next one of its stream.
    REORDER = "reorder"
    #: Before a cancel is carried out somebody takes half of what is left of the order; with ``text`` "all" the whole.
    FILL_FIRST = "fill_first"


@frozen
class Fault:
    """``call`` is a regular expression for the whole name; ``left`` counts the calls it still hits (None: no end).

    ``probability`` (0 to 1) is drawn per call; a call that is spared does not count.
    """

    id: int
    venue: str
    call: str
    kind: Kind
    probability: Decimal = Decimal(1)
    left: int | None = None
    text: str = ""
    seconds: Decimal = Decimal(1)

    def matches(self, venue: str, call: str) -> bool:
        """Whether it is meant for this call."""
        return self.venue in (venue, "*") and re.fullmatch(self.call, call) is not None


class BadFault(ValueError):
    """The description of a fault makes no sense; the text says which part."""


class Faults:
    """The faults in force. ``random`` draws the probable ones, so that a seed repeats them."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random(0)  # noqa: S311 - dice, not secrets
        self._faults: dict[int, Fault] = {}
        self._last_id = 0
        #: How many calls each fault has hit, by its id, those that are over included.
        self.hits: Counter[int] = Counter()

    def add(
        self,
        venue: str,
        call: str,
        kind: Kind,
        *,
        probability: Decimal = Decimal(1),
        count: int | None = None,
        text: str = "",
        seconds: Decimal = Decimal(1),
    ) -> Fault:
        """Put a fault in force; ``venue`` "*" is every venue, ``count`` the number of calls it hits."""
        self._last_id += 1
        fault = Fault(self._last_id, venue, call, kind, probability, count, text, seconds)
        self._faults[fault.id] = fault
        return fault

    def add_described(self, words: Mapping[str, object]) -> Fault:
        """Put a fault in force that a control face describes: the keys of :meth:`add`, ``venue`` and ``call`` optional.

        :raises BadFault: for an unknown key or a value that makes no sense.
        """
        known = {"venue", "call", "kind", "probability", "count", "text", "seconds"}
        if unknown := sorted(set(words) - known):
            raise BadFault(f"unknown keys {unknown}; known are {sorted(known)}")
        try:
            kind = Kind(words.get("kind"))
            call = str(words.get("call", ".*"))
            re.compile(call)
            probability = decimal_of(str(words.get("probability", 1)), "probability")
            seconds = decimal_of(str(words.get("seconds", 1)), "seconds")
            count = words.get("count")
            how_often = None if count is None else int(str(count))
        except (ValueError, re.error) as error:
            raise BadFault(str(error)) from None
        if not 0 < probability <= 1 or seconds < 0 or (how_often is not None and how_often <= 0):
            raise BadFault("probability must be in (0, 1], seconds at least 0, count positive")
        venue, text = str(words.get("venue", "*")), str(words.get("text", ""))
        return self.add(venue, call, kind, probability=probability, count=how_often, text=text, seconds=seconds)

    def remove(self, fault_id: int) -> bool:
        """End one fault; whether there was such."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    def in_force(self) -> list[Fault]:
        """Oldest first."""
        return list(self._faults.values())

    def decide(self, venue: str, call: str, *kinds: Kind) -> Fault | None:
        """The oldest fault that hits this call, counted as used; None: all goes well.

        :param kinds: those that make sense at this point; none given: all.
        """
        for fault in self._faults.values():
            if (kinds and fault.kind not in kinds) or not fault.matches(venue, call):
                continue
            if fault.probability < 1 and Decimal(str(self._random.random())) >= fault.probability:
                continue
            self._use(fault)
            return fault
        return None

    def _use(self, fault: Fault) -> None:
        self.hits[fault.id] += 1
        if fault.left is None:
            return
        if fault.left == 1:
            del self._faults[fault.id]
        else:
            self._faults[fault.id] = evolve(fault, left=fault.left - 1)
