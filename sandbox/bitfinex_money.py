"""Bitfinex's private REST calls about money: wallets, ledgers, movements, addresses, withdrawals, fees.

The real venue moves money of states by bank, with words of its own; here it travels like a coin, by a method called BANK and its
code.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from model.money import ZERO, plain
from sandbox.bitfinex_orders import amount
from sandbox.bitfinex_public import Fields, PublicCalls, method_of, whole
from sandbox.bitfinex_words import GENERIC, PARAMETERS, BitfinexError, code_of, milliseconds, movement_number, notification
from sandbox.events import Event, WithdrawalChanged
from sandbox.network import World
from sandbox.trading import Deposit, Posting, Reason, VenueRefused, Withdrawal, WithdrawalFee, WithdrawalState
from sandbox.venue import Venue

Row = list[Any]
_WALLET = "exchange"
_LEDGER_PAGE, _MOVEMENT_PAGE, _MOST_ENTRIES, _MOST_MOVEMENTS = 25, 25, 2_500, 1_000
_STATES = {
    WithdrawalState.PENDING: "PENDING REVIEW",
    WithdrawalState.SENT: "SENDING",
    WithdrawalState.DONE: "COMPLETED",
    WithdrawalState.CANCELLED: "CANCELED",
}
#: The ledger's categories of what is posted here, and of the fees that stand beside some.
_CATEGORIES = {"Trade": 5, "Deposit": 51, "Withdrawal": 104, "Transfer": 105}
_FEE_CATEGORIES = {"Trade": 201, "Withdrawal": 254}


class MoneyCalls:
    """Wallets and funding of ``venue``; ``world`` knows which addresses exist elsewhere."""

    def __init__(self, venue: Venue, public: PublicCalls, world: World) -> None:
        self._venue = venue
        self._public = public
        self._world = world
        #: When each withdrawal was last changed: movements are told by that time.
        self._updated: dict[int, int] = {}
        #: The real venue leaves out what is available where it has not calculated it yet.
        self.tells_available = True
        venue.listen(self._happened)
        self.table: Mapping[str, Callable[[str, list[str], Fields], Any]] = {
            "auth/r/wallets": lambda user, _path, _fields: [self.wallet(user, each) for each in venue.rules.currencies],
            "auth/r/ledgers": self._ledgers,
            "auth/r/movements": self._movements,
            "auth/r/summary": self._summary,
            "auth/w/deposit/address": self._deposit_address,
            "auth/w/withdraw": self._withdraw,
        }

    def wallet(self, user: str, ticker: str) -> Row:
        """One currency of the exchange wallet."""
        accounts = self._venue.accounts
        available = accounts.available(user, ticker) if self.tells_available else None
        return [_WALLET, code_of(ticker), accounts.balance(user, ticker), ZERO, available, None, None]

    # -- what was -----------------------------------------------------------------------------------------------------------

    def _ledgers(self, user: str, path: list[str], fields: Fields) -> Any:
        """``auth/r/ledgers[/BTC]/hist``, newest first."""
        ticker = self._ticker(path[3]) if len(path) > 4 else None
        start, end = whole(fields, "start", 0), whole(fields, "end", 2**63)
        category = whole(fields, "category", 0)
        rows: list[tuple[int, Row]] = []
        for posting in self._venue.postings(user):
            if ticker in (None, posting.ticker) and start <= milliseconds(posting.timestamp) <= end:
                rows += self._entries(posting)
        limit = min(whole(fields, "limit", _LEDGER_PAGE), _MOST_ENTRIES)
        return [row for kind, row in rows if category in (0, kind)][-limit:][::-1]

    def _entries(self, posting: Posting) -> list[tuple[int, Row]]:
        """A posting and, where one was taken, its fee, each with its category."""
        code, moment = code_of(posting.ticker), milliseconds(posting.timestamp)
        words = {
            "Trade": f"Exchange {plain(abs(posting.change))} {code} on wallet {_WALLET}",
            "Deposit": f"Deposit ({method_of(posting.ticker)}) on wallet {_WALLET}",
            "Withdrawal": f"{method_of(posting.ticker).capitalize()} Withdrawal on wallet {_WALLET}",
            "Transfer": f"Canceled withdrawal request on wallet {_WALLET}",
        }[posting.kind]
        balance = posting.balance + posting.fee
        entry = [2 * posting.id, code, _WALLET, moment, None, posting.change, balance, None, words]
        found = [(_CATEGORIES[posting.kind], entry)]
        if posting.fee:
            text = f"{posting.kind} fee on wallet {_WALLET}"
            taken = [2 * posting.id + 1, code, _WALLET, moment, None, -posting.fee, posting.balance, None, text]
            found.append((_FEE_CATEGORIES.get(posting.kind, 0), taken))
        return found

    def _movements(self, user: str, path: list[str], fields: Fields) -> Any:
        """``auth/r/movements[/BTC]/hist``, newest first, by when they were updated."""
        ticker = self._ticker(path[3]) if len(path) > 4 else None
        start, end = whole(fields, "start", 0), whole(fields, "end", 2**63)
        funding = self._venue.funding
        found = [self._deposit(each) for each in funding.deposits if each.user == user and ticker in (None, each.ticker)]
        found += [
            self._withdrawal(each) for each in funding.withdrawals.values() if each.user == user and ticker in (None, each.ticker)
        ]
        inside = sorted((row for row in found if start <= row[6] <= end), key=lambda row: (row[6], row[0]))
        return inside[-min(whole(fields, "limit", _MOVEMENT_PAGE), _MOST_MOVEMENTS) :][::-1]

    def _deposit(self, deposit: Deposit) -> Row:
        moment = milliseconds(deposit.timestamp)
        row = self._movement(movement_number(deposit.id, is_deposit=True), deposit.ticker, moment, moment)
        row[9], row[12], row[13] = "COMPLETED", deposit.amount, ZERO
        row[16], row[20] = deposit.address, deposit.transaction_id
        return row

    def _withdrawal(self, withdrawal: Withdrawal) -> Row:
        began = milliseconds(withdrawal.timestamp)
        number = movement_number(withdrawal.id, is_deposit=False)
        row = self._movement(
            number, withdrawal.ticker, began, milliseconds(self._updated.get(withdrawal.id, withdrawal.timestamp))
        )
        row[9], row[12], row[13] = _STATES[withdrawal.state], -withdrawal.net, -withdrawal.fee
        row[16], row[20] = withdrawal.address, withdrawal.transaction_id
        return row

    def _movement(self, number: int, ticker: str, began: int, updated: int) -> Row:
        row: Row = [None] * 22
        row[0], row[1], row[2], row[5], row[6] = number, code_of(ticker), method_of(ticker), began, updated
        return row

    def _happened(self, event: Event) -> None:
        if isinstance(event, WithdrawalChanged):
            self._updated[event.withdrawal.id] = self._venue.timestamp()

    # -- money in and out -----------------------------------------------------------------------------------------------------

    def _summary(self, _user: str, _path: list[str], _fields: Fields) -> Any:
        fees = self._venue.rules.fees
        rates = [[rate, rate, rate, None, None, ZERO] for rate in (fees.maker, fees.taker)]
        return [None, None, None, None, rates, None, None, None, None, {}]

    def _deposit_address(self, user: str, _path: list[str], fields: Fields) -> Any:
        self._check_wallet(fields)
        ticker, funding = self._by_method(fields), self._venue.funding
        is_new = whole(fields, "op_renew", 0) == 1
        address = (funding.new_address if is_new else funding.current_address)(user, ticker)
        data = [None, method_of(ticker), code_of(ticker), None, address, None]
        return notification("acc_dep", data, "success", self._venue.timestamp)

    def _withdraw(self, user: str, _path: list[str], fields: Fields) -> Any:
        self._check_wallet(fields)
        ticker, wanted, address = self._by_method(fields), amount(fields, "amount"), str(fields.get("address") or "")
        fee = self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed
        # The fee comes on top, unless it is to be taken out of the amount.
        whole_amount = wanted if whole(fields, "fee_deduct", 0) else wanted + fee
        stored = self._world.stored_addresses(self._venue.name, user, ticker)
        number, text = 0, f"Invalid {method_of(ticker).lower()} address ({address})"
        if address in {each.address for each in stored}:
            number = self._ask(user, ticker, whole_amount, address)
            text = "Your withdrawal request has been successfully submitted."
        data = [number, None, method_of(ticker).lower(), None, _WALLET, wanted, None, None, fee]
        return notification("acc_wd-req", data, text, self._venue.timestamp)

    def _ask(self, user: str, ticker: str, quantity: Decimal, address: str) -> int:
        try:
            withdrawal = self._venue.funding.withdraw(user, ticker, quantity, address)
        except VenueRefused as refusal:
            if refusal.reason is not Reason.FUNDS:
                raise
            left = plain(self._venue.accounts.available(user, ticker))
            raise BitfinexError(GENERIC, f"Cannot withdraw {plain(quantity)}: available balance is only {left}") from None
        return movement_number(withdrawal.id, is_deposit=False)

    # -- words ----------------------------------------------------------------------------------------------------------------

    def _check_wallet(self, fields: Fields) -> None:
        if fields.get("wallet") != _WALLET:
            raise BitfinexError(PARAMETERS, "wallet: invalid")

    def _by_method(self, fields: Fields) -> str:
        found = [ticker for ticker in self._venue.rules.currencies if method_of(ticker).lower() == fields.get("method")]
        if not found:
            raise BitfinexError(PARAMETERS, "method: invalid")
        return found[0]

    def _ticker(self, code: str) -> str:
        if code not in self._public.tickers:
            raise BitfinexError(PARAMETERS, "currency: invalid")
        return self._public.tickers[code]
