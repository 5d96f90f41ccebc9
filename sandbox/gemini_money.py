"""Gemini's private REST calls about money: balances, addresses, transfers, withdrawals.

The real venue moves money of states by bank, with calls of their own; here it travels like a coin, by a network of its own.
Balances: "For crypto withdrawals, this value is not reduced until the withdrawal has been confirmed on the blockchain."
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from model.money import ZERO
from sandbox.gemini_public import Fields, amount, since, whole
from sandbox.gemini_words import GeminiError, amount_of, milliseconds
from sandbox.network import World
from sandbox.trading import Deposit, Posting, Reason, VenueRefused, Withdrawal, WithdrawalState
from sandbox.venue import Venue

_MOST_TRANSFERS = 50
_STATES = {
    WithdrawalState.PENDING: "Pending",
    WithdrawalState.SENT: "Pending",
    WithdrawalState.DONE: "Complete",
    WithdrawalState.CANCELLED: "Cancelled",
}
_NETWORKS = {"BTC": "bitcoin", "ETH": "ethereum", "LTC": "litecoin"}


def network_of(ticker: str) -> str:
    """By what it travels."""
    return _NETWORKS.get(ticker, f"bank{ticker.lower()}")


class MoneyCalls:
    """Balances and funding of ``venue``; ``world`` knows which addresses exist elsewhere."""

    def __init__(self, venue: Venue, world: World) -> None:
        self._venue = venue
        self._world = world
        self.table: dict[str, Callable[[str, Fields], Any]] = {
            "/v1/balances": self._balances,
            # Of both versions; the first is being retired, and has no networks.
            "/v1/transfers": self._transfers,
            "/v2/transfers": self._transfers,
        }
        for ticker in venue.rules.currencies:
            name, small = network_of(ticker), ticker.lower()
            self.table[f"/v1/addresses/{name}"] = self._for(self._addresses, ticker)
            self.table[f"/v1/deposit/{name}/newAddress"] = self._for(self._new_address, ticker)
            for path in (f"/v1/withdraw/{ticker}", f"/v1/withdraw/{small}", f"/v2/withdraw/{name}/{small}"):
                self.table[path] = self._for(self._withdraw, ticker)
            self.table[f"/v2/network/{small}"] = self._for(self._networks, ticker)

    def _for(self, call: Callable[[str, str, Fields], Any], ticker: str) -> Callable[[str, Fields], Any]:
        return lambda user, fields: call(user, ticker, fields)

    def _balances(self, user: str, _fields: Fields) -> Any:
        return [self._balance(user, ticker) for ticker in self._venue.rules.currencies]

    def _balance(self, user: str, ticker: str) -> dict[str, str]:
        """What is on its way out counts in ``amount`` until it has arrived, and in nothing else."""
        accounts = self._venue.accounts
        travelling = (WithdrawalState.PENDING, WithdrawalState.SENT)
        own = [each for each in self._venue.funding.withdrawals.values() if (each.user, each.ticker) == (user, ticker)]
        pending = sum((each.amount for each in own if each.state in travelling), ZERO)
        return {
            "type": "exchange",
            "currency": ticker,
            "amount": amount_of(accounts.balance(user, ticker) + pending),
            "available": amount_of(accounts.available(user, ticker)),
            "availableForWithdrawal": amount_of(accounts.available(user, ticker)),
            "pendingWithdrawal": amount_of(pending),
            "pendingDeposit": "0",
        }

    def _networks(self, _user: str, ticker: str, _fields: Fields) -> Any:
        return {"token": ticker, "network": [network_of(ticker)]}

    def _addresses(self, user: str, ticker: str, _fields: Fields) -> Any:
        self._venue.funding.current_address(user, ticker)
        found = self._venue.funding.addresses(user, ticker)
        # Made one after the other: the newest has the latest time.
        return [{"address": each.text, "timestamp": 1_700_000_000_000 + number} for number, each in enumerate(found)]

    def _new_address(self, user: str, ticker: str, fields: Fields) -> Any:
        found = {"network": network_of(ticker), "address": self._venue.funding.new_address(user, ticker)}
        return found | ({"label": fields["label"]} if fields.get("label") else {})

    def _withdraw(self, user: str, ticker: str, fields: Fields) -> Any:
        address = fields.get("address")
        if address not in {each.address for each in self._world.stored_addresses(self._venue.name, user, ticker)}:
            words = f"Cryptocurrency withdrawal address whitelists are not enabled for {address}"
            raise GeminiError("CryptoAddressWhitelistsNotEnabled", words)
        quantity = amount(fields, "amount", "InvalidQuantity")
        try:
            withdrawal = self._venue.funding.withdraw(user, ticker, quantity, address)
        except VenueRefused as refusal:
            if refusal.reason is Reason.FUNDS:
                raise GeminiError("InsufficientFunds", f"Insufficient {ticker} for this withdrawal") from None
            raise
        return {
            "address": address,
            "amount": amount_of(withdrawal.amount),
            "fee": amount_of(withdrawal.fee),
            "withdrawalId": _spelled(withdrawal.id),
            "currency": ticker,
            "message": f"You have requested a transfer of {amount_of(withdrawal.amount)} {ticker} to {address}.",
        }

    def _transfers(self, user: str, fields: Fields) -> Any:
        """The earliest ones on or after ``timestamp``, or without it the newest; either way newest first."""
        limit, first, funding = min(whole(fields, "limit_transfers", 10), _MOST_TRANSFERS), since(fields), self._venue.funding
        entries = [self._deposit(each) for each in funding.deposits if each.user == user]
        entries += [self._withdrawal(each) for each in funding.withdrawals.values() if each.user == user]
        entries += [self._returned(post) for post in self._venue.postings(user) if post.kind == "Transfer"]
        found = sorted(entries, key=lambda entry: entry["timestampms"])
        if first is not None:
            found = [entry for entry in found if entry["timestampms"] >= first]
        chosen = found[-limit:] if first is None else found[:limit]
        return chosen[::-1]

    def _deposit(self, deposit: Deposit) -> dict[str, Any]:
        return {
            "type": "Deposit",
            "status": "Complete",
            "timestampms": milliseconds(deposit.timestamp),
            "eid": 1_000_000 + deposit.id,
            "currency": deposit.ticker,
            "amount": amount_of(deposit.amount),
            "txHash": deposit.transaction_id,
            "destination": deposit.address,
        }

    def _withdrawal(self, withdrawal: Withdrawal) -> dict[str, Any]:
        shape = {
            "type": "Withdrawal",
            "status": _STATES[withdrawal.state],
            "timestampms": milliseconds(withdrawal.timestamp),
            "eid": 2_000_000 + withdrawal.id,
            "currency": withdrawal.ticker,
            "amount": amount_of(withdrawal.net),
            "feeAmount": amount_of(withdrawal.fee),
            "feeCurrency": withdrawal.ticker,
            "destination": withdrawal.address,
            "network": network_of(withdrawal.ticker),
            "withdrawalId": _spelled(withdrawal.id),
        }
        return shape | ({"txHash": withdrawal.transaction_id} if withdrawal.transaction_id else {})

    def _returned(self, posting: Posting) -> dict[str, Any]:
        """What a withdrawal that came to nothing gives back; the documentation has no words for how it is told."""
        return {
            "type": "AdminCredit",
            "status": "Complete",
            "timestampms": milliseconds(posting.timestamp),
            "eid": 3_000_000 + posting.id,
            "currency": posting.ticker,
            "amount": amount_of(posting.change),
            "purpose": posting.note,
        }


def _spelled(number: int) -> str:
    """A withdrawal's number as Gemini spells it."""
    return str(UUID(int=number))
