"""What ``python -m trader`` does: reads one question at a time from standard input, answers on standard output.

It is a process of its own so that a hung solver can be ended for good: it can neither block the reactor nor act late.
Frames are a four-byte length and a pickle, between a parent and its own child over a pipe that nobody else can reach.
"""

import pickle
import time
from decimal import Decimal
from typing import BinaryIO

import attrs

from model.decision import Decision, Verdict
from model.settings import Settings
from model.snapshot import Snapshot
from optimizer.decide import decide
from trader.framing import LENGTH


def answer(snapshot: Snapshot, settings: Settings) -> Decision:
    """Decide, and say how long it took. Whatever goes wrong is an answer too: REFUSE, with the reason."""
    began = time.perf_counter()
    try:
        decision = decide(snapshot, settings)
    except Exception as failure:  # the question must be answered, whatever a solver throws
        reason = f"the optimiser failed: {type(failure).__name__}: {failure}"
        decision = Decision(Verdict.REFUSE, reason, snapshot.timestamp, Decimal(0))
    elapsed = Decimal(round((time.perf_counter() - began) * 1000, 3)).quantize(Decimal("0.001"))
    return attrs.evolve(decision, elapsed_ms=elapsed)


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends."""
    while header := questions.read(LENGTH.size):
        (size,) = LENGTH.unpack(header)
        snapshot, settings = pickle.loads(questions.read(size))  # noqa: S301  # from our own parent, see above
        reply = pickle.dumps(answer(snapshot, settings), pickle.HIGHEST_PROTOCOL)
        answers.write(LENGTH.pack(len(reply)) + reply)
        answers.flush()
