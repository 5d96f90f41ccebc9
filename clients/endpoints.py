"""Addresses of venues, checked: encrypted, or on this machine."""

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
