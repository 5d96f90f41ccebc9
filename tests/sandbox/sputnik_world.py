"""The exchange of the transcripts, for the tests of its front: BTC/HUF as the original server's test set-up has it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from model.instrument import Instrument
from sandbox.faults import Faults
from sandbox.sputnik_server import SputnikOptions, SputnikServer
from sandbox.trading import FeeSchedule, Rules
from sandbox.venue import Venue

USERS = {"ilp_target": "ilp", "marketmaker": "mm"}
TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "fixtures" / "sputnik"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_venue(now: Callable[[], datetime], huf: str = "1620305.90", btc: str = "4.9") -> Venue:
    """A venue with the contract and fee of the transcripts; both users own what section 8 of them starts with."""
    rules = Rules(
        instruments={"BTC/HUF": Instrument("BTC/HUF", Decimal(1), Decimal("0.01"))},
        currencies={"BTC": Decimal("0.00000001"), "HUF": Decimal("0.01"), "USD": Decimal("0.0001")},
        fees=FeeSchedule(Decimal("0.01"), Decimal("0.01"), Decimal("0.01")),
        value_step=Decimal("0.01"),
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )
    venue = Venue("sputnik", rules, now)
    for user in USERS:
        venue.accounts.open(user)
        venue.accounts.post(user, "HUF", Decimal(huf), "Transfer", timestamp=venue.timestamp())
        venue.accounts.post(user, "BTC", Decimal(btc), "Transfer", timestamp=venue.timestamp())
    return venue


class Bench:
    """A server on a clock of its own, and what it answers and publishes, in order, as ``(seconds, topic, event)``."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.venue = make_venue(self.now)
        self.faults = Faults()
        self.published: list[tuple[float, str, Any]] = []
        self.dropped: list[str] = []
        self.server = SputnikServer(
            self.venue, USERS, self.faults, self.clock, self._publish, self.dropped.append, SputnikOptions(**options)
        )
        self.server.start()
        self.published.clear()

    def now(self) -> datetime:
        """The wall clock: it runs with the clock."""
        return START + timedelta(seconds=self.clock.seconds())

    def call(self, procedure: str, *args: Any, user: str = "ilp_target", **kwargs: Any) -> list[Any]:
        """Call ``rpc.<procedure>``; the list gets the reply, or the failure."""
        replies: list[Any] = []

        def answered(reply: Any) -> None:
            replies.append(reply)
            self.published.append((self.clock.seconds(), f"RESULT {user}", reply))

        self.server.call(user, f"rpc.{procedure}", args, kwargs).addCallbacks(answered, replies.append)
        return replies

    def ask(self, procedure: str, *args: Any, user: str = "ilp_target", **kwargs: Any) -> Any:
        """Call and wait; the reply as it comes out of JSON."""
        replies = self.call(procedure, *args, user=user, **kwargs)
        self.clock.pump([0.01] * 6)
        (reply,) = replies
        return json.loads(json.dumps(reply))

    def place(self, side: str, price: int, quantity: int, user: str = "ilp_target") -> int:
        """Place an order and wait for its id."""
        order = {"contract": "BTC/HUF", "price": price, "quantity": quantity, "side": side}
        return int(self.ask("trader.place_order", order, user=user)["result"])

    def settle(self) -> None:
        """Let all that is on its way arrive."""
        for _ in range(100):
            self.clock.advance(0.02)

    def told(self) -> list[tuple[str, Any]]:
        """What has been published since the last call: (feed, event)."""
        told = [(topic.split(".")[2] if topic.startswith("feeds") else topic, event) for _, topic, event in self.published]
        self.published.clear()
        return told

    def _publish(self, topic: str, event: object) -> None:
        self.published.append((self.clock.seconds(), topic, json.loads(json.dumps(event))))
