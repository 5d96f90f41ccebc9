"""What machines ask the console: whether it lives, whether it is ready, and its numbers.

``/healthz`` and ``/readyz`` answer everybody, so they tell no more than names; ``/metrics`` holds balances and is for those
who may log in, or who have the token of the config. A peer on this machine is nobody special: behind a proxy all are.
"""

import hmac
import json
from typing import Any

from attrs import frozen
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from twisted.web.server import Request

from trader.interface import IPool, PoolView
from trader.machine import READY, TRADING
from web.auth import Gate
from web.errors import NotFound, NotLoggedIn
from web.requests import header


@frozen
class Monitoring:
    """``registry``: what is measured, None: nothing is. ``token``: who has it may read without a login; empty: nobody."""

    pool: IPool
    gate: Gate
    registry: CollectorRegistry | None = None
    token: str = ""

    async def metrics(self, request: Request) -> bytes:
        """The numbers, in Prometheus' text format.

        :raises NotLoggedIn: neither a viewer nor the token.
        """
        if not self._has_token(request):
            await self.gate.identify(request)
        if self.registry is None:
            raise NotFound("nothing is measured here")
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self.registry)

    async def healthz(self, request: Request) -> bytes:
        """The process answers, and says nothing else."""
        return _json(request, {"status": "ok"})

    async def readyz(self, request: Request) -> bytes:
        """200 when the pool could trade: inputs fresh, venues connected, ledger writable; else 503 and what is wrong.

        Who has the token or a login is told in sentences, everybody else by name only.
        """
        found = unready(self.pool.view())
        if not found:
            return _json(request, {"status": "ready"})
        request.setResponseCode(503)
        is_trusted = await self._is_trusted(request)
        reasons = [f"{name}: {sentence}" if is_trusted else name for name, sentence in found.items()]
        return _json(request, {"status": "unready", "reasons": reasons})

    async def _is_trusted(self, request: Request) -> bool:
        if self._has_token(request):
            return True
        try:
            await self.gate.identify(request)
        except NotLoggedIn:
            return False
        return True

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = header(request, "authorization").partition(" ")
        if not self.token or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(token.strip().encode(), self.token.encode())


def unready(view: PoolView) -> dict[str, str]:
    """Why the pool cannot trade now, by what is in its way; empty if it could."""
    found = {venue.name: "not connected" for venue in (view.source, view.target) if not venue.is_connected}
    found |= {status.name: status.problem for status in view.inputs if status.problem}
    if view.state not in (READY, TRADING):
        found["pool"] = f"{view.state}: {view.reason}"
    return found


def _json(request: Request, value: Any) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
