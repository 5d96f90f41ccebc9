"""Where a Sputnik is and how to speak to it: the endpoint and the options, checked before anything is sent."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from attrs import field, fields, frozen

from clients.sputnik.signing import totp
from model.money import decimal_of

DEFAULT_PORTS = {"wss": 8443, "ws": 8880}
PATH = "/ws"


@frozen
class Endpoint:
    """One WebSocket address: ``ws(s)://host:port/ws``."""

    is_secure: bool
    host: str
    port: int
    path: str = PATH

    @property
    def url(self) -> str:
        """As the WebSocket handshake wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.is_secure else 'ws'}://{host}:{self.port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether the bytes stay on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_endpoint(text: str, allow_insecure: bool) -> Endpoint:
    """Read ``wss://host``, with Sputnik's port and path where none is given.

    :raises ValueError: if it is no WebSocket address, or plain ``ws`` to another machine without ``allow_insecure``: whoever
        is on the way could read the balances and change the orders.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"Sputnik endpoint {text!r}: expected wss://host[:port][/ws]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("Sputnik endpoint: only wss://host[:port][/ws], no user, query or fragment")
    path = PATH if parts.path in ("", "/") else parts.path
    found = Endpoint(parts.scheme == "wss", parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme], path)
    if not (found.is_secure or found.is_loopback or allow_insecure):
        raise ValueError(f"Sputnik endpoint {text!r}: ws:// is for this machine only; use wss://, or set allow_insecure = true")
    return found


def _is_true(value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"expected true or false, got {value!r}")
    return found


def _tickers(value: str | Iterable[str]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())


def _seconds(value: object) -> float:
    found = float(decimal_of(str(value), "seconds"))
    if found <= 0:
        raise ValueError(f"expected more than 0 seconds, got {value!r}")
    return found


def _second_factor(value: object) -> str:
    found = str(value)
    if found:
        # A secret that cannot make passwords must be told now, not when the venue asks for one; and not in its own words.
        try:
            totp(found, 0)
        except ValueError:
            raise ValueError("totp: expected the base32 secret of the second factor") from None
    return found


def _share(value: object) -> Decimal:
    found = decimal_of(str(value), "share")
    if not 0 <= found < 1:
        raise ValueError(f"expected a share from 0 to less than 1, got {value!r}")
    return found


@frozen
class Options:
    """Times in seconds.

    ``contracts``: whose books are streamed; empty: those of all cash pairs. ``totp``: the base32 secret of the second
    factor, empty where it is off. ``allow_insecure``: ws:// to other machines. ``ca_file``: a PEM file with the only
    authority to trust, instead of the system's. ``fee``: the share the venue reserves besides a bid's cost (it does not tell;
    its default is 100 basis points). ``call_timeout``: for one answer or one log-in. ``ping_interval``: between our pings;
    ``silence``: without a sign of life for so long, the connection is dead. ``doubt``: how long related events may take to
    complete each other before history is read; ``reread_interval``: how often our open orders are compared with the
    venue's anyway. ``clock_slack``: how far the venue's clock may be from ours, for where to begin in its history.
    """

    contracts: tuple[str, ...] = field(default=(), converter=_tickers)
    totp: str = field(default="", repr=False, converter=_second_factor)
    allow_insecure: bool = field(default=False, converter=_is_true)
    ca_file: str = ""
    fee: Decimal = field(default=Decimal("0.01"), converter=_share)
    call_timeout: float = field(default=10.0, converter=_seconds)
    ping_interval: float = field(default=2.5, converter=_seconds)
    silence: float = field(default=10.0, converter=_seconds)
    doubt: float = field(default=1.0, converter=_seconds)
    reread_interval: float = field(default=60.0, converter=_seconds)
    clock_slack: float = field(default=600.0, converter=_seconds)


def read_options(given: Mapping[str, Any]) -> Options:
    """Options from config text or values.

    :raises ValueError: for an unknown name (a misspelt ``allow_insecure`` must not be ignored) or an unusable value.
    """
    unknown = sorted(set(given) - {attribute.name for attribute in fields(Options)})
    if unknown:
        raise ValueError(f"Sputnik knows no option {', '.join(unknown)}")
    return Options(**given)
