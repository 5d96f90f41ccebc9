"""A console over a fake pool on a free port, for the browser tests: ``python -m tests.web.serve``, prints the port.

While TRADING a customer takes a little from us every second, so that a page has news to show.
"""

import sys
from decimal import Decimal
from typing import Any

import attrs
from twisted.internet import reactor as the_reactor
from twisted.internet.task import LoopingCall

from tests.web.fake_history import FakeHistory
from tests.web.fake_pool import NOW, PARAMETERS, FakePool
from tests.web.support import ROLES, verify
from web.app import Console
from web.auth import User
from web.log_lines import LogLine, LogRing

reactor: Any = the_reactor


def some_lines() -> LogRing:
    """A log of three lines."""
    ring = LogRing()
    for n, (level, text) in enumerate(
        (("info", "READY -> TRADING"), ("warn", "balances not compared"), ("error", "a round failed"))
    ):
        ring.add(LogLine(NOW + n * 1_000_000, level, "trader.pool", text))
    return ring


def main() -> None:
    """Serve until the parent closes our stdin or ends us."""
    pool = FakePool(state="READY", reason="Ready.", fills=())
    users = {name: User(name, role) for name, role in ROLES.items()}
    console = Console(pool, users, reactor, verify=verify, parameters=PARAMETERS, history=FakeHistory(), log_ring=some_lines())
    port = reactor.listenTCP(0, console.site(), interface="127.0.0.1")
    taken = FakePool().view().fills[1]

    def tick() -> None:
        view = pool.view()
        now = view.timestamp + 1_000_000
        fills = view.fills
        if view.state == "TRADING":
            fills = (attrs.evolve(taken, id=str(now), timestamp=now, quantity=Decimal("0.0123")), *fills)
        pool.show(timestamp=now, fills=fills)

    LoopingCall(tick).start(1)
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main()
