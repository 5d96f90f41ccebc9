"""The keys of the ``[sandbox]`` section: what they mean, their defaults, and all that is wrong with them at once."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import field, frozen

from model.money import decimal_of
from sandbox.prices import BadCandles, Candle, read_candles


class BadOptions(ValueError):
    """``problems`` maps each key of [sandbox] that is wrong to what is wrong with it."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"[sandbox] {key}: {problem}" for key, problem in problems.items()))
        self.problems = dict(problems)


@frozen
class SandboxOptions:
    """One field per key; times in world seconds, fees as shares unless a ticker is named."""

    seed: int = 1
    speed: float = 1.0
    is_paused: bool = False
    source_front: str = "kraken"
    target_front: str = "sputnik"
    kraken_port: int = 0
    binance_port: int = 0
    coinbase_exchange_port: int = 0
    gemini_port: int = 0
    bitstamp_port: int = 0
    bitfinex_port: int = 0
    sputnik_port: int = 0
    ecb_port: int = 0
    control_port: int = 0
    price: Decimal = Decimal(65_000)
    volatility: float = 0.55
    fiat_volatility: float = 0.08
    rates: Mapping[str, Decimal] = field(factory=lambda: {"USD": Decimal("1.08"), "HUF": Decimal(400), "GBP": Decimal("0.85")})
    candles: tuple[Candle, ...] = ()
    candles_start: int = 1_440
    customers_per_day: float = 3_000.0
    trades_per_day: float = 5_000.0
    rival_spread: Decimal = Decimal("0.008")
    source_currency: str = "USD"
    source_tick: Decimal = Decimal("0.1")
    source_fees: tuple[Decimal, Decimal] = (Decimal("0.0016"), Decimal("0.0026"))
    source_balance: Mapping[str, Decimal] = field(factory=lambda: {"USD": Decimal(100_000), "BTC": Decimal("1.5")})
    source_limits: bool = False
    extra_pairs: tuple[str, ...] = ()
    target_currency: str = "HUF"
    target_tick: Decimal = Decimal(100)
    target_lot: Decimal = Decimal("0.0001")
    target_fee: Decimal = Decimal("0.001")
    target_balance: Mapping[str, Decimal] = field(factory=lambda: {"HUF": Decimal(37_000_000), "BTC": Decimal("1.5")})
    btc_fee: Decimal = Decimal("0.0001")
    btc_delay: float = 600.0
    fiat_delay: float = 3_600.0
    fiat_cost: tuple[Decimal, Decimal] = (Decimal(5), Decimal("0.001"))
    approval: float | None = 5.0


def parse_options(section: Mapping[str, str]) -> SandboxOptions:
    """Read the section; every key is optional.

    :raises BadOptions: with every problem, by key.
    """
    problems = {key: f"unknown; known are {', '.join(_KEYS)}" for key in section if key not in _KEYS}
    values: dict[str, Any] = {}
    for key, text in section.items():
        if key not in _KEYS:
            continue
        name, parse = _KEYS[key]
        try:
            values[name] = parse(text.strip())
        except (ValueError, BadCandles) as error:
            problems[key] = f"got {text!r}: {error}"
    if not problems:
        options = SandboxOptions(**values)
        problems = _disagreements(options)
        if not problems:
            return options
    raise BadOptions(problems)


def _disagreements(options: SandboxOptions) -> dict[str, str]:
    problems = {}
    unit = Decimal("0.01")
    if options.target_tick * options.target_lot % unit:
        problems["target_lot"] = f"one lot at one tick must be whole {unit} {options.target_currency}, else trades lose cents"
    if options.source_front == options.target_front:
        problems["target_front"] = f"the source is {options.source_front} already; the two must differ"
    currencies = {options.source_currency, options.target_currency, *"/".join(options.extra_pairs).split("/")} - {""}
    if missing := sorted(currencies - {"EUR", *options.rates}):
        problems["rates"] = f"no rate per euro for {', '.join(missing)}"
    balances = {"source_balance": (options.source_balance, {*currencies, "BTC"} - {options.target_currency})}
    balances["target_balance"] = (options.target_balance, {options.target_currency, "BTC"})
    for key, (balance, tickers) in balances.items():
        if strange := sorted(set(balance) - tickers):
            problems[key] = f"{', '.join(strange)} cannot be held there; allowed are {', '.join(sorted(tickers))}"
    return problems


def _number(low: float, high: float, unit: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g} ({unit}) is allowed")
        return value

    return parse


def _amount(low: str, high: str, unit: str) -> Callable[[str], Decimal]:
    def parse(text: str) -> Decimal:
        allowed = f"an amount from {low} to {high} ({unit}) is allowed"
        try:
            value = decimal_of(text)
        except ValueError:
            raise ValueError(allowed) from None
        if not Decimal(low) <= value <= Decimal(high):
            raise ValueError(allowed)
        return value

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.lstrip("-").isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high} is allowed")
        return int(text)

    return parse


def _word(**meanings: bool) -> Callable[[str], bool]:
    def parse(text: str) -> bool:
        if text not in meanings:
            raise ValueError(f"{' or '.join(meanings)} is allowed")
        return meanings[text]

    return parse


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{' or '.join(words)} is allowed")
        return text

    return parse


def _amounts(text: str) -> dict[str, Decimal]:
    amounts = {}
    for part in text.split(","):
        ticker, _, number = part.strip().partition(" ")
        amounts[ticker] = decimal_of(number.strip(), ticker)
        if not ticker.isalnum() or amounts[ticker] < 0:
            raise ValueError("a list such as USD 100000, BTC 1.5 is allowed")
    return amounts


def _pair_of(first: Callable[[str], Decimal], second: Callable[[str], Decimal]) -> Callable[[str], tuple[Decimal, Decimal]]:
    def parse(text: str) -> tuple[Decimal, Decimal]:
        parts = text.strip("[]").split(",")
        if len(parts) != 2:
            raise ValueError("two numbers with a comma between them are allowed")
        return first(parts[0].strip()), second(parts[1].strip())

    return parse


def _ticker(text: str) -> str:
    if not (text.isascii() and text.isalnum() and text.isupper()):
        raise ValueError("a currency's ticker in capitals is allowed")
    return text


def _pairs(text: str) -> tuple[str, ...]:
    pairs = tuple(part.strip() for part in text.split(",") if part.strip())
    if any(pair.count("/") != 1 for pair in pairs):
        raise ValueError("a list of pairs such as GBP/USD is allowed")
    return pairs


def _approval(text: str) -> float | None:
    return None if text == "manual" else _number(0, 1e7, "world seconds, or manual")(text)


_SHARE = _amount("0", "0.5", "share")
_PORT = _whole(0, 65_535)
_DELAY = _number(0, 1e7, "world seconds")
#: Venues that can be the source or the target.
_VENUES = ("kraken", "sputnik", "binance", "coinbase_exchange", "gemini", "bitstamp", "bitfinex")

#: Each key: its field and how its text is read.
_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "seed": ("seed", _whole(0, 2**63)),
    "speed": ("speed", _number(0.01, 1_000, "world seconds per second")),
    "clock": ("is_paused", _word(running=False, paused=True)),
    **{f"{front}_port": (f"{front}_port", _PORT) for front in (*_VENUES, "ecb", "control")},
    "source_front": ("source_front", _choice(*_VENUES)),
    "target_front": ("target_front", _choice(*_VENUES)),
    "price": ("price", _amount("1", "100000000", "source currency per BTC")),
    "volatility": ("volatility", _number(0, 5, "share per year")),
    "fiat_volatility": ("fiat_volatility", _number(0, 5, "share per year")),
    "rates": ("rates", _amounts),
    "candles": ("candles", lambda text: tuple(read_candles(Path(text)))),
    "candles_start": ("candles_start", _whole(1, 10**7)),
    "customers_per_day": ("customers_per_day", _number(0, 1e6, "per world day")),
    "trades_per_day": ("trades_per_day", _number(0, 1e6, "per world day")),
    "rival_spread": ("rival_spread", _SHARE),
    "source_currency": ("source_currency", _ticker),
    "source_tick": ("source_tick", _amount("0.00000001", "1000", "source currency")),
    "source_fees": ("source_fees", _pair_of(_SHARE, _SHARE)),
    "source_balance": ("source_balance", _amounts),
    "source_limits": ("source_limits", _word(on=True, off=False)),
    "extra_pairs": ("extra_pairs", _pairs),
    "target_currency": ("target_currency", _ticker),
    "target_tick": ("target_tick", _amount("0.01", "1000000", "target currency")),
    "target_lot": ("target_lot", _amount("0.00000001", "1", "BTC")),
    "target_fee": ("target_fee", _SHARE),
    "target_balance": ("target_balance", _amounts),
    "btc_fee": ("btc_fee", _amount("0", "0.1", "BTC")),
    "btc_delay": ("btc_delay", _DELAY),
    "fiat_delay": ("fiat_delay", _DELAY),
    "fiat_cost": ("fiat_cost", _pair_of(_amount("0", "10000", "source currency"), _SHARE)),
    "approval": ("approval", _approval),
}
