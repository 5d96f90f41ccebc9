"""Bitfinex's way of spelling: symbols, numbers, ids, errors, the book's checksum. Sources: research/wire.md section 3 and its
fixtures."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from model.instrument import Instrument
from model.money import ceil_to, floor_to, plain
from model.order import Side
from sandbox.front import WireError
from sandbox.trading import Reason, VenueOrder, VenueRefused

#: Its own codes of some currencies, and what it calls them where it shows them to people.
_CODES = {"USDT": "UST", "USDC": "UDC", "DASH": "DSH"}
_SHOWN = {"UST": "USDt", "UDC": "UDC", "DSH": "DASH"}
#: Digits of a price that are kept.
_DIGITS = 5
#: Levels that the checksum covers.
_CHECKED = 25
#: Ids are long: nobody should take them for counters.
_FIRST_ORDER, _FIRST_TRADE, _FIRST_MOVEMENT = 150_000_000_000, 1_300_000_000, 13_000_000
GENERIC, PARAMETERS, KEY, NONCE, LIMIT = 10001, 10020, 10100, 10114, 11010

#: Code and text of each refusal that has the same one whatever was asked.
_REFUSALS: Mapping[Reason, tuple[int, str]] = {
    Reason.CONTRACT: (PARAMETERS, "symbol: invalid"),
    Reason.TICKER: (PARAMETERS, "currency: invalid"),
    Reason.FUNDS: (GENERIC, "Invalid withdrawal: available balance is only less than that"),
    Reason.SIZE: (PARAMETERS, "amount: invalid"),
    Reason.PRICE: (PARAMETERS, "price: invalid"),
    Reason.UNKNOWN_ORDER: (GENERIC, "Order not found."),
    Reason.NOT_YOURS: (GENERIC, "Order not found."),
    Reason.CLOSED: (GENERIC, "Order not found."),
    Reason.AMOUNT: (PARAMETERS, "amount: invalid"),
    Reason.TOO_SMALL: (GENERIC, "Invalid withdrawal: minimum size is not reached"),
    Reason.WITHDRAWAL: (PARAMETERS, "id: invalid"),
    Reason.USER: (KEY, "apikey: invalid"),
}


class BitfinexError(WireError):
    """``code`` and ``text`` of the answer; ``status``: HTTP's, which is 500 for all that Bitfinex refuses in words."""

    def __init__(self, code: int, text: str, status: int = 500) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.status = status

    @classmethod
    def of(cls, refusal: VenueRefused) -> "BitfinexError":
        """What Bitfinex calls it."""
        return cls(*_REFUSALS.get(refusal.reason, (GENERIC, f"Invalid request: {refusal.reason.value}")))

    @classmethod
    def described(cls, text: str) -> "BitfinexError":
        """``10001 Order not found.``: as a fault describes it; without a text an error that says nothing."""
        code, _, words = (text or "10000 unknown error").partition(" ")
        return cls(int(code), words)

    def shape(self) -> list[object]:
        """The answer."""
        return ["error", self.code, self.text]


def code_of(ticker: str) -> str:
    """``BTC`` -> ``BTC``, ``USDT`` -> ``UST``."""
    return _CODES.get(ticker, ticker)


def shown(code: str) -> str | None:
    """What people see instead of a code; None if it is the code itself."""
    return _SHOWN.get(code)


def pair_of(instrument: Instrument) -> str:
    """``BTCUSD``; with a colon where a code is longer than three letters: ``DOGE:USD``."""
    codes = code_of(instrument.base), code_of(instrument.quote)
    return (":" if any(len(code) > 3 for code in codes) else "").join(codes)


def symbol_of(instrument: Instrument) -> str:
    """``tBTCUSD``."""
    return "t" + pair_of(instrument)


def order_number(order_id: int) -> int:
    """A venue's order id as Bitfinex spells it."""
    return _FIRST_ORDER + order_id


def order_of(number: int) -> int:
    """The order id that :func:`order_number` spelled."""
    return number - _FIRST_ORDER


def trade_number(fill_id: int) -> int:
    """A fill's id as Bitfinex spells it."""
    return _FIRST_TRADE + fill_id


def movement_number(withdrawal_or_deposit: int, *, is_deposit: bool) -> int:
    """Deposits and withdrawals are numbered together."""
    return _FIRST_MOVEMENT + 2 * withdrawal_or_deposit + is_deposit


def milliseconds(timestamp: int) -> int:
    """Microseconds as Bitfinex's milliseconds."""
    return timestamp // 1000


def grouped(price: Decimal, side: Side) -> Decimal:
    """A price as the book of precision P0 shows it: five digits, away from the other side."""
    step = Decimal(1).scaleb(price.adjusted() - _DIGITS + 1)
    return floor_to(price, step) if side is Side.BUY else ceil_to(price, step)


def kept(price: Decimal) -> Decimal:
    """A price as an order keeps it: what has more than five digits is rounded, and nobody is told."""
    return price.quantize(Decimal(1).scaleb(price.adjusted() - _DIGITS + 1)) if price else price


def order_refusal(refusal: VenueRefused, instrument: Instrument, amount: Decimal, price: Decimal | None) -> BitfinexError:
    """Why an order was not taken."""
    if refusal.reason is Reason.FUNDS:
        words = f"not enough exchange balance for {plain(amount)} {pair_of(instrument)} at {plain(price or Decimal(0))}"
    elif refusal.reason is Reason.MINIMUM:
        words = f"minimum size for {pair_of(instrument)} is {plain(instrument.min_quantity)}"
    else:
        return BitfinexError.of(refusal)
    return BitfinexError(GENERIC, f"Invalid order: {words}")


def client_numbers(order_client_id: str | None) -> tuple[int | None, int | None]:
    """Group id and client id of what :func:`client_name` made."""
    if order_client_id is None or order_client_id.count("/") != 2:
        return None, None
    group, client, _ = order_client_id.split("/")
    return (int(group) if group else None), int(client)


def client_name(group: int | None, client: int, count: int) -> str:
    """Both numbers as the venue keeps them; ``count`` lets the same be used twice, as Bitfinex does."""
    return f"{'' if group is None else group}/{client}/{count}"


def status_of(order: VenueOrder) -> str:
    """How an order stands, in Bitfinex's words."""
    traded = f"{spelled(order.price or Decimal(0))}({spelled(order.side.sign * order.filled)})"
    if order.is_cancelled:
        kinds = {"User requested": "CANCELED", "Post only order": "POSTONLY CANCELED"}
        word = kinds.get(order.reason, "IOC CANCELED" if order.immediate else "CANCELED")
        return f"{word} was: PARTIALLY FILLED @ {traded}" if order.filled else word
    if not order.filled:
        return "ACTIVE"
    return f"{'PARTIALLY FILLED' if order.quantity_left else 'EXECUTED'} @ {traded}"


def spelled(value: Decimal) -> str:
    """A number as JavaScript prints it: no trailing zeros, and an exponent below a millionth."""
    if not value:
        return "0"
    if -7 < value.adjusted() < 21:
        return plain(value)
    digits = "".join(map(str, value.normalize().as_tuple().digits))
    rest = f".{digits[1:]}" if digits[1:] else ""
    return f"{'-' if value < 0 else ''}{digits[0]}{rest}e{value.adjusted():+d}"


def dumps(value: Any) -> str:
    """JSON whose numbers keep their digits."""
    if isinstance(value, Decimal):
        return spelled(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


def book_checksum(bids: Sequence[tuple[Decimal, Decimal]], asks: Sequence[tuple[Decimal, Decimal]]) -> int:
    """Signed CRC32 of the best 25 (price, quantity) of both sides, taken in turns; what is offered for sale is negative."""
    parts: list[str] = []
    for index in range(_CHECKED):
        for side, sign in ((bids, 1), (asks, -1)):
            if index < len(side):
                price, quantity = side[index]
                parts += [spelled(price), spelled(sign * quantity)]
    found = zlib.crc32(":".join(parts).encode())
    return found - 2**32 if found >= 2**31 else found


def notification(kind: str, data: object, text: str, now: Callable[[], int], status: str = "SUCCESS") -> list[object]:
    """What calls that change something answer; ``now``: microseconds."""
    return [milliseconds(now()), kind, None, None, data, None, status, text]
