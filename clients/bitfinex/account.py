"""Money at Bitfinex: balances, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from math import ceil, floor
from typing import Any

from attrs import define, field

from clients.bitfinex import history, wire
from clients.bitfinex.faults import GENERIC, VENUE, error_of
from clients.bitfinex.orders import Orders
from clients.bitfinex.rest import ADDRESS, WITHDRAW, BitfinexRest
from clients.bitfinex.symbols import Market
from clients.bitfinex.wire import WALLET, reading, row
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused
from clients.listings import Listing, empty_positions
from clients.paging import MILLISECOND, all_pages, is_within, milliseconds
from clients.parsing import proving, text, whole
from clients.postings import postings
from clients.steps import check_amount
from clients.unsettled import Unsettled
from model.money import ZERO, plain
from model.shapes import FeesShape, FillShape, OrderShape, PositionShape, TransactionShape

WALLETS, SUMMARY = "auth/r/wallets", "auth/r/summary"
TRADES, MOVEMENTS = "auth/r/trades/hist", "auth/r/movements/hist"
MOST_TRADES, MOST_MOVEMENTS = 2_500, 1_000
#: Of several methods, the one that everybody means. Others are named by the option ``network_<TICKER>``.
USUAL = {"BTC": "BITCOIN"}


@define
class Account:
    """``networks``: by ticker, the method that the config names. ``listings()``: the contracts that are ours to trade."""

    _rest: BitfinexRest
    _market: Market
    _orders: Orders
    _networks: Mapping[str, str]
    _listings: Callable[[], Iterable[Listing]]
    _unsettled: Unsettled = field(factory=Unsettled, init=False)

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker; those of our contracts are there even when there is nothing."""
        answer = await self._rest.private(WALLETS)
        with reading(WALLETS):
            found, untold = wire.positions(answer, self._market.names)
        if untold:
            # Sometimes the venue has not calculated it: then what our orders hold tells.
            held = _held(await self._orders.open())
            for ticker in untold:
                found[ticker]["available"] = found[ticker]["position"] - held.get(ticker, ZERO)
        return empty_positions(self._listings()) | found

    async def fees(self, listing: Listing) -> FeesShape:
        """What the account's volume of the last 30 days has come to."""
        answer = await self._rest.private(SUMMARY)
        with reading(SUMMARY):
            return wire.fees(answer, listing.instrument.quote)

    # Histories

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions on the exchange wallet, oldest first, with our own ids of their orders."""
        first, last = self._rest.skew.widen(start, end)
        found: dict[str, FillShape] = {}
        window = milliseconds(first, floor), milliseconds(last, ceil)
        await all_pages(VENUE, TRADES, partial(self._trades_from, found, window[1]), window[0])
        inside = [shape for shape in found.values() if is_within(shape["timestamp"], first - MILLISECOND, last)]
        await self._orders.learn_client_ids(shape["order_id"] for shape in inside)
        for shape in inside:
            shape["client_id"] = self._orders.client_id(shape["order_id"])
        return sorted(inside, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _trades_from(self, found: dict[str, FillShape], end: int, start: int) -> int | None:
        """Keep a page of executions, oldest first; when the next page begins."""
        answer = await self._rest.private(TRADES, start=start, end=end, limit=MOST_TRADES, sort=1)
        with reading(TRADES):
            entries = [row(entry, 11, "trade") for entry in row(answer, 0, "trades")]
            shapes = [wire.fill(entry, self._market) for entry in entries if wire.is_spot(entry, 6)]
            newest = max((whole(entry[2], "time") for entry in entries), default=start)
        found |= {shape["id"]: shape for shape in shapes}
        return self._next(TRADES, len(entries) < MOST_TRADES, newest, start)

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first: executions, deposits and withdrawals. One that was pending is told again when it has ended."""
        window = self._rest.skew.widen(start, end)
        found = [posting for shape in await self.fills(start, end) for posting in postings(shape)]
        entries: dict[int, list[Any]] = {}
        # They are listed by when they were last changed: one that began in the window may have been changed long after it.
        await all_pages(VENUE, MOVEMENTS, partial(self._movements_to, entries, milliseconds(window[0], floor)), None)
        with reading(MOVEMENTS):
            transfers = [history.movement(entry, self._market.names) for entry in entries.values()]
        found += self._unsettled.news(transfers, window[0] - MILLISECOND, window[1])
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _movements_to(self, found: dict[int, list[Any]], start: int, end: int | None) -> int | None:
        """Keep a page of movements, newest first; when the page before it ends."""
        until = {} if end is None else {"end": end}
        answer = await self._rest.private(MOVEMENTS, start=start, limit=MOST_MOVEMENTS, **until)
        with reading(MOVEMENTS):
            entries = [row(entry, 22, "movement") for entry in row(answer, 0, "movements")]
            found |= {whole(entry[0], "id"): entry for entry in entries}
            oldest = min((whole(entry[6], "updated") for entry in entries), default=0)
        return self._next(MOVEMENTS, len(entries) < MOST_MOVEMENTS, oldest, end)

    def _next(self, call: str, is_last: bool, reached: int, before: int | None) -> int | None:
        """Where the next page begins: with the last moment of this one, of which there may be more."""
        if is_last:
            return None
        if reached == before:
            raise InvalidData(VENUE, call, f"more than one page of the same millisecond, {reached}")
        return reached

    # Money in and out

    async def address(self, ticker: str, *, is_new: bool = False) -> str:
        """Where a deposit goes; a fresh address is the current one from then on."""
        method = self._method(ADDRESS, ticker)
        answer = await self._rest.private(ADDRESS, wallet=WALLET, method=method.lower(), op_renew=int(is_new))
        with reading(ADDRESS):
            data = row(wire.notified(ADDRESS, answer), 5, "address")
            if len(data) > 5 and data[5]:
                raise ValueError("this coin's deposits need a tag or memo beside the address")
            return text(data[4], "address")

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; never safe to repeat. The fee is taken out of ``amount``."""
        method = self._method(WITHDRAW, ticker)
        check_amount(VENUE, WITHDRAW, ticker, amount)
        wanted = {"wallet": WALLET, "method": method.lower(), "amount": plain(amount), "address": address, "fee_deduct": 1}
        answer = await self._rest.private(WITHDRAW, **wanted)
        with proving(VENUE, WITHDRAW, answer):
            number = whole(row(wire.notified(WITHDRAW, answer), 1, "withdrawal")[0], "id")
        if number == 0:
            # No number, whatever the status says: the text says why nothing was done.
            error = error_of(WITHDRAW, GENERIC, str(answer[7]), is_write=True)
            raise Refused(VENUE, WITHDRAW, error.detail) if isinstance(error, OutcomeUnknown) else error
        return str(number)

    def _method(self, call: str, ticker: str) -> str:
        """The one way by which ``ticker`` travels.

        :raises Refused: (ADDRESS) if there is none, or if only a guess could tell which: what is sent by the wrong one is lost.
        """
        there = self._market.methods.get(ticker, ())
        wanted = self._networks.get(ticker, "").upper() or USUAL.get(ticker, "")
        if wanted in there:
            return wanted
        if len(there) == 1 and ticker not in self._networks:
            return there[0]
        words = f"set the option network_{ticker} to one of: {', '.join(there)}" if there else f"{ticker} is not listed"
        raise Refused(VENUE, call, words, Reason.ADDRESS)


def _held(orders: Mapping[str, OrderShape]) -> dict[str, Decimal]:
    """What open orders hold, by ticker: a seller's coins, a buyer's money."""
    found: dict[str, Decimal] = {}
    for order in orders.values():
        base, _, quote = order["contract"].partition("/")
        is_sale, left = order["side"] == "SELL", order["quantity_left"]
        ticker, amount = (base, left) if is_sale else (quote, left * order["price"])
        found[ticker] = found.get(ticker, ZERO) + amount
    return found
