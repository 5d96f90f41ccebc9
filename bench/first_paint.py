"""How long the console takes to answer for each page, over HTTP, when its ledger holds a million fills.

``python -m bench.first_paint``; in milliseconds from the request to the last byte of the page, the median of five. What a
chart draws is fetched after its page is there, and is shown apart.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.http_headers import Headers

from bench import million
from ledger.reading import SqlHistory
from tests.web.fake_pool import NOW, PARAMETERS, FakePool
from tests.web.support import PASSWORD, ROLES, verify
from web.app import Console
from web.auth import User
from web.drawing import PAGES
from web.log_lines import LogRing

TURNS = 5
#: Beside the pages: an old part of a table, and a month of a chart.
MORE = {
    "fills, deep": f"/fills?after={NOW - million.YEAR // 2}~target~T0500000",
    "statement of a day": "/statement",
    "chart data, 30 days": "/api/charts?hours=720",
}


async def log_in(base: str) -> Headers:
    """The headers of a browser that has logged in."""
    answer = await treq.post(f"{base}/login", {"name": "ann", "password": PASSWORD}, allow_redirects=False)
    return Headers({"Cookie": [answer.headers.getRawHeaders("set-cookie")[0].partition(";")[0]]})


async def paint(url: str, headers: Headers) -> float:
    """Milliseconds for one answer, the median of some."""
    took = []
    for _ in range(TURNS):
        began = time.perf_counter()
        answer = await treq.get(url, headers=headers, allow_redirects=False)
        body = await answer.content()
        took.append(1e3 * (time.perf_counter() - began))
        if answer.code != 200:
            raise SystemExit(f"{url}: {answer.code} {body[:200]!r}")
    return median(took)


async def measure(reactor: Any) -> None:
    """Make the ledger, open the console on it, ask for everything, print."""
    users = {name: User(name, role) for name, role in ROLES.items()}
    with tempfile.TemporaryDirectory(prefix="ilp-million-") as name:
        history = SqlHistory(await million.made(Path(name), NOW, reactor), reactor)
        history.open()
        console = Console(FakePool(), users, reactor, verify=verify, parameters=PARAMETERS, history=history, log_ring=LogRing())
        port = reactor.listenTCP(0, console.site(), interface="127.0.0.1")
        base = f"http://127.0.0.1:{port.getHost().port}"
        browser = await log_in(base)
        pages = {page.name: await paint(f"{base}/{page.name}", browser) for page in PAGES}
        more = {name: await paint(base + path, browser) for name, path in MORE.items()}
        console.close()
        await port.stopListening()
        await history.close()
    worst = max(pages, key=lambda name: pages[name])
    print(f"first_paint_ms: worst {pages[worst]:.0f} ({worst}), " + ", ".join(f"{name} {ms:.0f}" for name, ms in pages.items()))
    print("after it: " + ", ".join(f"{name} {ms:.0f}" for name, ms in more.items()))


def main() -> None:
    """Run it."""
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))


if __name__ == "__main__":
    main()
