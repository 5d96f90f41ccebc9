"""Money at Coinbase Exchange: balances, addresses, withdrawals, histories. Each method is the body of one of the interface's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import define, field

from clients.coinbase_exchange import history, wire
from clients.coinbase_exchange.faults import VENUE
from clients.coinbase_exchange.networks import Networks
from clients.coinbase_exchange.orders import Orders
from clients.coinbase_exchange.places import currency_of, ticker_of
from clients.coinbase_exchange.rest import FILLS, CoinbaseExchangeRest
from clients.coinbase_exchange.wire import reading
from clients.errors import Reason, Refused
from clients.listings import Listing, empty_positions
from clients.paging import all_pages, is_within
from clients.parsing import EPOCH, microseconds_of_text, proving, text
from clients.steps import check_amount
from clients.unsettled import Unsettled
from model.money import plain
from model.shapes import FeesShape, FillShape, PositionShape, TransactionShape

ACCOUNTS, LEDGER, FEES = "GET /accounts", "GET /accounts/{account_id}/ledger", "GET /fees"
TRANSFERS, WITHDRAW = "GET /transfers", "POST /withdrawals/crypto"
WALLETS, NEW_ADDRESS = "GET /coinbase-accounts", "POST /coinbase-accounts/{account_id}/addresses"
#: Rows that one page may tell.
PAGE = 100
#: A transfer is listed from when it was asked for; so long it may take until it ends.
SETTLING = timedelta(days=3)


@define
class Account:
    """``listings()``: the contracts whose executions are ours to tell (Coinbase tells them by contract only).

    ``addresses``: by ticker, where deposits go by the config.
    """

    _rest: CoinbaseExchangeRest
    _orders: Orders
    _networks: Networks
    _listings: Callable[[], Iterable[Listing]]
    _addresses: dict[str, str]
    _account_ids: dict[str, str] = field(factory=dict, init=False)
    _unsettled: Unsettled = field(factory=Unsettled, init=False)

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker; those of our contracts are there even when there is nothing."""
        answer = await self._rest.private(ACCOUNTS)
        with reading(ACCOUNTS):
            found = wire.positions(answer)
            self._account_ids = wire.accounts(answer)
        return empty_positions(self._listings()) | found

    async def fees(self) -> FeesShape:
        """What the account's volume of the last 30 days has come to."""
        answer = await self._rest.private(FEES)
        with reading(FEES):
            return wire.fees(answer)

    # Histories

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first, with our own ids of their orders."""
        window = self._rest.skew.widen(start, end)
        found: list[FillShape] = []
        for listing in self._listings():
            rows = await self._rows(FILLS, {}, {"product_id": listing.symbol}, window[0])
            with reading(FILLS):
                found += [wire.fill(row) for row in rows]
        inside = [shape for shape in found if is_within(shape["timestamp"], *window)]
        client_ids = await self._orders.client_ids(shape["order_id"] for shape in inside)
        for shape in inside:
            shape["client_id"] = client_ids[shape["order_id"]]
        return sorted(inside, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def fills_of(self, order_id: str) -> list[FillShape]:
        """Executions of one order."""
        rows = await self._rows(FILLS, {}, {"order_id": order_id}, EPOCH)
        with reading(FILLS):
            return [wire.fill(row) for row in rows]

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first. One that was pending when it was last told is told again when it has ended.

        Ledgers are read of the currencies of our contracts and of those of which there is something.
        """
        window = self._rest.skew.widen(start, end)
        found: list[TransactionShape] = []
        for ticker in sorted(await self.positions()):
            found += await self._ledger(ticker, *window)
        rows = await self._rows(TRANSFERS, {}, {}, window[0] - SETTLING)
        with reading(TRANSFERS):
            transfers = list(map(history.transfer, rows))
        found += self._unsettled.news(transfers, *window)
        return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))

    async def _ledger(self, ticker: str, start: datetime, end: datetime) -> list[TransactionShape]:
        account = self._account_ids.get(ticker)
        if account is None:
            return []
        rows = await self._rows(LEDGER, {"account_id": account}, {}, start)
        with reading(LEDGER):
            postings = [history.posting(ticker, row) for row in rows]
        return [each for each in postings if each is not None and is_within(each["timestamp"], start, end)]

    async def _rows(
        self, call: str, parts: Mapping[str, str], query: Mapping[str, str], start: datetime
    ) -> list[Mapping[str, Any]]:
        """All rows of a list, newest first as the venue has them, back to ``start`` or a little further."""
        found: dict[str, Mapping[str, Any]] = {}
        first = (start - EPOCH) // timedelta(microseconds=1)

        async def page(after: str) -> str | None:
            cursor = {"after": after} if after else {}
            told = await self._rest.page(call, parts, {**query, "limit": str(PAGE), **cursor})
            with reading(call):
                found.update({str(row.get("id") or row["trade_id"]): row for row in told.rows})
                is_past = any(microseconds_of_text(row["created_at"]) < first for row in told.rows)
            return None if is_past else told.after

        await all_pages(VENUE, call, page, "")
        return list(found.values())

    # Addresses and withdrawals

    async def address(self, ticker: str) -> str:
        """Where a deposit goes: the address that the config names or that was made here, else that of the last deposit.

        :raises Refused: (ADDRESS) where nothing was ever deposited: Coinbase lists no addresses, it only makes new ones.
        """
        if ticker not in self._addresses:
            found = await self._last_address(ticker, self._networks.of(TRANSFERS, ticker))
            if found is None:
                words = f"no {ticker} address is known; make one there and name it in the option deposit_address_{ticker}"
                raise Refused(VENUE, TRANSFERS, words, Reason.ADDRESS)
            self._addresses[ticker] = found
        return self._addresses[ticker]

    async def _last_address(self, ticker: str, network: str) -> str | None:
        found: list[str] = []

        async def page(after: str) -> str | None:
            cursor = {"after": after} if after else {}
            told = await self._rest.page(TRANSFERS, query={"type": "deposit", "limit": str(PAGE), **cursor})
            with reading(TRANSFERS):
                addresses = (history.deposit_address(row, ticker, network) for row in told.rows)
                found.extend(address for address in addresses if address is not None)
            return None if found else told.after

        await all_pages(VENUE, TRANSFERS, page, "")
        return found[0] if found else None

    async def new_address(self, ticker: str) -> str:
        """A fresh address; older ones stay good. It is the current one for as long as this process knows it."""
        network = self._networks.of(NEW_ADDRESS, ticker)
        wallets = await self._rest.private(WALLETS)
        with reading(WALLETS):
            ids = {ticker_of(text(each["currency"], "currency")): text(each["id"], "id") for each in wallets}
        if ticker not in ids:
            raise Refused(VENUE, WALLETS, f"there is no {ticker} wallet to deposit to", Reason.ADDRESS)
        answer = await self._rest.private(NEW_ADDRESS, {"account_id": ids[ticker]}, form={"network": network})
        with reading(NEW_ADDRESS):
            if answer.get("destination_tag"):
                raise ValueError("this currency's deposits need a tag or memo beside the address")
            made = text(answer["address"], "address")
        self._addresses[ticker] = made
        return made

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; never safe to repeat. Coinbase takes the network's fee out of ``amount``."""
        network = self._networks.of(WITHDRAW, ticker)
        check_amount(VENUE, WITHDRAW, ticker, amount)
        form: dict[str, str | bool] = {
            "currency": currency_of(ticker),
            "amount": plain(amount),
            "crypto_address": address,
            "network": network,
            "add_network_fee_to_total": False,
        }
        answer = await self._rest.private(WITHDRAW, form=form)
        with proving(VENUE, WITHDRAW, answer):
            return text(answer["id"], "id")
