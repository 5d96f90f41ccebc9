"""Kraken's way of spelling: symbols, ids, numbers, error texts. Sources: research/wire.md section 1 and its fixtures."""

import json
import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import frozen

from model.instrument import Instrument
from sandbox.front import WireError
from sandbox.trading import Reason, VenueRefused

#: Assets old enough to have a prefix, and Bitcoin's own name.
_LEGACY = {"BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC"} | {fiat: f"Z{fiat}" for fiat in ("USD", "EUR", "GBP", "CAD", "JPY")}
_ALTNAMES = {"BTC": "XBT"}

#: 32 letters without the ones that are easily mistaken.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#: Odd, so that multiplying by it modulo a power of two can be undone: neighbouring numbers get ids that look unrelated.
_SCRAMBLE = 0x9E37_79B9_7F4A_7C15_F39D
_MODULUS = 32**16
_UNSCRAMBLE = pow(_SCRAMBLE, -1, _MODULUS)

ERROR_TEXTS: Mapping[Reason, str] = {
    Reason.CONTRACT: "EQuery:Unknown asset pair",
    Reason.TICKER: "EQuery:Unknown asset",
    Reason.FUNDS: "EOrder:Insufficient funds",
    Reason.SIZE: "EGeneral:Invalid arguments:volume",
    Reason.MINIMUM: "EOrder:Order minimum not met",
    Reason.PRICE: "EOrder:Invalid price:Invalid price argument",
    Reason.WOULD_CROSS: "EOrder:Post only order",
    Reason.CLIENT_ID: "EGeneral:Invalid arguments:cl_ord_id",
    Reason.UNKNOWN_ORDER: "EOrder:Unknown order",
    Reason.NOT_YOURS: "EOrder:Unknown order",
    Reason.CLOSED: "EOrder:Unknown order",
    Reason.AMOUNT: "EFunding:Invalid amount",
    Reason.TOO_SMALL: "EFunding:Invalid amount",
    Reason.WITHDRAWAL: "EFunding:Unknown reference id",
    Reason.USER: "EAPI:Invalid key",
}


class KrakenError(WireError):
    """``text`` is what goes into the answer's error list, with HTTP's 200."""

    status = 200

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @classmethod
    def of(cls, refusal: VenueRefused) -> "KrakenError":
        """What Kraken calls it."""
        return cls(error_text(refusal))

    @classmethod
    def described(cls, text: str) -> "KrakenError":
        """``EService:Busy``; without a text a common trouble."""
        return cls(text or "EService:Unavailable")

    def shape(self) -> dict[str, list[str]]:
        """The answer."""
        return {"error": [self.text]}


def error_text(refusal: VenueRefused) -> str:
    """What Kraken calls it."""
    return ERROR_TEXTS[refusal.reason]


def asset_id(ticker: str) -> str:
    """``BTC`` -> ``XXBT``, ``USD`` -> ``ZUSD``, ``SOL`` -> ``SOL``."""
    return _LEGACY.get(ticker, ticker)


def altname(ticker: str) -> str:
    """``BTC`` -> ``XBT``; others keep their name."""
    return _ALTNAMES.get(ticker, ticker)


@frozen
class Pair:
    """One contract under Kraken's four names, and how its numbers are printed."""

    instrument: Instrument

    @property
    def id(self) -> str:
        """``XXBTZUSD``: keys of answers, TradesHistory."""
        return asset_id(self.instrument.base) + asset_id(self.instrument.quote)

    @property
    def altname(self) -> str:
        """``XBTUSD``: ``descr.pair``."""
        return altname(self.instrument.base) + altname(self.instrument.quote)

    @property
    def wsname(self) -> str:
        """``XBT/USD``: WebSocket v1."""
        return f"{altname(self.instrument.base)}/{altname(self.instrument.quote)}"

    @property
    def symbol(self) -> str:
        """``BTC/USD``: WebSocket v2."""
        return self.instrument.contract

    @property
    def price_decimals(self) -> int:
        """Digits of a price."""
        return decimals(self.instrument.tick)

    @property
    def lot_decimals(self) -> int:
        """Digits of a volume."""
        return decimals(self.instrument.lot)

    def price(self, price: Decimal) -> str:
        """``price`` with all its digits, trailing zeros too: the checksum needs them."""
        return f"{price:.{self.price_decimals}f}"

    def volume(self, quantity: Decimal) -> str:
        """``quantity`` with all its digits."""
        return f"{quantity:.{self.lot_decimals}f}"


def decimals(step: Decimal) -> int:
    """Digits after the point of a step that is a power of ten."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def spell_id(kind: str, number: int) -> str:
    """A venue's number as Kraken would spell it: ``O`` order, ``T`` trade, ``L`` ledger entry ... ``OQ3PDR-...``."""
    scrambled = number * _SCRAMBLE % _MODULUS
    letters = "".join(_LETTERS[scrambled >> 5 * place & 31] for place in range(16))
    return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"


def read_id(kind: str, text: str) -> int | None:
    """The number that :func:`spell_id` spelled; None if it cannot be one of this kind."""
    letters = text[1:].replace("-", "")
    if text[:1] != kind or len(letters) != 16 or any(letter not in _LETTERS for letter in letters):
        return None
    scrambled = sum(_LETTERS.index(letter) << 5 * place for place, letter in enumerate(letters))
    return scrambled * _UNSCRAMBLE % _MODULUS


def seconds(timestamp: int) -> str:
    """Microseconds as Kraken's seconds with a fraction."""
    return f"{timestamp // 1_000_000}.{timestamp % 1_000_000:06d}"


def dumps(value: object) -> str:
    """JSON whose numbers keep their digits: a ``Decimal`` is written plainly, as it is."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


def book_checksum(asks: Iterable[tuple[str, str]], bids: Iterable[tuple[str, str]]) -> int:
    """CRC32 of a WebSocket v2 book: (price, quantity) texts as sent, best first; the best ten of each side count."""
    levels = [*list(asks)[:10], *list(bids)[:10]]
    digits = "".join(text.replace(".", "").lstrip("0") for level in levels for text in level)
    return zlib.crc32(digits.encode())
