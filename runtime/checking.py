"""``check``: what a config would meet at its exchanges, found out by asking and never by trading."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import Factory, define, frozen
from twisted.internet.defer import Deferred, TimeoutError

from clients.errors import ExchangeError
from clients.surroundings import Surroundings
from model.book import Book
from model.instrument import Instrument
from model.money import plain
from model.position import Position
from runtime import logs, registry, wiring
from runtime.config import CannotStart, Config, ConfigError, load
from runtime.exits import Exit
from runtime.variances import Variances
from sandbox.service import Sandbox

#: So long a venue may take to connect, and for each answer, in seconds.
PATIENCE = 20.0
#: A clock that is further off than this, in seconds, makes venues refuse signed requests.
MOST_SKEW = 1.0
_RECENT = timedelta(hours=1)

Kind = Literal["ok", "note", "problem"]


@frozen
class Finding:
    """One line: about what at which place, and whether it is as it should be."""

    place: str
    subject: str
    kind: Kind
    text: str


def main(path: Path, as_json: bool) -> int:
    """Check the config ``path`` and print line by line, or one JSON object; the exit code."""
    redactor = logs.Redactor(())
    try:
        config = load(path, find=registry.finder(path))
        redactor = logs.Redactor(config.secret_texts())
        logs.start("error", sys.stderr, None, config.secret_texts())
        findings = _in_reactor(config)
    except OSError as error:
        sys.stderr.write(f"ilp: {path} cannot be read: {error.strerror}\n")
        return Exit.BAD_CONFIG
    except ConfigError as error:
        sys.stderr.write(redactor.clean(f"ilp: bad config: {error}\n"))
        return Exit.BAD_CONFIG
    except CannotStart as error:
        findings = [Finding("pool", "start", "problem", str(error))]
    is_fine = not any(finding.kind == "problem" for finding in findings)
    if as_json:
        told = {"ok": is_fine, "findings": [attrs.asdict(finding) for finding in findings]}
        sys.stdout.write(redactor.clean(json.dumps(told, indent=2)) + "\n")
    else:
        for finding in findings:
            sys.stdout.write(redactor.clean(f"{finding.kind:<8}{finding.place} {finding.subject}: {finding.text}") + "\n")
        sys.stdout.write("nothing was traded\n")
    return Exit.DONE if is_fine else Exit.FOUND


def _in_reactor(config: Config) -> list[Finding]:
    # Imported here: it brings the reactor, which --help does not need.
    from runtime.service import once

    return once(lambda surroundings: check(config, surroundings))


async def check(config: Config, surroundings: Surroundings) -> list[Finding]:
    """All there is to say about the three exchanges of ``config``. Nothing is traded, and no address is made."""
    world = None
    endpoints: Mapping[str, str] = {}
    keys: Mapping[str, tuple[str, str]] = {}
    if config.sandbox is not None:
        world = Sandbox(config.sandbox, surroundings.reactor, surroundings.now)
        await world.start()
        endpoints, keys = world.endpoints, world.credentials
    exchanges = wiring.clients(config, surroundings, endpoints, keys)
    findings: list[Finding] = []
    variances = wiring.variances(config, exchanges, surroundings)
    try:
        for place in ("source", "target", "fiat"):
            look = _Look(place, getattr(exchanges, place), config, surroundings, variances, findings)
            if await look.connect():
                await (look.rate() if place == "fiat" else look.exchange())
    finally:
        for place in ("source", "target", "fiat"):
            await getattr(exchanges, place).disconnect()
        if world is not None:
            await world.stop()
    return findings


@define
class _Look:
    """One exchange under examination; what is found goes to ``findings``."""

    place: str
    client: Any
    config: Config
    surroundings: Surroundings
    variances: Variances
    findings: list[Finding] = Factory(list)

    def tell(self, subject: str, kind: Kind, text: str) -> None:
        self.findings.append(Finding(self.place, subject, kind, text))

    async def ask(self, subject: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer; None, and told, where there is none."""
        try:
            return await Deferred.fromCoroutine(_awaited(call)).addTimeout(PATIENCE, self.surroundings.reactor)
        except NotImplementedError as error:
            self.tell(subject, "note", f"{error}; a person does it, or it is not known")
        except (ExchangeError, ValueError) as error:
            self.tell(subject, "problem", str(error))
        except TimeoutError:
            self.tell(subject, "problem", f"no answer in {PATIENCE:g} s")
        return None

    async def connect(self) -> bool:
        """Whether it can be talked to at all."""
        before = len(self.findings)
        await self.ask("connection", self.client.connect)
        if len(self.findings) > before:
            return False
        self.tell("connection", "ok", f"connected to {getattr(self.client, 'name', type(self.client).__name__)}")
        return True

    async def exchange(self) -> None:
        """Source or target, from the clock to the account."""
        self.clock()
        contract = self.contract
        instruments = await self.ask("symbols", self.client.getInstruments)
        if instruments is None:
            return
        if contract not in instruments:
            self.tell(
                "symbols", "problem", f"does not trade {contract}; it trades {', '.join(sorted(instruments)[:20]) or 'nothing'}"
            )
            return
        self.tell("symbols", "ok", f"trades {contract}")
        book = await self.book(contract)
        self.steps(instruments[contract], book)
        await self.fees(contract)
        if self.place == "source":
            await self.variance(contract)
        await self.account()

    @property
    def contract(self) -> str:
        tickers = self.config.tickers
        return tickers.source_contract if self.place == "source" else f"{tickers.btc}/{tickers.target}"

    @property
    def cash(self) -> str:
        return self.config.tickers.source if self.place == "source" else self.config.tickers.target

    def clock(self) -> None:
        """How far apart the clocks are."""
        if not hasattr(self.client, "clock_offset"):
            self.tell("clock", "note", "the venue does not tell its time")
            return
        offset = self.client.clock_offset
        if offset is None:
            self.tell("clock", "ok", "as ours, as far as can be told")
        else:
            kind: Kind = "problem" if abs(offset) > MOST_SKEW else "ok"
            self.tell("clock", kind, f"{offset:+.2f} s from ours; allowed are {MOST_SKEW:g} s: set this machine's clock by NTP")

    async def book(self, contract: str) -> Book | None:
        """The book, if there is an honest one."""
        shape = await self.ask("book", lambda: self.client.getOrderBook(contract))
        if shape is None:
            return None
        book = Book.from_shape(shape)
        if book.is_crossed:
            self.tell("book", "problem", "a bid is above an ask")
        elif book.best_bid is None or book.best_ask is None:
            # Offering where nobody else does is what a pool is for; taking from nobody cannot be done.
            kind: Kind = "problem" if self.place == "source" else "note"
            self.tell("book", kind, f"{contract} has no {'bids' if book.best_bid is None else 'asks'}")
        else:
            self.tell("book", "ok", f"{contract} {plain(book.best_bid.price)} to {plain(book.best_ask.price)}")
        return book

    def steps(self, instrument: Instrument, book: Book | None) -> None:
        """Whether a quote, or its hedge, is of a size that the venue takes."""
        size = self.config.choices["quote_size"]
        least = f"{plain(instrument.min_quantity)} {instrument.base}, {plain(instrument.min_value)} {instrument.quote}"
        text = f"least order {least}; price step {plain(instrument.tick)}, size step {plain(instrument.lot)}"
        price = next((level.price for level in (book.best_bid, book.best_ask) if level is not None), None) if book else None
        rounded = instrument.round_quantity(size)
        if price is not None and not instrument.accepts(rounded, price):
            self.tell("minimums", "problem", f"quote_size {plain(size)} is too small: {text}")
        elif rounded != size:
            self.tell("minimums", "note", f"quote_size {plain(size)} becomes {plain(rounded)}: {text}")
        else:
            self.tell("minimums", "ok", f"quote_size {plain(size)} fits: {text}")

    async def fees(self, contract: str) -> None:
        """Whether the configured fee covers the real one."""
        if not hasattr(self.client, "getFees"):
            self.tell("fees", "note", "this client does not tell them")
            return
        fees = await self.ask("fees", lambda: self.client.getFees(contract))
        if fees is None:
            return
        is_maker = self.place == "target" and self.config.choices.get("post_only", True)
        real: Decimal = fees["maker" if is_maker else "taker"]
        configured: Decimal = self.config.choices[f"{self.place}_fee"].proportional
        order = "resting" if is_maker else "taking"
        text = f"the venue takes {plain(real)} of a {order} order, {self.place}_fee has {plain(configured)}"
        self.tell("fees", "problem" if real > configured else "ok", text)

    async def variance(self, contract: str) -> None:
        """How much the price moves: without it a pool is never READY."""
        found = await self.ask("variance", lambda: self.variances.of(contract))
        if found is not None:
            self.tell("variance", "ok", f"{contract} {found:.6g} per {self.config.variance_period}")

    async def account(self) -> None:
        """Balances, and what the key may do, as far as asking shows it."""
        shapes = await self.ask("balances", self.client.getPositions)
        if shapes is not None:
            held = {ticker: Position.from_shape(ticker, shape) for ticker, shape in shapes.items()}
            for ticker in (self.cash, self.config.tickers.btc):
                position = held.get(ticker)
                amount = "nothing" if position is None or not position.position else plain(position.position)
                self.tell("balances", "note" if amount == "nothing" else "ok", f"{ticker}: {amount}")
        end = self.surroundings.now()
        reads: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("own orders", self.client.getOpenOrders),
            ("own trades", lambda: self.client.getTradeHistory(end - _RECENT, end)),
            ("transactions", lambda: self.client.getTransactionHistory(end - _RECENT, end)),
        ]
        if self.config.limits.transfers != "off":
            reads.append(("deposit address", lambda: self.client.getCurrentAddress(self.config.tickers.btc)))
        for subject, call in reads:
            if await self.ask(f"key, {subject}", call) is not None:
                self.tell(f"key, {subject}", "ok", "may be read")
        self.tell("key, trading", "note", "whether it may trade and withdraw shows only when it does; see docs/venues.md")

    async def rate(self) -> None:
        """The fiat rate, and how much it moves."""
        contract = self.config.tickers.fiat_contract
        await self.variance(contract)
        shape = await self.ask("rate", lambda: self.client.getOrderBook(contract))
        if shape is None:
            return
        book = Book.from_shape(shape)
        age = Decimal(self.surroundings.microseconds() - book.timestamp) / 1_000_000
        if book.mid is None:
            self.tell("rate", "problem", f"{contract} has no rate")
        elif age > self.config.limits.rate_age:
            self.tell("rate", "problem", f"{contract} is {age:.0f} s old; rate_age allows {plain(self.config.limits.rate_age)} s")
        else:
            self.tell("rate", "ok", f"{contract} {plain(book.mid)}")


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()
