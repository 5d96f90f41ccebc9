"""A history that is made up: an hour of samples, forty fills with their orders, two transfers, one hedge."""

from collections.abc import Sequence
from decimal import Decimal as D
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ledger.movement import Movement
from ledger.reading import Balances, FillLine, FillMark, HedgeStory, IHistory, Key, Period, PostingLine
from model.order import Side
from model.records import FillRecord, IntentRecord, IntentState, OrderIntent, Purpose, Sample
from model.transfer import Place
from tests.web.fake_pool import NOW, view
from web.keys import key_of

T = TypeVar("T")
_SECOND = 1_000_000


def fill_line(n: int) -> FillLine:
    """The ``n``-th newest: customers and hedges in turn."""
    place: Place = "target" if n % 2 else "source"
    purpose: Purpose = "quote" if n % 2 else "hedge"
    contract, price = ("BTC/HUF", D(22_216_000 - n * 1500)) if n % 2 else ("BTC/USD", D("61251.9") + n)
    side = Side.SELL if n % 4 < 2 else Side.BUY
    fees = {contract[4:]: (price / 10_000).quantize(D("0.01"))}
    fill = FillRecord(place, f"T{n:02}", f"o{n}", f"i{n}", contract, side, price, D("0.0366"), fees, NOW - n * 60 * _SECOND)
    return FillLine(fill, purpose, None if n % 2 else "ob-9")


def intent(n: int) -> IntentRecord:
    """The order of the ``n``-th fill."""
    fill, purpose = fill_line(n).fill, fill_line(n).purpose
    assert purpose is not None
    found = OrderIntent(
        f"i{n:02}",
        fill.place,
        fill.contract,
        fill.side,
        fill.price,
        D("0.25"),
        purpose,
        fill.timestamp - _SECOND,
        0,
        fill_line(n).obligation_id,
    )
    return IntentRecord(found, IntentState.CLOSED, fill.order_id, "", fill.timestamp, fill.quantity)


def sample(n: int) -> Sample:
    """The ``n``-th of 360, one every ten seconds."""
    wave = D((n * 37) % 101 - 50)
    mid, fair = D(61_250) + wave, D(22_123_850) + wave * 360
    profit = {"edge": D(n) / 2, "fees": D(-n) / 7, "hedges": D(-n) / 9, "revaluation": wave}
    return Sample(
        NOW - (359 - n) * 10 * _SECOND, "TRADING", mid, D("0.0027685"), fair - 900, fair, fair - 92_000, fair + 92_000,
        D(118_211) + wave, D("2.41"), D(44_112_000), D("2.58") + wave / 1000, wave / 1000, D(488_020) + wave * 3,
        profit, 2000 + n % 17 * 300, 4000 + n % 5 * 900, 6000,
    )  # fmt: skip


def _after(lines: Sequence[T], key: Key, limit: int) -> "Deferred[list[T]]":
    keys: list[Any] = [tuple(key_of(line)) for line in lines]
    begin = keys.index(tuple(key)) + 1 if key else 0
    return succeed(list(lines[begin : begin + limit]))


@implementer(IHistory)
class FakeHistory:
    """Answers at once."""

    def fills(self, key: Key, limit: int) -> "Deferred[list[FillLine]]":
        return _after([fill_line(n) for n in range(40)], key, limit)

    def intents(self, key: Key, limit: int) -> "Deferred[list[IntentRecord]]":
        return _after([intent(n) for n in range(40)], key, limit)

    def transits(self, key: Key, limit: int) -> "Deferred[Any]":
        return _after(view().transits, key, limit)

    def postings(self, key: Key, limit: int) -> "Deferred[Any]":
        lines = [
            PostingLine(NOW + n, f"fill:target:T{n}", "fill", account, "BTC", amount, "")
            for n in range(9)
            for account, amount in (("trade", D("0.1")), ("venue:target", D("-0.1")))
        ]
        wanted = [line for line in lines if not key or tuple(key_of(line)) > tuple(key)]
        ids = list(dict.fromkeys(line.entry_id for line in wanted))[:limit]
        return succeed([line for line in wanted if line.entry_id in ids])

    def samples(self, since: int, until: int, width: int) -> "Deferred[list[Sample]]":
        return succeed([found for found in map(sample, range(360)) if since <= found.timestamp < until])

    def fill_marks(self, since: int, until: int, width: int) -> "Deferred[list[FillMark]]":
        fills = [fill_line(n).fill for n in range(39, 0, -2)]
        return succeed([FillMark(fill.timestamp, fill.side, fill.price, 1) for fill in fills])

    def period(self, since: int, until: int, closing: Balances | None = None) -> "Deferred[Period]":
        if until < NOW:
            return succeed(Period((), {"venue:target": {"BTC": D(2)}}, ()))
        moves = {("venue:target", "BTC"): D("-0.1"), ("trade", "BTC"): D("0.1")}
        moves |= {("venue:target", "HUF"): D(2_219_380), ("trade", "HUF"): D(-2_221_600), ("fee:trading", "HUF"): D(2220)}
        sale = Movement("fill:target:T1", "fill", NOW - 600 * _SECOND, moves, "target", "quote")
        out = {("venue:source", "USD"): D(-1205), ("outside", "USD"): D(1200), ("fee:bank", "USD"): D(5)}
        paid = Movement("transaction:source:L1", "transaction", NOW - 500 * _SECOND, out)
        closing = {
            "venue:target": {"BTC": D("2.58"), "HUF": D(44_112_000)},
            "venue:source": {"USD": D(118_211), "BTC": D("2.41")},
        }
        return succeed(Period((sale, paid), closing, tuple(map(sample, range(360)))))

    def hedge(self, obligation_id: str) -> "Deferred[HedgeStory | None]":
        owed = view().obligations[0]
        if obligation_id != owed.id:
            return succeed(None)
        return succeed(HedgeStory(owed, (intent(0),), (fill_line(0).fill,)))

    def size(self) -> "Deferred[int]":
        return succeed(1_000_000)
