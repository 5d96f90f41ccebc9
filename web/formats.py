"""How a number, an age or a moment is written for a person."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from markupsafe import Markup

from model.book import Book
from model.money import EXACT, plain

#: What stands where a value is not known: never a zero, never a blank that could be a rendering fault.
UNKNOWN = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_DECIMALS_OF_COINS = 8


def number(value: Decimal | None, places: int = 2) -> str:
    """Rounded half-even to ``places``, thousands separated; only what is shown is rounded, never what is traded."""
    if value is None:
        return UNKNOWN
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN, context=EXACT)
    return f"{rounded.copy_abs():,f}" if rounded >= 0 or rounded == 0 else f"{_MINUS}{rounded.copy_abs():,f}"


def signed(value: Decimal | None, places: int = 2) -> str:
    """As :func:`number`, with a plus sign where there is something to add."""
    text = number(value, places)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.,") else text


def exact(value: Decimal | None) -> str:
    """Every digit: what stands in a tooltip, and in fields."""
    return UNKNOWN if value is None else plain(value)


def cell(value: Decimal | None, places: int = 2, unit: str = "", *, sign: bool = False, tone: str = "") -> Markup:
    """A number for a table: rounded for the eye, exact in the tooltip, its unit beside it."""
    text = signed(value, places) if sign else number(value, places)
    tail = Markup(' <span class="unit">{}</span>').format(unit) if unit else Markup("")
    return Markup('<data class="{}" value="{}" title="{}">{}</data>{}').format(
        f"num {tone}".strip(), "" if value is None else plain(value), f"{exact(value)} {unit}".strip(), text, tail
    )


def gain(value: Decimal | None, places: int = 2, unit: str = "") -> Markup:
    """As :func:`cell`, signed, and coloured by whether more is better."""
    tone = "" if not value else "gain" if value > 0 else "loss"
    return cell(value, places, unit, sign=True, tone=tone)


def places_of(ticker: str, btc: str) -> int:
    """Decimals to show for an amount of ``ticker``: coins to the satoshi, cash to the cent."""
    return _DECIMALS_OF_COINS if ticker == btc else 2


def price_places(book: Book | None) -> int:
    """Decimals that the prices of ``book`` really use near the top; a whole-number market shows none."""
    if book is None:
        return 2
    prices = [level.price for level in (*book.bids[:5], *book.asks[:5])]
    return min(8, max((len(plain(price).partition(".")[2]) for price in prices), default=2))


def share(value: Decimal | None, places: int = 2) -> str:
    """A share as per cent, signed."""
    return UNKNOWN if value is None else f"{signed(value * 100, places)} %"


def seconds(value: Decimal | None) -> str:
    """An age or limit: the two largest units that matter."""
    if value is None:
        return "never"
    if value < 120:
        return f"{number(value, 1 if value < 60 else 0)} s"
    minutes = int(value // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 72 else f"{hours // 24} d"


def moment(microseconds: int | None) -> Markup:
    """A time as UTC, that the page's script turns into the viewer's zone with UTC kept in the tooltip."""
    if not microseconds:
        return Markup('<span class="unknown">{}</span>').format(UNKNOWN)
    at = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}Z"
    text = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, text, text)
