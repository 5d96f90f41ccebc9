"""The contest as one table: means over the seeds with their standard errors, and each competitor beside the first."""

from collections.abc import Callable, Mapping, Sequence

import numpy
from attrs import frozen

from bench.arena.contest import Result
from bench.arena.month import Outcome


@frozen
class Column:
    """One number of an outcome; ``digits`` after the point; with ``error``, its standard error is told too."""

    title: str
    number: Callable[[Outcome], float]
    digits: int = 0
    error: bool = False


COLUMNS = (
    Column("pnl", lambda o: float(o.pnl), error=True),
    Column("edge", lambda o: float(o.parts.edge)),
    Column("source fee", lambda o: float(o.parts.source_fee)),
    Column("target fee", lambda o: float(o.parts.target_fee)),
    Column("slippage", lambda o: float(o.parts.slippage)),
    Column("transfers", lambda o: float(o.parts.transfers)),
    Column("revaluation", lambda o: float(o.parts.revaluation)),
    Column("drawdown", lambda o: o.drawdown, error=True),
    Column("BTC", lambda o: float(o.traded)),
    Column("both", lambda o: o.both, 2),
    Column("exposure", lambda o: o.exposure, 2),
    Column("max", lambda o: o.exposure_max, 2),
    Column("coins sent", lambda o: o.sent[0]),
    Column("cash sent", lambda o: o.sent[1]),
)


def table(results: Mapping[str, Sequence[Result]]) -> str:
    """In Markdown. Money in source currency, exposure in BTC, time in seconds a month and competitor."""
    lines = [["policy", *(column.title for column in COLUMNS), "seconds"]]
    for policy, found in results.items():
        outcomes = [result.outcome for result in found]
        seconds = float(numpy.mean([result.seconds for result in found]))
        lines.append([policy, *(_cell(column, outcomes) for column in COLUMNS), f"{seconds:.1f}"])
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([rows[0], "|---" * len(lines[0]) + "|", *rows[1:]])


def beside_first(results: Mapping[str, Sequence[Result]]) -> str:
    """How much more profit the first makes than each other, seed by seed: mean, standard error, seeds on which it is more."""
    (first, own), *others = results.items()
    lines = []
    for policy, found in others:
        more = numpy.array([float(a.outcome.pnl - b.outcome.pnl) for a, b in zip(own, found, strict=True)])
        lines.append(
            f"{first} less {policy}: {more.mean():+,.0f} ({_error(more):,.0f}), {int((more > 0).sum())}/{len(more)} seeds"
        )
    return "\n".join(lines)


def _cell(column: Column, outcomes: Sequence[Outcome]) -> str:
    numbers = numpy.array([column.number(outcome) for outcome in outcomes])
    mean = f"{numbers.mean():.{column.digits}f}"
    return f"{mean} ({_error(numbers):.{column.digits}f})" if column.error else mean


def _error(numbers: "numpy.typing.NDArray[numpy.float64]") -> float:
    """The standard error of the mean; nothing can be said about one number."""
    return float(numbers.std(ddof=1) / len(numbers) ** 0.5) if len(numbers) > 1 else float("nan")
