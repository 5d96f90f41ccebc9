"""Money at Gemini: balances, fees, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import floor
from typing import Any

from attrs import define, field

from clients.errors import Reason, Refused
from clients.gemini import history, wire
from clients.gemini.faults import VENUE
from clients.gemini.rest import ADDRESSES, NETWORK, NEW_ADDRESS, TRANSFERS, WITHDRAW, GeminiRest
from clients.gemini.wire import reading
from clients.listings import Listing, empty_positions
from clients.paging import MILLISECOND, all_pages, is_within, milliseconds
from clients.parsing import proving, text, whole
from clients.postings import postings
from clients.steps import check_amount
from clients.unsettled import Unsettled
from model.money import plain
from model.shapes import FeesShape, FillShape, PositionShape, TransactionShape

BALANCES, VOLUME, TRADES = "/v1/balances", "/v1/notionalvolume", "/v1/mytrades"
#: How many entries one answer has at most, by call, and the field that asks for so many.
PAGES = {TRADES: ("limit_trades", 500), TRANSFERS: ("limit_transfers", 50)}
#: Of several networks, the one that everybody means. Others are named by the option ``network_<TICKER>``.
USUAL = {"BTC": "bitcoin"}
#: A transfer keeps the time at which it was first seen; so long it may take until it ends.
SETTLING = timedelta(days=3)


@define
class Account:
    """``networks``: by ticker, the network that the config names. ``listings()``: the contracts whose executions are ours to
    tell (Gemini tells them by contract only)."""

    _rest: GeminiRest
    _networks: Mapping[str, str]
    _listings: Callable[[], Iterable[Listing]]
    _unsettled: Unsettled = field(factory=Unsettled, init=False)

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker; those of our contracts are there even when there is nothing."""
        answer = await self._rest.private(BALANCES)
        with reading(BALANCES):
            found = wire.positions(answer)
        return empty_positions(self._listings()) | found

    async def fees(self) -> FeesShape:
        """What the account's volume of the last 30 days has come to; the same for all contracts."""
        answer = await self._rest.private(VOLUME)
        with reading(VOLUME):
            return wire.fees(answer)

    # Histories

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first."""
        first, last = self._rest.skew.widen(start, end)
        found: list[FillShape] = []
        for listing in self._listings():
            entries = await self._entries(TRADES, first, last, symbol=listing.symbol)
            with reading(TRADES):
                found += [wire.fill(entry, listing.contract) for entry in entries if not wire.is_broken(entry)]
        inside = [shape for shape in found if is_within(shape["timestamp"], first - MILLISECOND, last)]
        return sorted(inside, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first. One that was pending when it was last told is told again when it has ended."""
        first, last = self._rest.skew.widen(start, end)
        found = [posting for shape in await self.fills(start, end) for posting in postings(shape)]
        entries = await self._entries(TRANSFERS, first - SETTLING, last)
        with reading(TRANSFERS):
            transfers = list(map(history.transfer, entries))
        found += self._unsettled.news(transfers, first - MILLISECOND, last)
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _entries(self, call: str, start: datetime, end: datetime, **fields: str) -> list[Mapping[str, Any]]:
        """All of a history from ``start`` on, and at least up to ``end``.

        An answer has the earliest entries from ``timestamp`` on, newest first ("How to retrieve your trade history"): from
        the newest on the next one goes on. That moment is asked for again, since it may have more than was told; a millisecond
        earlier is named, since of executions it is said that they are on or after it, and of transfers that they are after.
        """
        found: dict[tuple[str, ...], Mapping[str, Any]] = {}
        limit, most = PAGES[call]

        async def page(since: int) -> int | None:
            answer = await self._rest.private(call, **fields, **{limit: most}, timestamp=since - 1)
            with reading(call):
                found.update({_name_of(entry): entry for entry in answer})
                newest = max((whole(entry["timestampms"], "timestampms") for entry in answer), default=since)
                if len(answer) < most or newest > milliseconds(end, floor):
                    return None
                if newest == since:
                    raise ValueError(f"{most} entries or more of one moment, {since}")
            return newest

        await all_pages(VENUE, call, page, milliseconds(start, floor))
        return list(found.values())

    # Addresses and withdrawals

    async def address(self, ticker: str) -> str:
        """Where a deposit goes: the newest of the addresses that there are."""
        call = f"{ADDRESSES}{await self._network('address', ticker)}"
        answer = await self._rest.private(call)
        with reading(call):
            known = sorted(answer, key=lambda entry: whole(entry["timestamp"], "timestamp"))
            if known:
                return _address_of(known[-1])
        raise Refused(VENUE, call, f"there is no address for {ticker} yet; ask for a new one", Reason.ADDRESS)

    async def new_address(self, ticker: str) -> str:
        """A fresh address; those of before go on working."""
        call = f"{NEW_ADDRESS}{await self._network('newAddress', ticker)}/newAddress"
        answer = await self._rest.private(call)
        with reading(call):
            return _address_of(answer)

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send to an approved address; never safe to repeat."""
        check_amount(VENUE, WITHDRAW, ticker, amount)
        call = f"{WITHDRAW}{await self._network('withdraw', ticker)}/{ticker.lower()}"
        answer = await self._rest.private(call, address=address, amount=plain(amount))
        with proving(VENUE, call, answer):
            return text(answer["withdrawalId"], "withdrawalId")

    async def _network(self, why: str, ticker: str) -> str:
        """The network by which ``ticker`` travels. Which there are is only told to who may withdraw.

        :raises Refused: (ADDRESS) if only a guess could tell which: what is sent by the wrong one is lost.
        """
        if wanted := self._networks.get(ticker) or USUAL.get(ticker):
            return wanted
        call = f"{NETWORK}{ticker.lower()}"
        answer = await self._rest.private_get(call)
        with reading(call):
            known = [text(each, "network") for each in answer["network"]]
        if len(known) == 1:
            return known[0]
        words = f"set the option network_{ticker} to one of: {', '.join(known) or 'none'}"
        raise Refused(VENUE, why, words, Reason.ADDRESS)


def _name_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells an entry from all others: a trade's number is on both of its sides."""
    return (str(entry["eid"]),) if "eid" in entry else (str(entry["order_id"]), str(entry["tid"]))


def _address_of(entry: Mapping[str, Any]) -> str:
    if entry.get("memo"):
        raise ValueError("this coin's deposits need a memo beside the address")
    return text(entry["address"], "address")
