"""The front door: every answer's security headers, the Host check, and the limit on what is uploaded."""

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from web.requests import MAX_BODY, host_name

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
#: Nothing inline, nothing from elsewhere, no framing. ``data:`` pictures are the CSS base's own arrows.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
    b"cache-control": b"no-store",
    b"server": b"ilp",
}


class Front(Resource):
    """Hands a request on to ``inner`` if it names a host that we are."""

    isLeaf = True

    def __init__(self, inner: Resource, hosts: Collection[str], is_secure: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inner = inner
        self._hosts = frozenset(host.lower() for host in hosts)
        self.is_secure = is_secure

    def is_own_host(self, name: str) -> bool:
        """Whether ``name`` is one of ours.

        A page whose own name is made to point at us (DNS rebinding) is same-origin for a browser; only the name tells.
        """
        if name in _LOOPBACK_NAMES or name in self._hosts:
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False

    def render(self, request: Request) -> Any:
        """Headers first, so that errors carry them too."""
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        if self.is_secure:
            request.setHeader(b"strict-transport-security", b"max-age=31536000")
        if not self.is_own_host(host_name(request)):
            request.setResponseCode(421)
            request.setHeader(b"content-type", b"application/json")
            return b'{"error": "this console is not known by that name; add it to the configured hosts"}'
        return self._inner.render(request)


class ConsoleRequest(Request):
    """A request whose body may not outgrow what the console reads: it would fill the disk before anybody logs in."""

    _received = 0

    def gotLength(self, length: int | None) -> None:
        """Twisted's: the headers are complete."""
        super().gotLength(length)  # type: ignore[no-untyped-call]
        if length is not None and length > MAX_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted's: a part of the body has come."""
        self._received += len(data)
        if self._received > MAX_BODY:
            self._refuse()
        else:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        self.channel.forceAbortClient()
