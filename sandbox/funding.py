"""How money comes into and leaves one venue: addresses, deposits, withdrawals. What travels is the network's business."""

import base64
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256

from attrs import evolve, frozen

from model.money import ZERO
from sandbox.accounts import Accounts
from sandbox.events import Event, Posted, WithdrawalChanged
from sandbox.trading import Deposit, Posting, PostingKind, Reason, Rules, VenueRefused, Withdrawal, WithdrawalFee, WithdrawalState

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@frozen
class Address:
    """Where a user's deposits of ``ticker`` come in; ``is_current`` until a newer one replaces it. Old ones still work."""

    text: str
    user: str
    ticker: str
    is_current: bool = True


class Funding:
    """Addresses, deposits and withdrawals of one venue.

    ``is_coin`` tells coins, with addresses of their network, from money at a bank, with payment references.
    """

    def __init__(
        self,
        name: str,
        rules: Rules,
        accounts: Accounts,
        timestamp: Callable[[], int],
        tell: Callable[[Event], None],
        is_coin: Callable[[str], bool] = lambda ticker: ticker == "BTC",
    ) -> None:
        self._name = name
        self._rules = rules
        self._accounts = accounts
        self._timestamp = timestamp
        self._tell = tell
        self._is_coin = is_coin
        self._addresses: dict[str, Address] = {}
        self._current: dict[tuple[str, str], str] = {}
        self._count: dict[tuple[str, str], int] = defaultdict(int)
        self.deposits: list[Deposit] = []
        self.withdrawals: dict[int, Withdrawal] = {}

    def current_address(self, user: str, ticker: str) -> str:
        """The address in use, made if there is none. Safe to repeat."""
        return self._current.get((user, ticker)) or self.new_address(user, ticker)

    def new_address(self, user: str, ticker: str) -> str:
        """A fresh address, current from now on.

        :raises VenueRefused: (TICKER, USER).
        """
        self._check(user, ticker)
        previous = self._current.get((user, ticker))
        if previous is not None:
            self._addresses[previous] = evolve(self._addresses[previous], is_current=False)
        self._count[user, ticker] += 1
        digest = sha256(f"{self._name}/{user}/{ticker}/{self._count[user, ticker]}".encode()).digest()
        # Shaped like a native segwit address, and like the 8 random bytes a Sputnik names as a payment reference.
        coin = "bc1q" + "".join(_BECH32[byte % 32] for byte in digest[:32]) + "sandbx"
        text = coin if self._is_coin(ticker) else base64.b64encode(digest[:8]).decode()
        self._addresses[text] = Address(text, user, ticker)
        self._current[user, ticker] = text
        return text

    def addresses(self, user: str, ticker: str) -> list[Address]:
        """All of a user's addresses for ``ticker``, oldest first."""
        return [address for address in self._addresses.values() if (address.user, address.ticker) == (user, ticker)]

    def owner(self, address: str) -> Address | None:
        """Whose address it is; None if it is not of this venue."""
        return self._addresses.get(address)

    def deposit(self, user: str, ticker: str, amount: Decimal, address: str, transaction_id: str) -> Deposit:
        """Credit money that arrived.

        :raises VenueRefused: (TICKER, USER, AMOUNT).
        """
        self._check(user, ticker, amount)
        number = len(self.deposits) + 1
        deposit = Deposit(number, user, ticker, amount, address, transaction_id, self._timestamp())
        self.deposits.append(deposit)
        self._post(user, ticker, amount, "Deposit", address, reference=f"deposit:{number}")
        return deposit

    def withdraw(self, user: str, ticker: str, amount: Decimal, address: str) -> Withdrawal:
        """Ask for a withdrawal: ``amount`` leaves the balance now, its fee stays here, the rest waits as PENDING.

        :raises VenueRefused: (TICKER, USER, AMOUNT, TOO_SMALL, FUNDS); nothing is changed then. Never safe to repeat.
        """
        self._check(user, ticker, amount)
        fee = self._rules.withdrawal_fees.get(ticker, WithdrawalFee()).of(amount, self._rules.currencies[ticker])
        if fee >= amount:
            raise VenueRefused(Reason.TOO_SMALL, f"fee {fee}")
        if amount > self._accounts.available(user, ticker):
            raise VenueRefused(Reason.FUNDS, ticker)
        number = len(self.withdrawals) + 1
        withdrawal = Withdrawal(number, user, ticker, amount, fee, address, WithdrawalState.PENDING, self._timestamp())
        self.withdrawals[number] = withdrawal
        self._accounts.set_aside(ticker, withdrawal.net)
        self._post(user, ticker, -withdrawal.net, "Withdrawal", address, fee=fee, reference=f"withdrawal:{number}")
        self._tell(WithdrawalChanged(withdrawal))
        return withdrawal

    def send(self, withdrawal_id: int, transaction_id: str) -> Withdrawal:
        """Let a PENDING withdrawal go: what it carries is no longer here.

        :raises VenueRefused: (WITHDRAWAL) if it is not PENDING.
        """
        withdrawal = self._in_state(withdrawal_id, WithdrawalState.PENDING)
        self._accounts.set_aside(withdrawal.ticker, -withdrawal.net)
        return self._move(evolve(withdrawal, state=WithdrawalState.SENT, transaction_id=transaction_id))

    def arrived(self, withdrawal_id: int) -> Withdrawal:
        """Note that a SENT withdrawal has arrived."""
        return self._move(evolve(self._in_state(withdrawal_id, WithdrawalState.SENT), state=WithdrawalState.DONE))

    def cancel(self, withdrawal_id: int, by: str = "admin") -> Withdrawal:
        """Give a PENDING withdrawal back, as a posting of kind Transfer; its fee too, where the rules say so.

        :raises VenueRefused: (WITHDRAWAL) if it is not PENDING.
        """
        withdrawal = self._in_state(withdrawal_id, WithdrawalState.PENDING)
        returned_fee = withdrawal.fee if self._rules.returns_fee else ZERO
        self._accounts.set_aside(withdrawal.ticker, -withdrawal.net)
        self._accounts.keep_fee(withdrawal.ticker, -returned_fee)
        note, reference = f"{withdrawal.address}: cancel ({by})", f"withdrawal:{withdrawal_id}"
        back = withdrawal.net + returned_fee
        self._post(withdrawal.user, withdrawal.ticker, back, "Transfer", withdrawal.address, note=note, reference=reference)
        return self._move(evolve(withdrawal, state=WithdrawalState.CANCELLED))

    def _check(self, user: str, ticker: str, amount: Decimal | None = None) -> None:
        self._accounts.of(user)
        unit = self._rules.currencies.get(ticker)
        if unit is None:
            raise VenueRefused(Reason.TICKER, ticker)
        if amount is not None and (amount <= 0 or amount % unit):
            raise VenueRefused(Reason.AMOUNT, f"{amount} {ticker}")

    def _in_state(self, withdrawal_id: int, state: WithdrawalState) -> Withdrawal:
        withdrawal = self.withdrawals.get(withdrawal_id)
        if withdrawal is None or withdrawal.state is not state:
            raise VenueRefused(Reason.WITHDRAWAL, str(withdrawal_id))
        return withdrawal

    def _move(self, withdrawal: Withdrawal) -> Withdrawal:
        self.withdrawals[withdrawal.id] = withdrawal
        self._tell(WithdrawalChanged(withdrawal))
        return withdrawal

    def _post(
        self,
        user: str,
        ticker: str,
        change: Decimal,
        kind: PostingKind,
        address: str,
        *,
        fee: Decimal = ZERO,
        note: str | None = None,
        reference: str,
    ) -> Posting:
        posting = self._accounts.post(
            user,
            ticker,
            change,
            kind,
            fee=fee,
            note=address if note is None else note,
            reference=reference,
            timestamp=self._timestamp(),
            address=address,
        )
        self._tell(Posted(posting))
        return posting
