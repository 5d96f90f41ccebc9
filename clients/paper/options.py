"""What the config's connection section may say about a paper account, checked."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from attrs import field, frozen

from model.money import ZERO, decimal_of

#: The keys of a connection section that are the paper account's; ``paper = true`` itself is the config's.
PAPER_KEYS = ("paper_balance", "paper_delay", "paper_fees", "paper_file", "paper_latency", "paper_traded")


@frozen
class PaperOptions:
    """``balance``: what the account begins with, by ticker. ``maker``, ``taker``: fees as shares. ``latency``: seconds until an
    order or a cancel arrives. ``delay``: seconds until a transfer to another paper account arrives. ``traded``: which share of
    what leaves the best level is taken to have traded (the rest was cancelled). ``file``: where the account is kept over a
    restart; None: every start begins anew.
    """

    balance: Mapping[str, Decimal] = field(factory=dict)
    maker: Decimal = ZERO
    taker: Decimal = ZERO
    latency: float = 0.1
    delay: float = 60.0
    traded: Decimal = Decimal("0.5")
    file: Path | None = None


def read_paper_options(given: Mapping[str, str], balance: Mapping[str, Decimal], fee: Decimal) -> PaperOptions:
    """Read ``paper_balance = USD 100000, BTC 1.5`` (else ``balance``), ``paper_fees = 0.0016, 0.0026`` (maker, taker; else both
    ``fee``), ``paper_latency = 0.1``, ``paper_delay = 60``, ``paper_traded = 0.5``, ``paper_file = var/paper.jsonl``.

    :raises ValueError: naming what is wrong and what is allowed.
    """
    maker, taker = _fees(given["paper_fees"]) if given.get("paper_fees") else (fee, fee)
    return PaperOptions(
        balance=_balance(given["paper_balance"]) if given.get("paper_balance") else dict(balance),
        maker=maker,
        taker=taker,
        latency=float(_number(given, "paper_latency", Decimal("0.1"), Decimal(60))),
        delay=float(_number(given, "paper_delay", Decimal(60), Decimal(1_000_000))),
        traded=_number(given, "paper_traded", Decimal("0.5"), Decimal(1)),
        file=Path(given["paper_file"]) if given.get("paper_file") else None,
    )


def _number(given: Mapping[str, str], key: str, default: Decimal, most: Decimal) -> Decimal:
    value = decimal_of(given.get(key) or default, key)
    if not ZERO <= value <= most:
        raise ValueError(f"{key} is 0 to {most}, not {value}")
    return value


def _fees(text: str) -> tuple[Decimal, Decimal]:
    fees = [decimal_of(part.strip(), "paper_fees") for part in text.split(",")]
    if len(fees) != 2 or not all(abs(fee) < 1 for fee in fees):
        raise ValueError(f"paper_fees is a maker's and a taker's share, e.g. 0.0016, 0.0026, not {text!r}")
    return fees[0], fees[1]


def _balance(text: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in text.split(","):
        words = part.split()
        if len(words) != 2 or words[0] in found:
            raise ValueError(f"paper_balance is written USD 100000, BTC 1.5, not {text!r}")
        amount = decimal_of(words[1], "paper_balance")
        if amount < 0:
            raise ValueError(f"paper_balance: {amount} {words[0]} is less than nothing")
        found[words[0]] = amount
    return found
