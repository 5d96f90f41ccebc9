"""Money at Bitstamp: balances, fees, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any

from attrs import define

from clients.bitstamp import history, wire
from clients.bitstamp.currencies import Currencies
from clients.bitstamp.faults import VENUE
from clients.bitstamp.orders import Orders
from clients.bitstamp.rest import BitstampRest
from clients.bitstamp.wire import DEPOSIT, TRADE, WITHDRAWAL, reading
from clients.listings import Listing, empty_positions
from clients.paging import all_pages, is_within, microseconds_of
from clients.parsing import proving, text, whole
from clients.postings import postings
from clients.steps import check_amount
from model.money import plain
from model.shapes import FeesShape, FillShape, PositionShape, TransactionShape

BALANCES, FEES = "POST /api/v2/account_balances/", "POST /api/v2/fees/trading/"
ROWS = "POST /api/v2/user_transactions/"
REQUESTS, COINS = "POST /api/v2/withdrawal-requests/", "POST /api/v2/crypto-transactions/"
ADDRESS, WITHDRAW = "POST /api/v2/{coin}_address/", "POST /api/v2/{coin}_withdrawal/"
PAGE = 1000
#: Postings of the last 30 days can be asked for by time, and withdrawals of the last 50,000,000 seconds; a little less than that.
BY_TIME, OLDEST_REQUEST = timedelta(days=29), timedelta(seconds=49_000_000)
#: So long it may take from when a withdrawal is asked for, or a deposit seen, until that changes our balance.
SETTLING = timedelta(days=3)

Row = Mapping[str, Any]


@define
class Account:
    """``listings()``: the contracts that are ours, of which there is a balance even when there is nothing."""

    _rest: BitstampRest
    _orders: Orders
    _currencies: Currencies
    _listings: Callable[[], Iterable[Listing]]
    _now: Callable[[], datetime]

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker."""
        answer = await self._rest.private(BALANCES)
        with reading(BALANCES):
            found = wire.positions(answer)
        return empty_positions(self._listings()) | found

    async def fees(self, listing: Listing) -> FeesShape:
        """What a trade costs us now."""
        answer = await self._rest.private(FEES)
        with reading(FEES):
            return wire.fees(answer, listing.symbol)

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions in all markets, oldest first, with our own ids of their orders."""
        return await self._fills(await self._rows(start, end))

    async def _fills(self, rows: Iterable[Row]) -> list[FillShape]:
        with reading(ROWS):
            shapes = [wire.fill(row) for row in rows if wire.kind(row) == TRADE]
        client_ids = await self._orders.client_ids({shape["order_id"] for shape in shapes})
        for shape in shapes:
            shape["client_id"] = client_ids[shape["order_id"]]
        return sorted(shapes, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first."""
        rows = await self._rows(start, end)
        found = [posting for shape in await self._fills(rows) for posting in postings(shape)]
        with reading(ROWS):
            kinds = {wire.kind(row) for row in rows}
        requests = await self._requests(start) if WITHDRAWAL in kinds else []
        deposits = await self._deposits(start) if DEPOSIT in kinds else []
        with reading(REQUESTS):
            known = history.journeys(requests, deposits)
        with reading(ROWS):
            for row in rows:
                if wire.kind(row) != TRADE:
                    found += history.postings(row, self._currencies.tickers, known)
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _rows(self, start: datetime, end: datetime) -> list[Row]:
        """Postings from ``start`` to ``end``."""
        window = self._rest.skew.widen(start, end)
        form = {"sort": "desc"}
        if self._now() - window[0] < BY_TIME:
            form["since_timestamp"] = str(floor(window[0].timestamp()))
        first = microseconds_of(window[0])
        rows = await self._listed(ROWS, form, lambda answer: answer, lambda row: wire.moment(row["datetime"]) < first)
        with reading(ROWS):
            # A trade with oneself is two postings of one number.
            each_once = {(whole(row["id"], "id"), str(row.get("order_id"))): row for row in rows}
            return [row for row in each_once.values() if is_within(wire.moment(row["datetime"]), *window)]

    async def _requests(self, start: datetime) -> list[Row]:
        age = min(self._now() - start + SETTLING, OLDEST_REQUEST)
        form = {"timedelta": str(max(0, ceil(age.total_seconds())))}
        return await self._listed(REQUESTS, form, lambda answer: answer, lambda _entry: False)

    async def _deposits(self, start: datetime) -> list[Row]:
        first = floor((start - SETTLING).timestamp())
        return await self._listed(COINS, {}, lambda answer: answer["deposits"], lambda each: whole(each["datetime"], "") < first)

    async def _listed(
        self, call: str, form: Mapping[str, str], entries: Callable[[Any], Any], is_past: Callable[[Row], bool]
    ) -> list[Row]:
        """By pages, the newest first: an entry that comes meanwhile shifts them, and only tells again what was told."""
        found: list[Row] = []

        async def page(offset: int) -> int | None:
            answer = await self._rest.private(call, **form, limit=str(PAGE), offset=str(offset))
            with reading(call):
                told = list(entries(answer))
                found.extend(told)
                is_last = len(told) < PAGE or any(map(is_past, told))
            return None if is_last else offset + PAGE

        await all_pages(VENUE, call, page, 0)
        return found

    async def address(self, ticker: str) -> str:
        """Where a deposit goes."""
        call = self._coin_call(ADDRESS, ticker)
        network = self._currencies.networks.for_deposit(call, ticker)
        answer = await self._rest.private(call, network=network.name)
        with reading(call):
            if any(answer.get(name) for name in ("destination_tag", "memo_id", "transfer_id")):
                raise ValueError("this coin's deposits need a tag or memo beside the address")
            return text(answer["address"], "address")

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; never safe to repeat. What Bitstamp takes for it is told by the history."""
        call = self._coin_call(WITHDRAW, ticker)
        network = self._currencies.networks.of(call, ticker)
        check_amount(VENUE, call, ticker, amount)
        answer = await self._rest.private(call, amount=plain(amount), address=address, network=network.name)
        with proving(VENUE, call, answer):
            return str(whole(answer["id"], "id"))

    def _coin_call(self, call: str, ticker: str) -> str:
        if ticker in self._currencies.cash:
            # It travels in a person's name, with an IBAN.
            raise NotImplementedError(f"{VENUE} moves {ticker} by bank")
        return call.format(coin=ticker.lower())
