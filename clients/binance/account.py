"""Money at Binance: balances, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import ceil, floor
from typing import Any

from attrs import define, field

from clients.binance import history, wire
from clients.binance.faults import VENUE
from clients.binance.orders import Orders
from clients.binance.rest import BinanceRest
from clients.binance.wire import reading
from clients.listings import Listing, Market, empty_positions
from clients.networks import Networks
from clients.paging import MILLISECOND, all_pages, is_within, microseconds_of, milliseconds
from clients.parsing import proving, text, whole
from clients.postings import postings
from clients.steps import check_amount
from clients.unsettled import Unsettled
from model.money import plain
from model.shapes import FillShape, PositionShape, TransactionShape

ACCOUNT, TRADES = "GET /api/v3/account", "GET /api/v3/myTrades"
DEPOSITS, WITHDRAWALS = "GET /sapi/v1/capital/deposit/hisrec", "GET /sapi/v1/capital/withdraw/history"
ADDRESS, WITHDRAW = "GET /sapi/v1/capital/deposit/address", "POST /sapi/v1/capital/withdraw/apply"
PAGE = 1000
#: The longest time between start and end of one question is 24 hours, 90 days; less a little for rounding outwards.
MOST_OF_TRADES, MOST_OF_FUNDINGS = timedelta(hours=23), timedelta(days=89)
#: A deposit is listed from when it was first seen and a withdrawal from when it was asked for; so long it may take until
#: that changes our balance.
SETTLING = timedelta(days=3)
#: Times of withdrawals are whole seconds.
SECOND = timedelta(seconds=1)


@define
class Account:
    """``listings()``: the contracts whose executions are ours to tell (Binance tells them by contract only)."""

    _rest: BinanceRest
    _market: Market
    _orders: Orders
    _networks: Networks
    _listings: Callable[[], Iterable[Listing]]
    _now: Callable[[], datetime]
    _unsettled: Unsettled = field(factory=Unsettled, init=False)

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker; those of our contracts are there even when there is nothing."""
        answer = await self._rest.private(ACCOUNT, omitZeroBalances="true")
        with reading(ACCOUNT):
            found = wire.positions(answer)
        return empty_positions(self._listings()) | found

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first, with our own ids of their orders."""
        window = self._rest.skew.widen(start, end)
        found: list[FillShape] = []
        for listing in self._listings():
            found += await self._fills_of(listing, *window)
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _fills_of(self, listing: Listing, start: datetime, end: datetime) -> list[FillShape]:
        entries = await self._trades(listing.symbol, start, end)
        with reading(TRADES):
            shapes = [wire.fill(entry, self._market) for entry in entries]
            orders = {whole(entry["orderId"], "orderId") for entry in entries}
        client_ids = await self._orders.client_ids(listing.symbol, orders)
        for shape in shapes:
            shape["client_id"] = client_ids.get(shape["order_id"])
        return [shape for shape in shapes if is_within(shape["timestamp"], start - MILLISECOND, end)]

    async def _trades(self, symbol: str, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
        """Days without a trade are asked for one by one; from the first trade on it goes by the trades' ids."""
        found: list[Mapping[str, Any]] = []
        first, last = start, min(end, self._now() + MOST_OF_TRADES)
        while first <= last and not found:
            until = min(first + MOST_OF_TRADES, last)
            found += await self._page(symbol, startTime=str(milliseconds(first, floor)), endTime=str(milliseconds(until, ceil)))
            first = until + timedelta(milliseconds=1)

        async def page_after(number: int) -> int | None:
            with reading(TRADES):
                is_past = wire.microseconds(found[-1]["time"]) > microseconds_of(last)
            page = [] if is_past else await self._page(symbol, fromId=str(number))
            found.extend(page)
            return self._after(page) if page else None

        if found:
            await all_pages(VENUE, TRADES, page_after, self._after(found))
        return found

    def _after(self, trades: list[Mapping[str, Any]]) -> int:
        with reading(TRADES):
            return whole(trades[-1]["id"], "id") + 1

    async def _page(self, symbol: str, **where: str) -> list[Mapping[str, Any]]:
        answer = await self._rest.private(TRADES, symbol=symbol, limit=str(PAGE), **where)
        with reading(TRADES):
            return sorted(answer, key=lambda entry: whole(entry["id"], "id"))

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first. One that was pending when it was last told is told again when it has ended."""
        window = self._rest.skew.widen(start, end)
        found = [posting for shape in await self.fills(start, end) for posting in postings(shape)]
        transfers: list[list[TransactionShape]] = []
        for call, read in ((DEPOSITS, history.deposit), (WITHDRAWALS, history.withdrawal)):
            entries = await self._fundings(call, window[0] - SETTLING, window[1])
            with reading(call):
                transfers += map(read, entries)
        found += self._unsettled.news(transfers, window[0] - SECOND - MILLISECOND, window[1])
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _fundings(self, call: str, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        end = min(end, self._now() + MOST_OF_TRADES)
        while start <= end:
            until = min(start + MOST_OF_FUNDINGS, end)
            window = {"startTime": str(milliseconds(start - SECOND, floor)), "endTime": str(milliseconds(until, ceil))}
            await all_pages(VENUE, call, partial(self._funding_page, call, window, found), 0)
            start = until + timedelta(milliseconds=1)
        return list(found.values())

    async def _funding_page(
        self, call: str, window: Mapping[str, str], found: dict[str, Mapping[str, Any]], offset: int
    ) -> int | None:
        answer = await self._rest.private(call, **window, limit=str(PAGE), offset=str(offset))
        with reading(call):
            found |= {str(entry["id"]): entry for entry in answer}
            return None if len(answer) < PAGE else offset + PAGE

    async def address(self, ticker: str) -> str:
        """Where a deposit goes."""
        network = self._networks.for_deposit(ADDRESS, ticker)
        answer = await self._rest.private(ADDRESS, coin=ticker, network=network.name)
        with reading(ADDRESS):
            if answer.get("tag"):
                raise ValueError("this coin's deposits need a tag or memo beside the address")
            return text(answer["address"], "address")

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; never safe to repeat. Binance takes its fee out of ``amount``."""
        network = self._networks.of(WITHDRAW, ticker)
        check_amount(VENUE, WITHDRAW, ticker, amount)
        form = {"coin": ticker, "network": network.name, "address": address, "amount": plain(amount)}
        answer = await self._rest.private(WITHDRAW, **form)
        with proving(VENUE, WITHDRAW, answer):
            return text(answer["id"], "id")
