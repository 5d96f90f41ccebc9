"""Addresses and options of venues, checked: an address is encrypted or on this machine, an option is one that there is."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def checked_endpoint(venue: str, url: str, secure: str = "https", plain: str = "http") -> str:
    """``url`` without a slash at its end.

    Prices that anybody on the way can change set our quotes, so an unencrypted address is for the sandbox only.

    :raises ValueError: if it is no address of scheme ``secure``, or of ``plain`` on this machine. Passwords do not belong in it.
    """
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in (secure, plain) or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{venue}: an endpoint is {secure}://host[:port]")
    if parts.scheme == plain and not _is_this_machine(parts.hostname):
        raise ValueError(f"{venue}: {plain}:// is for this machine only, not {parts.hostname}; use {secure}://")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def by_ticker(venue: str, options: Mapping[str, str], names: Iterable[str], prefix: str) -> dict[str, str]:
    """The options ``<prefix><ticker>``, by ticker.

    :raises ValueError: if there is an option that is neither one of these nor one of ``names``.
    """
    known = set(names)
    found = {name.removeprefix(prefix).upper(): value for name, value in options.items() if name.startswith(prefix)}
    if unknown := sorted(name for name in options if name not in known and not name.startswith(prefix)):
        raise ValueError(f"{venue}: no option {', '.join(unknown)}; there are {', '.join(sorted(known))} and {prefix}<ticker>")
    return found


def one_of(venue: str, options: Mapping[str, str], name: str, allowed: Iterable[object], otherwise: object) -> str:
    """The option ``name``, or ``otherwise``.

    :raises ValueError: if it is none of ``allowed``.
    """
    words = [str(each) for each in allowed]
    found = str(options.get(name) or otherwise)
    if found not in words:
        raise ValueError(f"{venue}: {name} {found!r} is none of {', '.join(words)}")
    return found


def contracts_of(venue: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """The option ``contracts``, a list such as ``BTC/USDT, BTC/EUR``.

    :raises ValueError: for what is no contract.
    """
    found = tuple(part.strip() for part in (options.get("contracts") or "").split(",") if part.strip())
    if wrong := [contract for contract in found if contract.count("/") != 1]:
        raise ValueError(f"{venue}: contracts: {', '.join(wrong)} is no contract such as BTC/USDT")
    return found


def is_home(endpoint: str, home: str) -> bool:
    """Whether ``endpoint`` is the venue itself, not the sandbox or a proxy: then its streams have addresses of their own."""
    return urlsplit(endpoint).hostname == urlsplit(home).hostname
