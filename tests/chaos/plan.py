"""What a campaign will do, drawn from its seed before it begins: where each kill strikes, and what goes wrong around it.

One seed draws one plan, whatever the machine then makes of it: the processes are real, so what happens in the market between
two kills depends on their speed too.
"""

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Generic, TypeVar

from attrs import frozen

from runtime.crash_points import NAMES
from tests.chaos.config import HEDGES, SPREADS
from tests.chaos.trouble import KINDS, SKEW, UNTOLD, Trouble, draw

T = TypeVar("T")

#: The trouble that is not the exchanges' own: the server of the ledger's database is killed.
DATABASE = Trouble("database killed", "", {})
#: How many faults come with a kill at a named point, at most, and with another one, and in how many seconds of trading.
WITH_POINT, WITHOUT, SOON = 2, (1, 5), 0.8
#: Faults that hit what a pool does at its start, or at once when it trades: they are there before it. So are all of the wire
#: where it dies at a named point, which it may come to very soon.
AT_START = ("refuse connect", "withdraw", "read", "rate limit")
#: No clock goes wrong in so many first rounds: the books have just been opened, and what is newer than they are is booked.
OPENED = 10
#: Share of the kills at a named point; of the others, the share that strikes while the pool starts.
AT_POINTS, EARLY = 0.6, 0.2
#: Share of the rounds before which all faults end; of those in which the pool wants its money elsewhere; with a dead database.
CALM, MOVING, DEAD = 0.6, 0.5, 0.2
#: Points that a pool passes only while it moves money, and those that it does not pass many times in a few seconds.
MONEY = ("requestWithdrawal", "save_transit", "book_transaction")
RARE = (*MONEY, "save_obligation", "source-cancelOrder")


@frozen
class Round:
    """One life of the pool. It ends at ``point`` (``name:n``), or after ``seconds``: of trading, or if it ``is_early`` of its
    start. ``before`` and ``troubles`` (with the second of their coming) go wrong; ``is_calm``: what went wrong before is over.
    ``spread`` and ``hedge`` are what its config says."""

    point: str
    seconds: float
    is_early: bool
    is_calm: bool
    spread: int
    hedge: str
    before: tuple[Trouble, ...]
    troubles: tuple[tuple[float, Trouble], ...]


class Deck(Generic[T]):
    """Deals each of ``cards`` once before it deals one again."""

    def __init__(self, cards: Sequence[T], dice: Random) -> None:
        self._cards = cards
        self._dice = dice
        self._left: list[T] = []

    def deal(self) -> T:
        """The next card."""
        self._left = self._left or self._dice.sample(self._cards, len(self._cards))
        return self._left.pop()


def draw_plan(seed: int, kills: int, has_database: bool = False) -> tuple[Round, ...]:
    """The rounds of a campaign; the same for the same arguments."""
    dice = Random(seed)
    points, kinds = Deck(NAMES, dice), Deck(KINDS, dice)
    rounds: list[Round] = []
    spread = 0
    for number in range(kills):
        point = points.deal() if dice.random() < AT_POINTS else ""
        count = dice.randint(0, WITH_POINT) if point else dice.randint(*WITHOUT)
        troubles = [draw(dice, kinds.deal()) for _ in range(count)]
        troubles = [each for each in troubles if each.kind != SKEW or number >= OPENED]
        needs_money = point.endswith(MONEY) or any(each.kind.startswith("withdraw") for each in troubles)
        spread = 1 - spread if dice.random() < MOVING or needs_money else spread
        rounds.append(_draw_round(dice, point, spread, troubles, has_database))
    return tuple(rounds)


def _draw_round(dice: Random, point: str, spread: int, troubles: list[Trouble], has_database: bool) -> Round:
    before = [each for each in troubles if each.kind.startswith(AT_START) or (point and each.path == "/faults")]
    later = [each for each in troubles if each not in before]
    if point.endswith("source-cancelOrder"):
        before.append(UNTOLD)
    if has_database and dice.random() < DEAD:
        later.append(DATABASE)
    moments = sorted(round(dice.uniform(0, SOON), 3) for _ in later)
    passages = 1 if point.endswith(RARE) else dice.randint(1, 3)
    is_early = not point and dice.random() < EARLY
    return Round(
        point=f"{point}:{passages}" if point else "",
        seconds=round(dice.uniform(0.1, 1.0) if is_early else dice.uniform(0.3, 2.5), 3),
        is_early=is_early,
        # Money moves, and hedges are cancelled, only where nothing else keeps the pool from trading.
        is_calm=dice.random() < CALM or point.endswith(RARE),
        spread=spread % len(SPREADS),
        hedge=dice.choice(HEDGES),
        before=tuple(before),
        troubles=tuple(zip(moments, later, strict=True)),
    )


def digest(plan: Sequence[Round]) -> str:
    """A short text that tells two plans apart."""
    return sha256(repr(tuple(plan)).encode()).hexdigest()[:16]
