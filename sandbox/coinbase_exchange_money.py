"""Coinbase Exchange's private REST calls about money: accounts, ledgers, transfers, addresses, withdrawals.

The real venue moves money of states by payment methods; here it travels like a coin, by a network called bank.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.coinbase_exchange_public import Fields, Page, PublicCalls, amount, page
from sandbox.coinbase_exchange_words import (
    DEPOSIT,
    ORDER,
    WITHDRAWAL,
    CoinbaseError,
    database_time,
    digits,
    iso,
    name_id,
    number_id,
)
from sandbox.network import World
from sandbox.trading import Deposit, Posting, VenueFill, Withdrawal, WithdrawalFee, WithdrawalState
from sandbox.venue import Venue


class MoneyCalls:
    """Balances and funding of ``venue``; ``world`` knows which addresses exist elsewhere."""

    def __init__(self, venue: Venue, public: PublicCalls, world: World) -> None:
        self._venue = venue
        self._public = public
        self._world = world
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "GET /accounts": lambda user, _fields: [self._account(user, ticker) for ticker in venue.rules.currencies],
            "GET /accounts/{account_id}": lambda user, fields: self._account(user, self._ticker_of(user, fields, "account")),
            "GET /accounts/{account_id}/ledger": self._ledger,
            "GET /transfers": self._transfers,
            "GET /coinbase-accounts": lambda user, _fields: [self._wallet(user, ticker) for ticker in venue.rules.currencies],
            "POST /coinbase-accounts/{account_id}/addresses": self._new_address,
            "GET /withdrawals/fee-estimate": lambda _user, fields: {"fee": digits(self._fee(public.ticker(fields)))},
            "POST /withdrawals/crypto": self._withdraw,
        }

    # -- balances and ledger ----------------------------------------------------------------------------------------------

    def _account(self, user: str, ticker: str) -> dict[str, Any]:
        accounts = self._venue.accounts
        return {
            "id": name_id("account", user, ticker),
            "currency": ticker,
            "balance": digits(accounts.balance(user, ticker), 16),
            "hold": digits(accounts.held(user, ticker), 16),
            "available": digits(accounts.available(user, ticker)),
            "profile_id": name_id("profile", user),
            "trading_enabled": True,
            "pending_deposit": "0",
            "display_name": ticker,
        }

    def _ticker_of(self, user: str, fields: Fields, kind: str) -> str:
        for ticker in self._venue.rules.currencies:
            if name_id(kind, user, ticker) == fields["account_id"]:
                return ticker
        raise CoinbaseError(404, "NotFound")

    def _ledger(self, user: str, fields: Fields) -> Any:
        ticker = self._ticker_of(user, fields, "account")
        fills = {fill.id: fill for fill in self._venue.fills(user)}
        entries: list[tuple[int, Any]] = []
        for posting in self._venue.postings(user):
            if posting.ticker == ticker:
                entries += self._entries(posting, fills)
        return page(entries, fields)

    def _entries(self, posting: Posting, fills: Mapping[int, VenueFill]) -> list[tuple[int, Any]]:
        """A trade and its fee are two entries; the fee of a withdrawal is a part of it."""
        kind, number = posting.reference.partition(":")[0], int(posting.reference.partition(":")[2] or 0)
        if posting.kind != "Trade":
            transfer = {"deposit": ("deposit", DEPOSIT), "withdrawal": ("withdraw", WITHDRAWAL)}[kind]
            details = {"transfer_id": number_id(transfer[1], number), "transfer_type": transfer[0]}
            return [_entry(posting, 0, "transfer", posting.change - posting.fee, posting.balance, details)]
        fill = fills[number]
        product = self._public.product(fill.contract)
        details = {"order_id": number_id(ORDER, fill.order_id), "product_id": product, "trade_id": str(fill.trade_id)}
        entries = [_entry(posting, 0, "match", posting.change, posting.balance + posting.fee, details)]
        if posting.fee:
            entries.append(_entry(posting, 1, "fee", -posting.fee, posting.balance, details))
        return entries

    # -- transfers ----------------------------------------------------------------------------------------------------------

    def _transfers(self, user: str, fields: Fields) -> Page:
        kind = fields.get("type") or "deposit,withdraw"
        found: list[tuple[int, int, dict[str, Any]]] = []
        if "deposit" in kind:
            found += [
                (each.timestamp, each.id, self._deposit(each)) for each in self._venue.funding.deposits if each.user == user
            ]
        if "withdraw" in kind:
            withdrawals = self._venue.funding.withdrawals.values()
            found += [(each.timestamp, each.id, self._withdrawal(each)) for each in withdrawals if each.user == user]
        found.sort(key=lambda entry: entry[:2])
        return page([(number, row) for number, (_, _, row) in enumerate(found, 1)], fields)

    def _deposit(self, deposit: Deposit) -> dict[str, Any]:
        moment = database_time(deposit.timestamp)
        details = {
            "network": self._public.network(deposit.ticker),
            "crypto_address": deposit.address,
            "crypto_transaction_hash": deposit.transaction_id,
        }
        shape = self._transfer(number_id(DEPOSIT, deposit.id), "deposit", deposit.user, deposit.ticker, deposit.amount)
        return shape | {"created_at": moment, "completed_at": moment, "processed_at": moment, "details": details}

    def _withdrawal(self, withdrawal: Withdrawal) -> dict[str, Any]:
        details = {
            "network": self._public.network(withdrawal.ticker),
            "sent_to_address": withdrawal.address,
            "crypto_address": withdrawal.address,
            "fee": digits(withdrawal.fee),
        }
        if withdrawal.transaction_id:
            details["crypto_transaction_hash"] = withdrawal.transaction_id
        moment = database_time(withdrawal.timestamp)
        shape = self._transfer(
            number_id(WITHDRAWAL, withdrawal.id), "withdraw", withdrawal.user, withdrawal.ticker, withdrawal.amount
        )
        shape |= {"created_at": moment, "details": details}
        if withdrawal.state is WithdrawalState.DONE:
            return shape | {"completed_at": moment, "processed_at": moment}
        back = f"withdrawal:{withdrawal.id}"
        returned = [post for post in self._venue.postings(withdrawal.user) if post.reference == back and post.kind == "Transfer"]
        return shape | ({"canceled_at": database_time(returned[0].timestamp)} if returned else {})

    def _transfer(self, id: str, kind: str, user: str, ticker: str, quantity: Decimal) -> dict[str, Any]:
        """All that a transfer says whatever has happened."""
        return {
            "id": id,
            "type": kind,
            "created_at": None,
            "completed_at": None,
            "canceled_at": None,
            "processed_at": None,
            "account_id": name_id("account", user, ticker),
            "user_id": name_id("user", user),
            "profile_id": name_id("profile", user),
            "amount": digits(quantity),
            "currency": ticker,
            "user_nonce": None,
        }

    # -- addresses and withdrawals --------------------------------------------------------------------------------------------

    def _wallet(self, user: str, ticker: str) -> dict[str, Any]:
        return {
            "id": name_id("wallet", user, ticker),
            "name": f"{ticker} Wallet",
            "balance": "0",
            "currency": ticker,
            "type": "wallet",
            "primary": False,
            "active": True,
        }

    def _new_address(self, user: str, fields: Fields) -> Any:
        ticker = self._ticker_of(user, fields, "wallet")
        self._check_network(ticker, fields)
        address, moment = self._venue.funding.new_address(user, ticker), iso(self._venue.timestamp())
        return {
            "id": name_id("address", address),
            "address": address,
            "address_info": {"address": address},
            "name": "New exchange deposit address",
            "created_at": moment,
            "updated_at": moment,
            "network": self._public.network(ticker),
            "resource": "address",
        }

    def _withdraw(self, user: str, fields: Fields) -> Any:
        ticker, quantity, address = self._public.ticker(fields), amount(fields, "amount"), fields.get("crypto_address", "")
        self._check_network(ticker, fields)
        stored = self._world.stored_addresses(self._venue.name, user, ticker)
        if address not in {each.address for each in stored}:
            raise CoinbaseError(400, "crypto_address is not in the allowlist")
        withdrawal = self._venue.funding.withdraw(user, ticker, quantity, address)
        return {
            "id": number_id(WITHDRAWAL, withdrawal.id),
            "amount": digits(withdrawal.amount),
            "currency": ticker,
            "payout_at": iso(withdrawal.timestamp),
            "fee": digits(withdrawal.fee),
            "subtotal": digits(withdrawal.net),
        }

    def _check_network(self, ticker: str, fields: Fields) -> None:
        if fields.get("network") not in (None, "", self._public.network(ticker)):
            raise CoinbaseError(400, "Invalid network")

    def _fee(self, ticker: str) -> Decimal:
        return self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed


def _entry(
    posting: Posting, part: int, kind: str, change: Decimal, balance: Decimal, details: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    number = 2 * posting.id + part
    shape = {
        "id": str(number),
        "amount": digits(change, 16),
        "balance": digits(balance, 16),
        "created_at": iso(posting.timestamp),
        "type": kind,
        "details": details,
    }
    return number, shape
