"""Kraken's private REST calls about money: balances, ledger, deposits, withdrawals."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from model.money import ZERO
from sandbox.kraken_orders import amount, between, page
from sandbox.kraken_public import Fields
from sandbox.kraken_words import KrakenError, altname, asset_id, seconds, spell_id
from sandbox.network import StoredAddress, World
from sandbox.trading import Posting, Withdrawal, WithdrawalFee, WithdrawalState
from sandbox.venue import Venue

_LEDGER_TYPES = {"Trade": "trade", "Deposit": "deposit", "Withdrawal": "withdrawal", "Transfer": "transfer"}
_STATES = {
    WithdrawalState.PENDING: "Pending",
    WithdrawalState.SENT: "Pending",
    WithdrawalState.DONE: "Success",
    WithdrawalState.CANCELLED: "Failure",
}
#: A reference names its cause by kind and number; Kraken's letter for each kind.
_REFERENCES = {"fill": "T", "deposit": "Q", "withdrawal": "A"}


def reference_id(reference: str) -> str:
    """``fill:7`` as a trade's id, ``deposit:2`` and ``withdrawal:3`` as funding reference ids."""
    kind, _, number = reference.partition(":")
    return spell_id(_REFERENCES[kind], int(number)) if kind in _REFERENCES else ""


class MoneyCalls:
    """Balances and funding of ``venue``; ``world`` knows which addresses exist elsewhere."""

    def __init__(self, venue: Venue, world: World) -> None:
        self._venue = venue
        self._world = world
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "Balance": self._balance,
            "BalanceEx": self._balance_ex,
            "Ledgers": self._ledgers,
            "DepositMethods": self._deposit_methods,
            "DepositAddresses": self._deposit_addresses,
            "DepositStatus": self._deposit_status,
            "WithdrawMethods": self._withdraw_methods,
            "WithdrawAddresses": self._withdraw_addresses,
            "WithdrawInfo": self._withdraw_info,
            "Withdraw": self._withdraw,
            "WithdrawStatus": self._withdraw_status,
            "WithdrawCancel": self._withdraw_cancel,
        }

    # -- balances and ledger ----------------------------------------------------------------------------------------------

    def _balance(self, user: str, _fields: Fields) -> Any:
        accounts = self._venue.accounts
        return {asset_id(ticker): self._text(ticker, accounts.balance(user, ticker)) for ticker in self._tickers(user)}

    def _balance_ex(self, user: str, _fields: Fields) -> Any:
        accounts = self._venue.accounts
        return {
            asset_id(ticker): {
                "balance": self._text(ticker, accounts.balance(user, ticker)),
                "hold_trade": self._text(ticker, accounts.held(user, ticker)),
            }
            for ticker in self._tickers(user)
        }

    def _ledgers(self, user: str, fields: Fields) -> Any:
        kind, assets = fields.get("type", "all"), fields.get("asset", "all")
        tickers = None if assets == "all" else {self._ticker(name) for name in assets.split(",")}
        entries = [
            (spell_id("L", posting.id), self._entry(posting))
            for posting in self._venue.postings(user, *between(fields))
            if kind in ("all", _LEDGER_TYPES[posting.kind]) and (tickers is None or posting.ticker in tickers)
        ]
        return {"ledger": page(entries, fields), "count": len(entries)}

    def _entry(self, posting: Posting) -> dict[str, Any]:
        return {
            "refid": reference_id(posting.reference),
            "time": Decimal(seconds(posting.timestamp)),
            "type": _LEDGER_TYPES[posting.kind],
            "subtype": "",
            "aclass": "currency",
            "asset": asset_id(posting.ticker),
            "amount": self._text(posting.ticker, posting.change),
            "fee": self._text(posting.ticker, posting.fee),
            "balance": self._text(posting.ticker, posting.balance),
        }

    # -- deposits -----------------------------------------------------------------------------------------------------------

    def _deposit_methods(self, _user: str, fields: Fields) -> Any:
        method = self._method(self._ticker(fields.get("asset")))
        return [{"method": method, "limit": False, "fee": "0.0", "gen-address": True, "minimum": "0.0"}]

    def _deposit_addresses(self, user: str, fields: Fields) -> Any:
        ticker, funding = self._ticker(fields.get("asset")), self._venue.funding
        if fields.get("method") != self._method(ticker):
            raise KrakenError("EFunding:No funding method")
        if fields.get("new") == "true":
            funding.new_address(user, ticker)
        else:
            funding.current_address(user, ticker)
        newest_first = funding.addresses(user, ticker)[::-1]
        used = {deposit.address for deposit in funding.deposits}
        return [{"address": each.text, "expiretm": "0", "new": each.text not in used} for each in newest_first]

    def _deposit_status(self, user: str, fields: Fields) -> Any:
        ticker = self._ticker(fields["asset"]) if fields.get("asset") else None
        return [
            {
                "method": self._method(deposit.ticker),
                "aclass": "currency",
                "asset": asset_id(deposit.ticker),
                "refid": spell_id("Q", deposit.id),
                "txid": deposit.transaction_id,
                "info": deposit.address,
                "amount": self._text(deposit.ticker, deposit.amount),
                "fee": self._text(deposit.ticker, ZERO),
                "time": deposit.timestamp // 1_000_000,
                "status": "Success",
            }
            for deposit in reversed(self._venue.funding.deposits)
            if deposit.user == user and ticker in (None, deposit.ticker)
        ]

    # -- withdrawals ----------------------------------------------------------------------------------------------------------

    def _withdraw_methods(self, _user: str, fields: Fields) -> Any:
        ticker = self._ticker(fields.get("asset"))
        return [{"asset": asset_id(ticker), "method": self._method(ticker), "network": self._method(ticker), "minimum": "0"}]

    def _withdraw_addresses(self, user: str, fields: Fields) -> Any:
        tickers = [self._ticker(fields["asset"])] if fields.get("asset") else list(self._venue.rules.currencies)
        return [
            {
                "address": stored.address,
                "asset": altname(ticker),
                "method": self._method(ticker),
                "key": stored.key,
                "verified": True,
            }
            for ticker in tickers
            for stored in self._world.stored_addresses(self._venue.name, user, ticker)
        ]

    def _withdraw_info(self, user: str, fields: Fields) -> Any:
        ticker, quantity = self._ticker(fields.get("asset")), amount(fields, "amount")
        self._stored(user, ticker, fields)
        fee = self._fee(ticker, quantity)
        return {
            "method": self._method(ticker),
            "limit": self._text(ticker, self._venue.accounts.available(user, ticker)),
            "amount": self._text(ticker, max(ZERO, quantity - fee)),
            "fee": self._text(ticker, fee),
        }

    def _withdraw(self, user: str, fields: Fields) -> Any:
        ticker, quantity = self._ticker(fields.get("asset")), amount(fields, "amount")
        stored = self._stored(user, ticker, fields)
        if fields.get("address", stored.address) != stored.address:
            raise KrakenError("EFunding:Invalid address")
        withdrawal = self._venue.funding.withdraw(user, ticker, quantity, stored.address)
        return {"refid": spell_id("A", withdrawal.id)}

    def _withdraw_status(self, user: str, fields: Fields) -> Any:
        ticker = self._ticker(fields["asset"]) if fields.get("asset") else None
        withdrawals = [each for each in self._venue.funding.withdrawals.values() if each.user == user]
        return [self._withdrawal(user, each) for each in reversed(withdrawals) if ticker in (None, each.ticker)]

    def _withdraw_cancel(self, user: str, fields: Fields) -> Any:
        for withdrawal in self._venue.funding.withdrawals.values():
            if withdrawal.user == user and spell_id("A", withdrawal.id) == fields.get("refid"):
                self._venue.funding.cancel(withdrawal.id, user)
                return True
        raise KrakenError("EFunding:Unknown reference id")

    def _withdrawal(self, user: str, withdrawal: Withdrawal) -> dict[str, Any]:
        ticker = withdrawal.ticker
        stored = self._world.stored_addresses(self._venue.name, user, ticker)
        shape = {
            "method": self._method(ticker),
            "aclass": "currency",
            "asset": asset_id(ticker),
            "refid": spell_id("A", withdrawal.id),
            "txid": withdrawal.transaction_id,
            "info": withdrawal.address,
            "amount": self._text(ticker, withdrawal.net),
            "fee": self._text(ticker, withdrawal.fee),
            "time": withdrawal.timestamp // 1_000_000,
            "status": _STATES[withdrawal.state],
            "key": next((each.key for each in stored if each.address == withdrawal.address), ""),
            "network": self._method(ticker),
        }
        return shape | ({"status-prop": "canceled"} if withdrawal.state is WithdrawalState.CANCELLED else {})

    # -- words ----------------------------------------------------------------------------------------------------------------

    def _ticker(self, name: str | None) -> str:
        for ticker in self._venue.rules.currencies:
            if name in (ticker, asset_id(ticker), altname(ticker)):
                return ticker
        raise KrakenError("EQuery:Unknown asset" if name else "EGeneral:Invalid arguments:asset")

    def _tickers(self, user: str) -> list[str]:
        balances = self._venue.accounts.of(user).balances
        return [ticker for ticker in self._venue.rules.currencies if ticker in balances]

    def _method(self, ticker: str) -> str:
        return "Bitcoin" if ticker == "BTC" else f"Bank transfer ({ticker})"

    def _text(self, ticker: str, quantity: Decimal) -> str:
        """At least the currency's digits. A trade's value can have more; the real venue rounds, we keep what is true."""
        unit = self._venue.rules.currencies[ticker]
        return format(quantity.quantize(unit) if quantity % unit == 0 else quantity, "f")

    def _fee(self, ticker: str, quantity: Decimal) -> Decimal:
        rules = self._venue.rules
        return rules.withdrawal_fees.get(ticker, WithdrawalFee()).of(quantity, rules.currencies[ticker])

    def _stored(self, user: str, ticker: str, fields: Fields) -> StoredAddress:
        for stored in self._world.stored_addresses(self._venue.name, user, ticker):
            if stored.key == fields.get("key"):
                return stored
        raise KrakenError("EFunding:Unknown withdraw key")
