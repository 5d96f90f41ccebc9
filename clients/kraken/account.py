"""Money at Kraken: balances, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import ceil, floor
from typing import Any

from attrs import define, field

from clients.errors import Reason, Refused
from clients.kraken import history, wire
from clients.kraken.faults import VENUE
from clients.kraken.orders import MOST_ORDERS
from clients.kraken.rest import KrakenRest
from clients.kraken.wire import Market, Pair, reading
from clients.paging import all_pages, is_within
from clients.parsing import exact, number, proving, text
from clients.steps import check_amount
from model.money import plain
from model.shapes import FeesShape, FillShape, PositionShape, TransactionShape

#: Of several networks, the one that everybody means. Others are named by the option ``deposit_method_<TICKER>``.
DEPOSIT_METHODS = {"BTC": "Bitcoin"}


@define
class Account:
    """``deposit_methods``: by ticker, Kraken's name of the network to deposit by."""

    _rest: KrakenRest
    _market: Market
    _deposit_methods: Mapping[str, str]
    _new_addresses: dict[str, str] = field(factory=dict, init=False)

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker."""
        result = await self._rest.private("BalanceEx")
        with reading("BalanceEx"):
            return wire.positions(result, self._market)

    async def fees(self, pair: Pair) -> FeesShape:
        """``TradeVolume``: what the account's volume of the last 30 days has come to; percent there, shares here."""
        result = await self._rest.private("TradeVolume", pair=pair.id)
        with reading("TradeVolume"):
            maker, taker = (exact(result[side][pair.id]["fee"], side).scaleb(-2) for side in ("fees_maker", "fees"))
        return {"maker": maker, "taker": taker}

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first, with our own ids looked up where the venue has them."""
        trades = await self._pages("TradesHistory", "trades", *self._rest.skew.widen(start, end))
        with reading("TradesHistory"):
            found = [wire.fill(id, entry, self._market) for id, entry in trades.items()]
        window = self._rest.skew.widen(start, end)
        inside = [shape for shape in found if is_within(shape["timestamp"], *window)]
        client_ids = await self._client_ids({shape["order_id"] for shape in inside})
        for shape in inside:
            shape["client_id"] = client_ids.get(shape["order_id"])
        return sorted(inside, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _client_ids(self, orders: set[str]) -> dict[str, str | None]:
        """TradesHistory does not carry our ids, the orders do."""
        found: dict[str, str | None] = {}
        wanted = sorted(orders)
        for first in range(0, len(wanted), MOST_ORDERS):
            some = wanted[first : first + MOST_ORDERS]
            result = await self._rest.private("QueryOrders", txid=",".join(some))
            with reading("QueryOrders"):
                found.update({id: entry.get("cl_ord_id") or None for id, entry in result.items()})
        return found

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first; deposits and withdrawals with what the funding lists know of them."""
        window = self._rest.skew.widen(start, end)
        ledger = await self._pages("Ledgers", "ledger", *window)
        with reading("Ledgers"):
            kinds = history.refids_of_fundings(ledger)
        known: dict[str, history.Funding] = {}
        for kind, call in (("deposit", "DepositStatus"), ("withdrawal", "WithdrawStatus")):
            for asset in sorted(kinds.get(kind, ())):
                known.update(await self._fundings(call, asset))
        with reading("Ledgers"):
            found = history.transactions(ledger, self._market, known)
        return [shape for shape in found if is_within(shape["timestamp"], *window)]

    async def _fundings(self, call: str, asset: str) -> dict[str, history.Funding]:
        """All that the venue lists of ``asset``: one list, or pages with a cursor if it answers with one."""
        found: dict[str, history.Funding] = {}

        async def page(cursor: str) -> str | None:
            result = await self._rest.private(call, asset=asset, cursor=cursor)
            with reading(call):
                if isinstance(result, list):
                    found.update(history.funding(result))
                    return None
                (entries,) = (value for value in result.values() if isinstance(value, list))
                found.update(history.funding(entries))
                return result.get("next_cursor") or None

        await all_pages(VENUE, call, page, "true")
        return found

    async def _pages(self, call: str, name: str, start: datetime, end: datetime) -> dict[str, Any]:
        """All entries of a history, newest first as the venue has them, each once."""
        found: dict[str, Any] = {}
        # The venue's start is exclusive, and both are whole seconds to us: ask for more, and let the caller cut.
        window = {"start": str(floor(start.timestamp()) - 1), "end": str(ceil(end.timestamp()) + 1)}

        async def page(offset: int) -> int | None:
            result = await self._rest.private(call, **window, ofs=str(offset))
            with reading(call):
                entries = result[name]
                found.update(entries)
                following = offset + len(entries)
                return following if entries and following < number(result["count"], "count") else None

        await all_pages(VENUE, call, page, 0)
        return found

    async def address(self, ticker: str, is_new: bool = False) -> str:
        """Where a deposit goes. A fresh one stays the current one for as long as this process knows it."""
        asset = self._asset("DepositAddresses", ticker)
        method = await self._deposit_method(ticker, asset)
        form = {"new": "true"} if is_new else {}
        result = await self._rest.private("DepositAddresses", asset=asset, method=method, **form)
        with reading("DepositAddresses"):
            addresses = history.newest_first(result)
        if not addresses:
            raise Refused(VENUE, "DepositAddresses", f"no address for {ticker} by {method}; ask for a new one", Reason.ADDRESS)
        if is_new:
            self._new_addresses[ticker] = addresses[0]
        known = self._new_addresses.get(ticker)
        return known if known is not None and known in addresses else addresses[0]

    async def _deposit_method(self, ticker: str, asset: str) -> str:
        result = await self._rest.private("DepositMethods", asset=asset)
        with reading("DepositMethods"):
            methods = [text(entry["method"], "method") for entry in result]
        wanted = self._deposit_methods.get(ticker) or DEPOSIT_METHODS.get(ticker)
        if wanted in methods:
            return str(wanted)
        if len(methods) == 1:
            return methods[0]
        # Coins sent over the wrong network are lost, so there is no guess.
        words = f"set the option deposit_method_{ticker} to one of: {', '.join(methods) or 'none'}"
        raise Refused(VENUE, "DepositMethods", words, Reason.ADDRESS)

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send to an address that is stored and confirmed in the account; never safe to repeat."""
        asset = self._asset("Withdraw", ticker)
        check_amount(VENUE, "Withdraw", ticker, amount)
        result = await self._rest.private("WithdrawAddresses", asset=asset)
        with reading("WithdrawAddresses"):
            keys = [
                text(entry["key"], "key")
                for entry in result
                if entry["address"] == address and entry.get("verified", True) is True
            ]
        if not keys:
            words = f"{address} is not among the account's confirmed {ticker} addresses; Kraken sends nowhere else"
            raise Refused(VENUE, "WithdrawAddresses", words, Reason.ADDRESS)
        answer = await self._rest.private("Withdraw", asset=asset, key=keys[0], address=address, amount=plain(amount))
        with proving(VENUE, "Withdraw", answer):
            return text(answer["refid"], "refid")

    def _asset(self, call: str, ticker: str) -> str:
        asset = self._market.asset(ticker)
        if asset is None:
            raise Refused(VENUE, call, f"{ticker} is not listed")
        return asset
