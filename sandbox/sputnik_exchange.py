"""What Sputnik's procedures do, on the venue model: integers in, wire shapes out, refusals by the original's names.

Nothing here knows WAMP, time-outs or faults; :mod:`sandbox.sputnik_front` and :mod:`sandbox.sputnik_component` carry it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from model.order import Side
from sandbox import sputnik_shapes as shapes
from sandbox.sputnik_feeds import Feeds, Pace
from sandbox.sputnik_schema import (
    Parameter,
    Procedure,
    is_anything,
    is_integer,
    is_order,
    is_period,
    is_text,
    is_texts,
    optional,
)
from sandbox.sputnik_units import CashPair, Units
from sandbox.trading import Posting, Reason, VenueRefused
from sandbox.venue import Venue

_HOUR, _DAY = shapes.PERIODS["hour"], shapes.PERIODS["day"]
_GENERIC = "exceptions/sputnik/generic_exception"
_BAD_ORDER = "exceptions/accountant/invalid_price_quantity"

#: The original's name for each refusal of the venue model; whatever is not here was "generic" there too.
_NAMES = {
    Reason.FUNDS: "exceptions/accountant/insufficient_margin",
    Reason.SIZE: _BAD_ORDER,
    Reason.MINIMUM: _BAD_ORDER,
    Reason.PRICE: _BAD_ORDER,
    Reason.UNKNOWN_ORDER: "exceptions/accountant/no_order_found",
    Reason.NOT_YOURS: "exceptions/accountant/user_order_mismatch",
    Reason.CLOSED: "exceptions/accountant/order_cancelled",
    Reason.AMOUNT: "exceptions/accountant/invalid_currency_quantity",
    Reason.TOO_SMALL: "exceptions/accountant/withdrawal_too_small",
    Reason.USER: "exceptions/accountant/no_such_user",
}

_BANK = "<p>Please make a bank transfer to the exchange</p>\n<p>And reference the address in the memo field</p>"
_COIN = "<p>Please deposit your crypto-currency to the below address</p>"


class Failed(Exception):
    """The procedure refuses; ``error`` is what the reply carries: a name, then details."""

    def __init__(self, *error: str) -> None:
        super().__init__(*error)
        self.error = list(error)


def failed_as(refusal: VenueRefused) -> Failed:
    """A refusal of the venue model in the original's words."""
    return Failed(_NAMES.get(refusal.reason, _GENERIC))


class SputnikExchange:
    """The procedures of one exchange.

    :param login_only: users who may log in and look, but neither trade nor withdraw, as new accounts are.
    :ivar procedures: by URI.
    """

    def __init__(self, venue: Venue, units: Units, feeds: Feeds, pace: Pace, login_only: Collection[str] = ()) -> None:
        self._venue = venue
        self._units = units
        self._feeds = feeds
        self._login_only = login_only
        self._commit = int(pace.commit * 1_000_000)
        self._cancelled_too_late: set[int] = set()
        contract, start, end = Parameter("contract", is_text), optional("start_ts", is_integer), optional("end_ts", is_integer)
        period = Parameter("period", is_period)
        withdrawal = (contract, Parameter("amount", is_integer), Parameter("address", is_text), optional("totp", is_anything))
        self.procedures: Mapping[str, Procedure] = {
            "rpc.market.get_markets": Procedure(self._get_markets),
            "rpc.market.get_order_book": Procedure(self._get_order_book, [contract]),
            "rpc.market.get_trade_history": Procedure(self._get_trade_history, [contract, start, end]),
            "rpc.market.get_ohlcv_history": Procedure(self._get_ohlcv_history, [contract, period, start, end]),
            "rpc.market.get_safe_prices": Procedure(self._get_safe_prices, [optional("tickers", is_texts)]),
            "rpc.info.get_exchange_info": Procedure(self._get_exchange_info),
            "rpc.trader.place_order": Procedure(self._place_order, [Parameter("order", is_order)], answer=pace.answer),
            "rpc.trader.cancel_order": Procedure(
                self._cancel_order, [Parameter("id", is_integer)], lag=pace.cancel, answer=pace.cancelled
            ),
            "rpc.trader.get_open_orders": Procedure(self._get_open_orders),
            "rpc.trader.get_positions": Procedure(self._get_positions),
            "rpc.trader.get_transaction_history": Procedure(self._get_transaction_history, [start, end]),
            "rpc.trader.get_new_address": Procedure(self._get_new_address, [contract]),
            "rpc.trader.get_current_address": Procedure(self._get_current_address, [contract]),
            "rpc.trader.get_deposit_instructions": Procedure(self._get_deposit_instructions, [contract]),
            "rpc.trader.request_withdrawal": Procedure(self._request_withdrawal, withdrawal, answer=pace.answer),
            "rpc.trader.get_permissions": Procedure(self._get_permissions),
        }

    def _get_markets(self, _user: str) -> shapes.Shape:
        cash = {ticker: shapes.cash_contract(cash) for ticker, cash in self._units.cash.items()}
        return cash | {contract: shapes.pair_contract(pair) for contract, pair in self._units.pairs.items()}

    def _get_order_book(self, _user: str, contract: str) -> shapes.Shape:
        if contract in self._units.cash:
            return shapes.empty_book(contract)
        if contract not in self._units.pairs:
            raise Failed("exceptions/webserver/no-such-ticker", contract)
        return self._feeds.books[contract]

    def _get_trade_history(self, _user: str, contract: str, start: int | None, end: int | None) -> list[shapes.Shape]:
        pair, (start, end) = self._pair(contract), self._span(start, end, _HOUR)
        trades = self._venue.trades(contract)
        return [shapes.trade(pair, trade, trade.timestamp) for trade in trades if start <= trade.timestamp <= end]

    def _get_ohlcv_history(
        self, _user: str, contract: str, period: str, start: int | None, end: int | None
    ) -> dict[str, shapes.Shape]:
        pair, (start, end) = self._pair(contract), self._span(start, end, 60 * _DAY)
        seconds = shapes.PERIODS[period] // 1_000_000
        bars = self._venue.histories[contract].bars(seconds, start // 1_000_000, end // 1_000_000 + 1)
        found = [shapes.ohlcv(pair, bar, period) for bar in bars]
        # JSON has no integer keys.
        return {str(shape["open_timestamp"]): shape for shape in found}

    def _get_safe_prices(self, _user: str, tickers: list[str] | None) -> dict[str, int]:
        known = self._feeds.safe_prices
        if tickers is None:
            return dict(known)
        if any(ticker not in known for ticker in tickers):
            raise Failed(_GENERIC)
        return {ticker: known[ticker] for ticker in tickers}

    def _get_exchange_info(self, _user: str) -> dict[str, str]:
        return {
            "exchange_name": "Sandbox",
            "corporate_name": "Sandbox",
            "corporate_url": "http://sandbox.invalid",
            "support_email": "support@sandbox.invalid",
            "exchange_rss_feed": "",
            "google_analytics": "",
            "restrict_full_ui": "false",
        }

    def _place_order(self, user: str, order: Mapping[str, Any]) -> int:
        contract, price, quantity = order["contract"], order["price"], order["quantity"]
        if price == 0 or quantity == 0:
            raise Failed("exceptions/webserver/invalid_price_quantity")
        if contract in self._units.cash:
            raise Failed("exceptions/accountant/invalid_contract_type")
        pair = self._pair(contract)
        if user in self._login_only:
            raise Failed("exceptions/accountant/trade_not_permitted")
        amount, limit = pair.payout.from_wire(quantity), pair.price_from_wire(price)
        return self._venue.place(user, contract, Side(order["side"]), amount, limit).id

    def _cancel_order(self, user: str, order_id: int) -> bool:
        try:
            self._venue.cancel(user, order_id)
        except VenueRefused as refusal:
            if refusal.reason is not Reason.CLOSED:
                raise
        else:
            return True
        order = self._venue.order(user, order_id)
        if order.is_cancelled or order_id in self._cancelled_too_late:
            raise Failed(_NAMES[Reason.CLOSED])
        # A filled order is "cancelled" all the same: the accountant notes it, and only the engine knows better.
        self._cancelled_too_late.add(order_id)
        self._feeds.cancelled_too_late(order)
        return False

    def _get_open_orders(self, user: str) -> dict[str, shapes.Shape]:
        orders = self._venue.open_orders(user)
        return {str(order.id): shapes.order(self._units.pairs[order.contract], order) for order in orders}

    def _get_positions(self, user: str) -> dict[str, shapes.Shape]:
        balances = self._venue.accounts.of(user).balances
        return {
            ticker: shapes.position(cash, balances[ticker]) for ticker, cash in self._units.cash.items() if ticker in balances
        }

    def _get_transaction_history(self, user: str, start: int | None, end: int | None) -> list[shapes.Shape]:
        rows: list[shapes.Shape] = []
        previous: Posting | None = None
        start, end = self._span(start, end, 30 * _DAY)
        for posting in self._venue.postings(user, start - self._commit, end - self._commit):
            # A trade is two postings; its fee belongs to the first, the one in the denominated currency.
            is_second = previous is not None and posting.kind == "Trade" and previous.reference == posting.reference
            has_fee = posting.kind != "Transfer" and not is_second
            rows += shapes.history_postings(self._units, posting, has_fee=has_fee, commit=self._commit)
            previous = posting
        return rows

    def _get_new_address(self, user: str, contract: str) -> str:
        return self._venue.funding.new_address(user, contract)

    def _get_current_address(self, user: str, contract: str) -> str:
        return self._venue.funding.current_address(user, contract)

    def _get_deposit_instructions(self, _user: str, contract: str) -> str:
        if contract not in self._units.cash:
            raise Failed(_GENERIC)
        return _COIN if contract == "BTC" else _BANK

    def _request_withdrawal(self, user: str, contract: str, amount: int, address: str, totp: object) -> bool:
        # Even an account without a one-time password must send a string; the original broke on anything else.
        if not isinstance(totp, str) or contract not in self._units.cash:
            raise Failed(_GENERIC)
        if amount <= 0:
            raise Failed("exceptions/webserver/invalid-withdrawal-amount")
        if user in self._login_only:
            raise Failed("exceptions/accountant/withdraw_not_permitted")
        cash = self._units.cash[contract]
        if amount % cash.lot:
            raise Failed(_NAMES[Reason.AMOUNT])
        self._venue.funding.withdraw(user, contract, cash.from_wire(amount), address)
        return True

    def _get_permissions(self, user: str) -> shapes.Shape:
        may = user not in self._login_only
        name = "Full" if may else "Default"
        return {"name": name, "login": True, "deposit": may, "withdraw": may, "trade": may, "full_ui": False}

    def _pair(self, contract: str) -> CashPair:
        try:
            return self._units.pairs[contract]
        except KeyError:
            raise Failed(_GENERIC) from None

    def _span(self, start: int | None, end: int | None, length: int) -> tuple[int, int]:
        end = self._venue.timestamp() if end is None else end
        return (end - length if start is None else start), end
