"""The venues that the sandbox can be: by which rules each trades, who speaks its wire, and how the pool logs in there."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from model.instrument import Instrument
from sandbox import binance_keys, bitfinex_keys, bitstamp_keys, coinbase_exchange_keys, gemini_keys, kraken_keys
from sandbox.binance_front import BinanceFront
from sandbox.bitfinex_front import BitfinexFront
from sandbox.bitstamp_front import BitstampFront
from sandbox.coinbase_exchange_front import CoinbaseExchangeFront
from sandbox.faults import Faults
from sandbox.gemini_front import GeminiFront
from sandbox.kraken_front import KrakenFront
from sandbox.network import World
from sandbox.options import SandboxOptions
from sandbox.sputnik_front import SputnikFront
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from sandbox.venue import Venue

#: The pool's name at all venues, and what it proves itself with. They guard play money on a loopback port.
USER = "pool"
#: As it is, or in base64 where the venue's own secrets are.
SECRET = "play money needs no secret, but the wire needs one"  # noqa: S105
ENCODED_SECRET = base64.b64encode(SECRET.encode()).decode()
SPUTNIK_PASSWORD = "play-money"  # noqa: S105

_SATOSHI, _CENT = Decimal("0.00000001"), Decimal("0.01")


class Front(Protocol):
    """A wire in front of something, on one port."""

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one)."""

    def stop(self) -> "Deferred[None]":
        """Close it and all connections."""


@frozen
class Place:
    """What the options say of one of the two venues: its currency, price step, fees (maker, taker), and what else it lists.

    ``lot``: the least quantity of BTC; None: as the venue has it.
    """

    currency: str
    tick: Decimal
    fees: tuple[Decimal, Decimal]
    btc_fee: Decimal
    lot: Decimal | None = None
    extra_pairs: tuple[str, ...] = ()

    def instruments(self, lot: Decimal, least: Decimal, least_value: Decimal, other_lot: Decimal) -> dict[str, Instrument]:
        """The main contract, and the others with a step of ``other_lot``."""
        main = Instrument(f"BTC/{self.currency}", self.tick, self.lot or lot, max(least, self.lot or lot), least_value)
        others = [Instrument(pair, Decimal("0.00001"), other_lot, Decimal(5), least_value) for pair in self.extra_pairs]
        return {instrument.contract: instrument for instrument in (main, *others)}

    def currencies(self, unit: Decimal) -> dict[str, Decimal]:
        """BTC, and cash in steps of ``unit``."""
        cash = {self.currency, *"/".join(self.extra_pairs).split("/")} - {"", "BTC"}
        return {"BTC": _SATOSHI} | dict.fromkeys(sorted(cash), unit)


@frozen
class Around:
    """What a front is made of besides its venue."""

    world: World
    faults: Faults
    reactor: Any
    now: Callable[[], datetime]
    limits: bool


@frozen
class VenueKind:
    """``endpoints``: by name, scheme and path on the front's port. ``login``: the pool's id and secret."""

    rules: Callable[[Place], Rules]
    front: Callable[[Venue, Around], Front]
    endpoints: Mapping[str, tuple[str, str]]
    login: tuple[str, str]


def _kraken_rules(place: Place) -> Rules:
    """Kraken's: fees to five digits, no self-trades, crossing post-only orders are cancelled."""
    return Rules(
        place.instruments(_SATOSHI, Decimal("0.0001"), Decimal("0.5"), _SATOSHI),
        place.currencies(Decimal("0.0001")),
        FeeSchedule(*place.fees),
        {"BTC": WithdrawalFee(place.btc_fee)},
        cancels_crossing=True,
    )


def _binance_rules(place: Place) -> Rules:
    """Binance's: a buyer's fee out of what is bought, no self-trades, crossing post-only orders are refused."""
    lot = Decimal("0.00001")
    return Rules(
        place.instruments(lot, lot, Decimal(5), Decimal("0.001")),
        place.currencies(_CENT),
        FeeSchedule(*place.fees, _SATOSHI),
        {"BTC": WithdrawalFee(place.btc_fee)},
        fee_from_received=True,
    )


def _gemini_rules(place: Place) -> Rules:
    """Gemini's: fees in the quote currency, no self-trades, crossing post-only orders are taken and cancelled."""
    return Rules(
        place.instruments(_SATOSHI, Decimal("0.00001"), Decimal(0), Decimal("0.000001")),
        place.currencies(_CENT),
        FeeSchedule(*place.fees, _SATOSHI),
        {"BTC": WithdrawalFee(place.btc_fee)},
        cancels_crossing=True,
    )


def _coinbase_exchange_rules(place: Place) -> Rules:
    """Coinbase Exchange's: fees in quote to sixteen digits, no self-trades, crossing post-only orders are refused."""
    return Rules(
        place.instruments(_SATOSHI, _SATOSHI, Decimal(1), _CENT),
        place.currencies(_CENT),
        FeeSchedule(*place.fees, Decimal("1E-16")),
        {"BTC": WithdrawalFee(place.btc_fee)},
    )


def _decimal_step(step: Decimal) -> Decimal:
    """The power of ten, one at most, that is not above ``step``."""
    return Decimal(1).scaleb(min(0, step.adjusted()))


def _bitstamp_rules(place: Place) -> Rules:
    """Bitstamp's: steps are powers of ten, fees in quote to five digits, crossing post-only orders are cancelled."""
    place = evolve(place, tick=_decimal_step(place.tick), lot=place.lot and _decimal_step(place.lot))
    return Rules(
        place.instruments(_SATOSHI, _SATOSHI, Decimal(10), _SATOSHI),
        place.currencies(_CENT),
        FeeSchedule(*place.fees),
        {"BTC": WithdrawalFee(place.btc_fee)},
        cancels_crossing=True,
    )


def _bitfinex_rules(place: Place) -> Rules:
    """Bitfinex's: no steps but digits (five of a price, eight places of a quantity), a buyer's fee out of what is bought."""
    place = evolve(place, tick=min(place.tick, _CENT), lot=None)
    return Rules(
        place.instruments(_SATOSHI, Decimal("0.00004"), Decimal(0), _SATOSHI),
        place.currencies(_CENT),
        FeeSchedule(*place.fees, _SATOSHI),
        {"BTC": WithdrawalFee(place.btc_fee)},
        fee_from_received=True,
        cancels_crossing=True,
        self_trades=True,
    )


def _sputnik_rules(place: Place) -> Rules:
    """A Sputnik's: everything in whole wire units, one fee for both sides, self-trades, whole orders reserved."""
    _, taker = place.fees
    # A lot at a tick is a whole cent, else a trade would lose a part of one.
    lot = max(Decimal("0.0001"), _CENT / place.tick)
    return Rules(
        place.instruments(lot, Decimal(0), Decimal(0), Decimal("0.01")),
        place.currencies(_CENT),
        FeeSchedule(taker, taker, _CENT),
        {"BTC": WithdrawalFee(place.btc_fee)},
        value_step=_CENT,
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )


def _keyed(
    front: Callable[..., Front],
    key: Callable[[str, str, str], Any],
    rules: Callable[[Place], Rules],
    endpoints: Mapping[str, tuple[str, str]],
    id: str,
    secret: str = SECRET,
) -> VenueKind:
    """A venue where the pool has an API key."""

    def make(venue: Venue, around: Around) -> Front:
        keys = [key(id, secret, USER)]
        return front(venue, around.world, keys, around.faults, around.reactor, limits=around.limits)

    return VenueKind(rules, make, endpoints, (id, secret))


def _sputnik_front(venue: Venue, around: Around) -> Front:
    return SputnikFront(venue, {USER: SPUTNIK_PASSWORD}, around.faults, around.reactor, around.now)


KINDS: Mapping[str, VenueKind] = {
    "kraken": _keyed(
        KrakenFront,
        kraken_keys.Key,
        _kraken_rules,
        {"kraken": ("http", ""), "kraken_ws": ("ws", "/v2")},
        "sandbox-kraken-key",
        ENCODED_SECRET,
    ),
    "binance": _keyed(
        BinanceFront,
        binance_keys.Key,
        _binance_rules,
        {"binance": ("http", ""), "binance_ws": ("ws", "/ws")},
        "sandbox-binance-key",
    ),
    # Its passphrase is empty: the pool gets an id and a secret for each venue of the sandbox, and no third word.
    "coinbase_exchange": _keyed(
        CoinbaseExchangeFront,
        coinbase_exchange_keys.Key,
        _coinbase_exchange_rules,
        {"coinbase_exchange": ("http", ""), "coinbase_exchange_ws": ("ws", "")},
        "sandbox-coinbase-exchange-key",
        ENCODED_SECRET,
    ),
    "gemini": _keyed(GeminiFront, gemini_keys.Key, _gemini_rules, {"gemini": ("http", "")}, "account-sandbox-gemini-key"),
    "bitstamp": _keyed(
        BitstampFront,
        bitstamp_keys.Key,
        _bitstamp_rules,
        {"bitstamp": ("http", ""), "bitstamp_ws": ("ws", "/ws")},
        "sandbox-bitstamp-key",
    ),
    "bitfinex": _keyed(
        BitfinexFront,
        bitfinex_keys.Key,
        _bitfinex_rules,
        {"bitfinex": ("http", ""), "bitfinex_ws": ("ws", "/ws/2")},
        "sandbox-bitfinex-key",
    ),
    "sputnik": VenueKind(_sputnik_rules, _sputnik_front, {"sputnik": ("ws", "/ws")}, (USER, SPUTNIK_PASSWORD)),
}


def source_rules(options: SandboxOptions) -> Rules:
    """How the source trades."""
    place = Place(
        options.source_currency, options.source_tick, options.source_fees, options.btc_fee, extra_pairs=options.extra_pairs
    )
    return KINDS[options.source_front].rules(place)


def target_rules(options: SandboxOptions) -> Rules:
    """How the target trades."""
    fees = (options.target_fee, options.target_fee)
    place = Place(options.target_currency, options.target_tick, fees, options.btc_fee, options.target_lot)
    return KINDS[options.target_front].rules(place)
