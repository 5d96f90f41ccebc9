"""Money and histories by way of ccxt. Each method is the body of one of the interface's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import define

from clients.ccxt import history, mapping, transactions
from clients.ccxt.library import Library
from clients.ccxt.mapping import reading
from clients.ccxt.options import Options
from clients.ccxt.orders import Orders
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused
from model.candle import PERIOD_SECONDS, Period
from model.money import plain
from model.shapes import CandleShape, FillShape, PositionShape, TransactionShape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: In milliseconds.
DAY = 86_400_000


def milliseconds(moment: datetime) -> int:
    """ccxt's unit of time."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


@define
class Account:
    """What there is, what moved, and moving it."""

    venue: str
    _library: Library
    _options: Options
    _orders: Orders

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker."""
        answer = await self._library.call("fetch_balance")
        with reading(self.venue, "fetch_balance"):
            return mapping.positions(answer)

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first, with the client ids of their orders."""
        self.needs("fetchMyTrades")
        found: list[FillShape] = []
        for contract in self._orders.contracts("fetch_my_trades"):
            entries = await self._whole("fetch_my_trades", contract, start, end)
            with reading(self.venue, "fetch_my_trades"):
                found += map(mapping.fill, entries)
        for shape in found:
            await self._learn_client_id(shape)
        return sorted(map(self._orders.memory.named, found), key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _learn_client_id(self, shape: FillShape) -> None:
        """Venues tell executions without our ids, the orders with them: look at each order that has not been seen, once."""
        id, memory = shape["order_id"], self._orders.memory
        if not memory.knows_client_id(id) and self._library.can("fetchOrder"):
            await self._orders.look(id, shape["contract"])

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first."""
        try:
            self.needs("fetchLedger")
            entries = await self._whole("fetch_ledger", None, start, end)
        except NotImplementedError:
            # Of some venues ccxt has the ledger of other than spot accounts only.
            lists = await self._lists(start, end, None)
            with reading(self.venue, "fetch_deposits"):
                return transactions.from_lists(lists)
        tickers = {entry["currency"] for entry in entries if entry["type"] in ("transaction", "deposit", "withdrawal")}
        lists = [entry for ticker in sorted(tickers) for entry in await self._lists(start, end, ticker)]
        with reading(self.venue, "fetch_ledger"):
            return transactions.from_ledger(entries, lists)

    async def _lists(self, start: datetime, end: datetime, ticker: str | None) -> history.Page:
        found: history.Page = []
        calls = [("fetchDeposits", "fetch_deposits"), ("fetchWithdrawals", "fetch_withdrawals")]
        usable = [method for name, method in calls if self._library.can(name)]
        if not usable:
            self.needs("fetchDepositsWithdrawals")
            usable = ["fetch_deposits_withdrawals"]
        for method in usable:
            found += await self._whole(method, ticker, start, end)
        return found

    async def _whole(self, method: str, subject: str | None, start: datetime, end: datetime) -> history.Page:
        async def ask(since: int, until: int) -> history.Page:
            answer = await self._library.call(method, subject, since, None, params={"until": until})
            if not isinstance(answer, list):
                raise InvalidData(self.venue, method, f"no list: {answer!r:.200}")
            return answer

        days = self._library.features(method).get("untilDays")
        span = int(days * DAY) if days else None
        return await history.whole(ask, milliseconds(start), milliseconds(end) + 1, (self.venue, method), span)

    async def candles(self, contract: str, period: Period, start: datetime, end: datetime) -> dict[int, CandleShape]:
        """Finished bars, by open time; page after page forwards, as far as the venue goes."""
        frame = mapping.TIMEFRAMES[period]
        if frame not in (self._library.exchange.timeframes or {}):
            raise NotImplementedError(f"{self.venue} has no bars of a {period}")
        first, last = milliseconds(start), milliseconds(end)
        rows: dict[int, Any] = {}
        since = first
        for _ in range(history.MOST_PAGES):
            page = await self._library.call("fetch_ohlcv", contract, frame, since)
            new = {row[0]: row for row in page if row[0] not in rows and row[0] <= last}
            rows.update(new)
            if not new or max(new) <= since:
                break
            since = max(new)
        with reading(self.venue, "fetch_ohlcv"):
            found = mapping.candles(rows.values(), contract, period)
        step = PERIOD_SECONDS[period] * 1_000_000
        return {opened: bar for opened, bar in found.items() if first * 1_000 <= opened and opened + step <= last * 1_000}

    async def address(self, ticker: str, is_new: bool) -> str:
        """Where a deposit goes.

        :raises NotImplementedError: where the address alone is not enough (a tag or memo belongs to it).
        """
        self.needs("createDepositAddress" if is_new else "fetchDepositAddress")
        method = "create_deposit_address" if is_new else "fetch_deposit_address"
        answer = await self._library.call(method, ticker, params=self._options.of("deposit", ticker))
        address = answer.get("address") if isinstance(answer, dict) else None
        if not isinstance(address, str) or not address:
            raise Refused(self.venue, method, f"no address for {ticker}", Reason.ADDRESS)
        if answer.get("tag"):
            raise NotImplementedError(f"{self.venue}: deposits of {ticker} need a tag or memo beside the address")
        return address

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; the venue's reference. Never safe to repeat."""
        self.needs("withdraw")
        if amount <= 0 or not amount.is_finite():
            raise Refused(self.venue, "withdraw", f"{amount} {ticker} cannot be sent", Reason.SIZE)
        parameters = self._options.of("withdrawal", ticker)
        answer = await self._library.call("withdraw", ticker, plain(amount), address, params=parameters)
        reference = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(reference, str) or not reference:
            # It was not refused: the money may be on its way.
            raise OutcomeUnknown(self.venue, "withdraw", f"no reference in {answer!r:.200}")
        return reference

    async def fees(self, contract: str, listed: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
        """What a maker and a taker pay, as shares: the account's own where the venue tells, else those of its list."""
        entry = listed
        if self._library.can("fetchTradingFee"):
            entry = await self._library.call("fetch_trading_fee", contract)
        with reading(self.venue, "fetch_trading_fee"):
            return mapping.exact(entry["maker"], "maker fee"), mapping.exact(entry["taker"], "taker fee")

    def needs(self, method: str) -> None:
        """:raises NotImplementedError: if ccxt does not offer ``method`` for this exchange."""
        if not self._library.can(method):
            raise NotImplementedError(f"{self.venue} cannot {method}: ccxt does not offer it")
