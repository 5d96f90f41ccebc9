"""Bitstamp's private REST calls about money: balances, fees, postings, coin deposits and withdrawals.

Money of states travels by bank there, with calls of their own that name a person and an IBAN; the sandbox has none of them.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_keys import TOKEN_LIFE, KeyRing
from sandbox.bitstamp_public import Fields, PublicCalls, amount, network_of, whole
from sandbox.bitstamp_words import (
    BitstampError,
    decimals,
    digits,
    eight,
    market_of,
    missing,
    moment,
    order_number,
    posting_number,
    trade_number,
)
from sandbox.network import World
from sandbox.trading import Deposit, Posting, Reason, VenueFill, VenueRefused, Withdrawal, WithdrawalState
from sandbox.venue import Venue

_PAGE, _LONGEST = 100, 1_000
_OLDEST = 30 * 86_400
_STATES = {
    WithdrawalState.PENDING: 0,
    WithdrawalState.SENT: 1,
    WithdrawalState.DONE: 2,
    WithdrawalState.CANCELLED: 3,
}
#: Types of postings; a withdrawal that came to nothing comes back as one that adds.
_TYPES = {"Deposit": 0, "Withdrawal": 1, "Transfer": 1}

Row = dict[str, Any]


class MoneyCalls:
    """Balances and funding of ``venue``; ``world`` knows which addresses exist elsewhere, ``ring`` issues tokens."""

    def __init__(self, venue: Venue, books: Books, public: PublicCalls, world: World, ring: KeyRing) -> None:
        self._venue = venue
        self._public = public
        self._world = world
        self._ring = ring
        self.table: dict[str, Callable[[str, Fields], Any]] = {
            "POST /api/v2/account_balances/": self._balances,
            "POST /api/v2/fees/trading/": self._trading_fees,
            "POST /api/v2/fees/withdrawal/": self._withdrawal_fees,
            "POST /api/v2/websockets_token/": self._token,
            "POST /api/v2/user_transactions/": partial(self._transactions, None),
            "POST /api/v2/crypto-transactions/": self._coin_transactions,
            "POST /api/v2/withdrawal-requests/": self._requests,
        }
        for market, contract in books.contracts.items():
            self.table[f"POST /api/v2/user_transactions/{market}/"] = partial(self._transactions, contract)
        for coin in sorted(world.routes.coins & set(venue.rules.currencies)):
            self.table[f"POST /api/v2/{coin.lower()}_address/"] = partial(self._address, coin)
            self.table[f"POST /api/v2/{coin.lower()}_withdrawal/"] = partial(self._withdraw, coin)

    # -- balances and fees --------------------------------------------------------------------------------------------------

    def _balances(self, user: str, _fields: Fields) -> Any:
        accounts = self._venue.accounts
        return [
            {
                "currency": ticker.lower(),
                "total": eight(accounts.balance(user, ticker)),
                "available": eight(accounts.available(user, ticker)),
                "reserved": eight(accounts.held(user, ticker)),
            }
            for ticker in self._venue.rules.currencies
        ]

    def _trading_fees(self, _user: str, fields: Fields) -> Any:
        fees, wanted = self._venue.rules.fees, fields.get("market_symbol")
        rates = {"maker": digits(fees.maker * 100, 5), "taker": digits(fees.taker * 100, 5)}
        markets = [market_of(instrument) for instrument in self._venue.rules.instruments.values()]
        return [{"currency_pair": market, "market": market, "fees": rates} for market in markets if wanted in (None, "", market)]

    def _withdrawal_fees(self, _user: str, _fields: Fields) -> Any:
        coins = [ticker for ticker in self._venue.rules.currencies if ticker in self._world.routes.coins]
        fee = self._public.withdrawal_fee
        return [{"currency": coin.lower(), "fee": eight(fee(coin)), "network": network_of(coin)} for coin in coins]

    def _token(self, user: str, _fields: Fields) -> Any:
        return {"token": self._ring.token(user), "valid_sec": TOKEN_LIFE, "user_id": self._ring.number(user)}

    # -- postings -------------------------------------------------------------------------------------------------------------

    def _transactions(self, contract: str | None, user: str, fields: Fields) -> Any:
        dated = [(fill.timestamp, self._trade(fill)) for fill in self._venue.fills(user) if contract in (None, fill.contract)]
        if contract is None:
            others = [posting for posting in self._venue.postings(user) if posting.kind != "Trade"]
            dated += [(posting.timestamp, self._posting(posting)) for posting in others]
        since, until = whole(fields, "since_timestamp", 0), whole(fields, "until_timestamp", 2**63)
        if since and self._venue.timestamp() // 1_000_000 - since > _OLDEST:
            raise BitstampError("400.013", "POST parameter(s) is malformed: since_timestamp.")
        found = [(at, row) for at, row in dated if since <= at // 1_000_000 <= until]
        found.sort(key=lambda each: (each[0], each[1]["id"]), reverse=fields.get("sort", "desc") == "desc")
        return self._page([row for _, row in found], fields)

    def _trade(self, fill: VenueFill) -> Row:
        instrument, sign = self._venue.instrument(fill.contract), fill.side.sign
        base, quote = instrument.base.lower(), instrument.quote.lower()
        return self._row(trade_number(fill.trade_id), fill.timestamp, 2) | {
            base: eight(sign * fill.quantity),
            quote: eight(-sign * fill.value),
            f"{base}_{quote}": digits(fill.price, decimals(instrument.tick)),
            "fee": digits(fill.fee, 5),
            "order_id": order_number(fill.order_id),
        }

    def _posting(self, posting: Posting) -> Row:
        row = self._row(posting_number(posting.id), posting.timestamp, _TYPES[posting.kind])
        return row | {posting.ticker.lower(): eight(posting.change), "fee": eight(posting.fee)}

    def _row(self, number: int, timestamp: int, kind: int) -> Row:
        nothing = {ticker.lower(): "0.00" for ticker in self._venue.rules.currencies}
        return {"id": number, "datetime": moment(timestamp), "type": str(kind), "fee": "0.00"} | nothing

    # -- deposits and withdrawals -------------------------------------------------------------------------------------------

    def _address(self, coin: str, user: str, _fields: Fields) -> Any:
        return {"address": self._venue.funding.current_address(user, coin)}

    def _coin_transactions(self, user: str, fields: Fields) -> Any:
        coins = self._world.routes.coins
        deposits = [each for each in self._venue.funding.deposits if each.user == user and each.ticker in coins]
        sent = [each for each in self._venue.funding.withdrawals.values() if each.user == user and each.transaction_id]
        return {
            "deposits": self._page([self._deposit(each) for each in reversed(deposits)], fields),
            "withdrawals": self._page([self._sent(each) for each in reversed(sent)], fields),
            "ripple_iou_transactions": [],
        }

    def _deposit(self, deposit: Deposit) -> Row:
        return {
            "id": deposit.id,
            "network": network_of(deposit.ticker),
            "currency": deposit.ticker,
            "destinationAddress": deposit.address,
            "txid": deposit.transaction_id,
            "amount": float(deposit.amount),
            "datetime": deposit.timestamp // 1_000_000,
            "status": "FINALIZED",
            "pending_reason": "",
        }

    def _sent(self, withdrawal: Withdrawal) -> Row:
        return {
            "network": network_of(withdrawal.ticker),
            "currency": withdrawal.ticker,
            "destinationAddress": withdrawal.address,
            "txid": withdrawal.transaction_id,
            "amount": float(withdrawal.net),
            "datetime": withdrawal.timestamp // 1_000_000,
        }

    def _requests(self, user: str, fields: Fields) -> Any:
        since = self._venue.timestamp() // 1_000_000 - whole(fields, "timedelta", 86_400)
        asked = [each for each in self._venue.funding.withdrawals.values() if each.user == user]
        found = [self._request(each) for each in reversed(asked) if each.timestamp // 1_000_000 >= since]
        return self._page(found, fields)

    def _request(self, withdrawal: Withdrawal) -> Row:
        cause = f"withdrawal:{withdrawal.id}"
        postings = self._venue.postings(withdrawal.user)
        taken = next(posting for posting in postings if posting.kind == "Withdrawal" and posting.reference == cause)
        return {
            "id": withdrawal.id,
            "datetime": moment(withdrawal.timestamp).partition(".")[0],
            "type": 1,
            "currency": withdrawal.ticker,
            "network": network_of(withdrawal.ticker),
            "amount": eight(withdrawal.net),
            "status": _STATES[withdrawal.state],
            "txid": posting_number(taken.id),
            "address": withdrawal.address,
            "transaction_id": withdrawal.transaction_id or "",
        }

    def _withdraw(self, coin: str, user: str, fields: Fields) -> Any:
        quantity, address = amount(fields, "amount"), fields.get("address")
        if not address:
            raise missing("address")
        if fields.get("network") not in (None, "", network_of(coin)):
            raise BitstampError("400.007", {"network": ["Value is not a valid choice."]})
        stored = self._world.stored_addresses(self._venue.name, user, coin)
        if address not in {each.address for each in stored}:
            raise BitstampError("400.007", {"address": ["Address is not whitelisted."]})
        try:
            withdrawal = self._venue.funding.withdraw(user, coin, quantity, address)
        except VenueRefused as refusal:
            if refusal.reason is Reason.FUNDS:
                left = f"{eight(self._venue.accounts.available(user, coin))} {coin}"
                words = f"You have only {left} available. Check your account balance for details."
                raise BitstampError("400.009", {"amount": [words]}) from None
            raise
        return {"id": withdrawal.id}

    def _page(self, entries: Iterable[Row], fields: Fields) -> list[Row]:
        offset, limit = whole(fields, "offset", 0), whole(fields, "limit", _PAGE)
        if not 0 < limit <= _LONGEST:
            raise BitstampError("400.011", "POST parameter(s) is malformed: limit.")
        return list(entries)[offset : offset + limit]
