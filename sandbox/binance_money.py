"""Binance's signed REST calls about money: balances, coins, deposits, withdrawals.

The real venue moves money of states by bank, with calls of their own; here it travels like a coin, by a network called BANK.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from model.money import ZERO
from sandbox.binance_public import Fields, PublicCalls, amount, whole
from sandbox.binance_words import BinanceError, eight, milliseconds, missing
from sandbox.network import World
from sandbox.trading import Deposit, Reason, VenueRefused, Withdrawal, WithdrawalFee, WithdrawalState
from sandbox.venue import Venue

_PAGE, _LONGEST = 1_000, 90 * 86_400_000
_STATES = {
    WithdrawalState.PENDING: 2,
    WithdrawalState.SENT: 4,
    WithdrawalState.DONE: 6,
    WithdrawalState.CANCELLED: 1,
}

Funded = TypeVar("Funded", Deposit, Withdrawal)


class MoneyCalls:
    """Balances and funding of ``venue``; ``world`` knows which addresses exist elsewhere."""

    def __init__(self, venue: Venue, public: PublicCalls, world: World) -> None:
        self._venue = venue
        self._public = public
        self._world = world
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "GET /api/v3/account": self._account,
            "GET /sapi/v1/asset/tradeFee": self._trade_fee,
            "GET /sapi/v1/capital/config/getall": self._coins,
            "GET /sapi/v1/capital/deposit/address": self._deposit_address,
            "GET /sapi/v1/capital/deposit/hisrec": self._deposits,
            "GET /sapi/v1/capital/withdraw/history": self._withdrawals,
            "POST /sapi/v1/capital/withdraw/apply": self._withdraw,
            # Asked for by who wants to know which markets have margin: none has.
            **{f"GET /sapi/v1/margin/{kind}": lambda _user, _fields: [] for kind in ("allPairs", "isolated/allPairs")},
        }

    # -- balances ---------------------------------------------------------------------------------------------------------

    def _account(self, user: str, fields: Fields) -> Any:
        fees, accounts = self._venue.rules.fees, self._venue.accounts
        rates = {"maker": eight(fees.maker), "taker": eight(fees.taker), "buyer": eight(ZERO), "seller": eight(ZERO)}
        tickers = self._venue.rules.currencies
        if fields.get("omitZeroBalances") == "true":
            tickers = {ticker: unit for ticker, unit in tickers.items() if accounts.balance(user, ticker)}
        return {
            "makerCommission": int(fees.maker * 10_000),
            "takerCommission": int(fees.taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": milliseconds(self._venue.timestamp()),
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": ticker,
                    "free": eight(accounts.available(user, ticker)),
                    "locked": eight(accounts.held(user, ticker)),
                }
                for ticker in tickers
            ],
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def _trade_fee(self, _user: str, fields: Fields) -> Any:
        fees = self._venue.rules.fees
        symbols = [fields["symbol"]] if fields.get("symbol") else list(self._public.symbols)
        rates = {"makerCommission": eight(fees.maker), "takerCommission": eight(fees.taker)}
        return [{"symbol": symbol, **rates} for symbol in symbols if self._public.contract({"symbol": symbol})]

    def _coins(self, user: str, _fields: Fields) -> Any:
        return [self._coin(user, ticker) for ticker in self._venue.rules.currencies]

    def _coin(self, user: str, ticker: str) -> dict[str, Any]:
        accounts, unit = self._venue.accounts, self._venue.rules.currencies[ticker]
        fee = self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed
        network = {
            "network": self._network(ticker),
            "coin": ticker,
            "name": self._network(ticker),
            "isDefault": True,
            "depositEnable": True,
            "withdrawEnable": True,
            "withdrawFee": eight(fee),
            "withdrawMin": eight(fee + unit),
            "withdrawMax": eight(Decimal(9_999_999)),
            "withdrawIntegerMultiple": eight(unit),
            "addressRegex": "",
            "memoRegex": "",
            "minConfirm": 1,
            "unLockConfirm": 0,
            "sameAddress": False,
        }
        return {
            "coin": ticker,
            "name": ticker,
            "depositAllEnable": True,
            "withdrawAllEnable": True,
            "trading": True,
            "isLegalMoney": ticker not in self._world.routes.coins,
            "free": eight(accounts.available(user, ticker)),
            "locked": eight(accounts.held(user, ticker)),
            "freeze": eight(ZERO),
            "withdrawing": eight(ZERO),
            "networkList": [network],
        }

    # -- deposits and withdrawals -------------------------------------------------------------------------------------------

    def _deposit_address(self, user: str, fields: Fields) -> Any:
        ticker = self._ticker(fields)
        return {"coin": ticker, "address": self._venue.funding.current_address(user, ticker), "tag": "", "url": ""}

    def _deposits(self, user: str, fields: Fields) -> Any:
        deposits = [each for each in self._venue.funding.deposits if each.user == user]
        return [self._deposit(each) for each in self._page(deposits, fields)]

    def _deposit(self, deposit: Deposit) -> dict[str, Any]:
        moment = milliseconds(deposit.timestamp)
        return {
            "id": f"{deposit.id:018d}",
            "amount": eight(deposit.amount),
            "coin": deposit.ticker,
            "network": self._network(deposit.ticker),
            "status": 1,
            "address": deposit.address,
            "addressTag": "",
            "txId": deposit.transaction_id,
            "insertTime": moment,
            "completeTime": moment,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 0,
            "walletType": 0,
        }

    def _withdrawals(self, user: str, fields: Fields) -> Any:
        withdrawals = [each for each in self._venue.funding.withdrawals.values() if each.user == user]
        return [self._withdrawal(each) for each in self._page(withdrawals, fields)]

    def _withdrawal(self, withdrawal: Withdrawal) -> dict[str, Any]:
        shape = {
            "id": f"{withdrawal.id:032x}",
            "amount": eight(withdrawal.net),
            "transactionFee": eight(withdrawal.fee),
            "coin": withdrawal.ticker,
            "status": _STATES[withdrawal.state],
            "address": withdrawal.address,
            "txId": withdrawal.transaction_id or "",
            "applyTime": _text(withdrawal.timestamp),
            "network": self._network(withdrawal.ticker),
            "transferType": 0,
            "info": "",
            "confirmNo": 1,
            "walletType": 0,
            "txKey": "",
        }
        back = f"withdrawal:{withdrawal.id}"
        returned = [post for post in self._venue.postings(withdrawal.user) if post.reference == back and post.kind == "Transfer"]
        return shape | ({"completeTime": _text(returned[0].timestamp)} if returned else {})

    def _withdraw(self, user: str, fields: Fields) -> Any:
        ticker, quantity, address = self._ticker(fields), amount(fields, "amount"), fields.get("address")
        if not address:
            raise missing("address")
        if fields.get("network") not in (None, "", self._network(ticker)):
            raise BinanceError(-4025, "This network does not exist for the asset.")
        stored = self._world.stored_addresses(self._venue.name, user, ticker)
        if address not in {each.address for each in stored}:
            raise BinanceError(-4035, "This address is not on the whitelist.")
        try:
            withdrawal = self._venue.funding.withdraw(user, ticker, quantity, address)
        except VenueRefused as refusal:
            if refusal.reason is Reason.FUNDS:
                raise BinanceError(-4026, "User has insufficient balance.") from None
            raise
        return {"id": f"{withdrawal.id:032x}"}

    # -- words ----------------------------------------------------------------------------------------------------------------

    def _page(self, entries: Iterable[Funded], fields: Fields) -> list[Funded]:
        """Newest first, by ``coin``, ``startTime`` and ``endTime``, ``limit`` from ``offset`` on."""
        start, end = whole(fields, "startTime", 0), whole(fields, "endTime", 2**63)
        if fields.get("startTime") and fields.get("endTime") and end - start > _LONGEST:
            raise BinanceError(-1100, "The interval between startTime and endTime is more than 90 days.")
        found = [
            each
            for each in entries
            if start <= milliseconds(each.timestamp) <= end and fields.get("coin") in (None, "", each.ticker)
        ]
        offset, limit = whole(fields, "offset", 0), min(whole(fields, "limit", _PAGE), _PAGE)
        return found[::-1][offset : offset + limit]

    def _ticker(self, fields: Fields) -> str:
        ticker = fields.get("coin")
        if not ticker:
            raise missing("coin")
        if ticker not in self._venue.rules.currencies:
            raise VenueRefused(Reason.TICKER, ticker)
        return ticker

    def _network(self, ticker: str) -> str:
        return ticker if ticker in self._world.routes.coins else "BANK"


def _text(timestamp: int) -> str:
    """Microseconds as the wallet writes times: whole seconds, UTC."""
    return datetime.fromtimestamp(timestamp // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
