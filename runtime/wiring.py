"""The one place where everything is constructed and connected."""

import os
import shutil
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy.engine import make_url

from clients.paper import PaperNetwork
from clients.surroundings import Surroundings
from execution.addresses import Addresses
from execution.books import Books
from execution.desk import OrderDesk
from execution.hedges import Hedges
from execution.intake import Intake
from execution.intents import Names
from execution.quotes import Quotes
from execution.rate_budget import RateBudget
from execution.tasks import Tasks
from execution.transfers import Transfers
from ledger.interface import ILedger
from ledger.reading import IHistory, SqlHistory
from ledger.sql import SqlLedger
from ledger.writer import Committed, nobody_counts
from market.feed import VenueFeed
from model.notice import Notify, nobody
from model.settings import Settings
from model.transfer import Place
from runtime import memory, paper, registry
from runtime.config_values import Config, Connection
from runtime.crash_points import VARIABLE, CrashPoint
from runtime.heartbeat import Heartbeat, is_url
from runtime.notify import Notifier
from runtime.parameters import current_texts, parse_changes
from runtime.problems import CannotStart
from runtime.senders import senders
from runtime.tidying import Tidying
from runtime.variances import Variances
from trader.deciding import Decider
from trader.meters import Meters
from trader.parts import Parts
from trader.pool import Pool

#: How often a fiat rate that is not streamed is asked for, in seconds.
RATE_POLL = 30.0


@attrs.frozen
class Clients:
    """The three exchanges."""

    source: Any
    target: Any
    fiat: Any


def clients(
    config: Config, surroundings: Surroundings, endpoints: Mapping[str, str], keys: Mapping[str, tuple[str, str]]
) -> Clients:
    """Construct the three clients; nothing is connected yet.

    :raises runtime.problems.ConfigError: a class that cannot be found or will not have what the config says.
    """

    network = PaperNetwork()

    def make(module: str, connection: Connection) -> Any:
        if connection.endpoint == "sandbox":
            kind = next((kind for kind in endpoints if f".{kind}." in f".{module.lower()}."), "")
            id, secret = keys.get(kind, ("", ""))
            hidden = type(connection.secret)(secret)
            connection = attrs.evolve(connection, endpoint=endpoints.get(kind, ""), id=id, secret=hidden)
        client = registry.construct(module, connection, surroundings)
        return client if connection.paper is None else paper.around(client, connection, config, surroundings, network)

    return Clients(
        make(config.modules.source, config.source),
        make(config.modules.target, config.target),
        make(config.modules.fiat, config.fiat),
    )


def ledger(config: Config, surroundings: Surroundings, committed: Committed = nobody_counts) -> SqlLedger:
    """The ledger of this config, not opened yet; ``committed`` counts its transactions.

    :raises runtime.problems.CannotStart: its place cannot be used.
    """
    memory.prepare(config)
    return SqlLedger(config.ledger_url, surroundings.reactor, committed)


def history(config: Config, surroundings: Surroundings) -> SqlHistory | None:
    """The same ledger for people to read, not opened yet; None where it is in memory, which nobody else can read."""
    is_in_memory = config.ledger_url.startswith("sqlite") and _ledger_file(config) is None
    return None if is_in_memory else SqlHistory(config.ledger_url, surroundings.reactor)


def _ledger_file(config: Config) -> Path | None:
    url = make_url(config.ledger_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def disk_free(config: Config) -> Callable[[], int | None] | None:
    """How to learn the bytes that are left for a ledger on this machine, None while that cannot be told; None for a server's."""
    file = _ledger_file(config)
    return None if file is None else partial(_free, file.parent)


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def with_crash_point(exchanges: Clients, book_keeper: SqlLedger) -> tuple[Clients, Any]:
    """Both as they are; or, for tests that kill the pool, with the one crash point that the environment names.

    :raises CannotStart: it names none that there is.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return exchanges, book_keeper
    try:
        point = CrashPoint(wanted)
    except ValueError as error:
        raise CannotStart(f"{VARIABLE}: {error}") from None
    source, target = point.around_client(exchanges.source, "source"), point.around_client(exchanges.target, "target")
    return Clients(source, target, exchanges.fiat), point.around_ledger(book_keeper)


def notifier(config: Config, surroundings: Surroundings) -> Notifier:
    """Whoever tells people."""
    name = config.path.stem if config.path else "pool"
    channels = senders(config.notices, surroundings.reactor)
    return Notifier(config.notices, name, channels, surroundings.reactor, surroundings.now)


def heartbeat(config: Config, surroundings: Surroundings) -> Heartbeat | None:
    """What the watchdog feels; None where it asks a URL, or there is none."""
    if config.watchdog is None or is_url(config.watchdog.heartbeat):
        return None
    return Heartbeat(Path(config.watchdog.heartbeat), surroundings.reactor)


def tidying(config: Config, book_keeper: ILedger, surroundings: Surroundings) -> Tidying:
    """What keeps the ledger small, not started yet."""
    return Tidying(book_keeper, config.ledger_url, config.keep, surroundings.reactor, surroundings.microseconds)


def variances(config: Config, exchanges: Clients, surroundings: Surroundings) -> Variances:
    """Where the variances come from."""
    return Variances(config, exchanges.source, exchanges.fiat, history_folder(config), surroundings.microseconds)


def history_folder(config: Config) -> Path:
    """Where price histories are kept: apart for other endpoints than the venues' own, whose prices are other ones."""
    elsewhere = " ".join(place.endpoint for place in (config.source, config.fiat))
    folder = Path("var/history")
    return folder / sha256(elsewhere.encode()).hexdigest()[:12] if elsewhere.strip() else folder


def feeds(config: Config, exchanges: Clients, surroundings: Surroundings) -> tuple[dict[Place, VenueFeed], VenueFeed]:
    """The live books of both venues, and the rate's."""
    now, clock, tickers = surroundings.microseconds, surroundings.reactor, config.tickers
    source = VenueFeed(_name(exchanges.source), exchanges.source, tickers.source_contract, clock, now)
    target = VenueFeed(_name(exchanges.target), exchanges.target, f"{tickers.btc}/{tickers.target}", clock, now)
    fiat = VenueFeed(_name(exchanges.fiat), exchanges.fiat, tickers.fiat_contract, clock, now, RATE_POLL)
    return {"source": source, "target": target}, fiat


def pool(
    config: Config,
    exchanges: Clients,
    book_keeper: ILedger,
    surroundings: Surroundings,
    notify: Notify = nobody,
    past: IHistory | None = None,
    meters: Meters | None = None,
) -> Pool:
    """The pool, not opened yet; ``meters`` None: it is counted and timed for nobody."""
    reactor, now = surroundings.reactor, surroundings.microseconds
    live, fiat = feeds(config, exchanges, surroundings)
    settings = _settings(config)
    names, books = Names(config.tag, now), Books(book_keeper)
    by_place: dict[Place, Any] = {"source": exchanges.source, "target": exchanges.target}
    desks = {place: OrderDesk(place, client, books, book_keeper, reactor, now) for place, client in by_place.items()}
    limits = config.limits
    holder: list[Pool] = []
    slippage = lambda: holder[0].settings.max_slippage  # noqa: E731
    tasks = Tasks(book_keeper, now, notify)
    budgets: dict[Place, RateBudget] = {place: RateBudget(limits.max_orders_per_minute, now) for place in by_place}
    transfers = _transfers(config, settings, by_place, book_keeper, tasks, names, now, notify)
    patience = float(limits.hedge_age)
    contract, may_hedge = settings.target_contract, budgets["source"].take
    parts = Parts(
        reactor=reactor,
        now=now,
        limits=limits,
        ledger=book_keeper,
        books=books,
        clients=by_place,
        feeds=live,
        desks=desks,
        fiat=fiat,
        quotes=Quotes(desks["target"], names, contract, budgets["target"], now, settings.post_only),
        hedges=Hedges(desks["source"], live["source"], book_keeper, names, reactor, now, slippage, patience, may_hedge),
        transfers=transfers,
        tasks=tasks,
        intake=Intake(by_place, books, book_keeper, transfers, now, settings.btc),
        names=names,
        decider=Decider(reactor),
        what_if=Decider(reactor),
        variances=variances(config, exchanges, surroundings).find,
        notify=notify,
        history=past,
        disk_free=disk_free(config),
        budgets=budgets,
        meters=meters if meters is not None else Meters(),
    )
    holder.append(Pool(parts, settings, parse_changes, _changes, config.is_sandbox, config.is_paper))
    return holder[0]


def _transfers(
    config: Config,
    settings: Settings,
    exchanges: dict[Place, Any],
    book_keeper: ILedger,
    tasks: Tasks,
    names: Names,
    now: Callable[[], int],
    notify: Notify,
) -> Transfers:
    delays = {settings.btc: settings.btc_delay}
    cash: dict[Place, str] = {"source": settings.source, "target": settings.target}
    addresses = Addresses(exchanges, cash, config.limits.addresses, settings.out_address)

    def delay(ticker: str) -> Decimal:
        return delays.get(ticker, settings.fiat_exchange_delay)

    return Transfers(exchanges, book_keeper, tasks, names, now, config.limits, addresses, delay, notify)


def _settings(config: Config) -> Settings:
    """Until the variances are known nothing is decided: the pool asks for them before it is READY."""
    return config.settings(Decimal(0), Decimal(0))


def _changes(before: Settings, after: Settings) -> dict[str, tuple[str, str]]:
    old, new = current_texts(before), current_texts(after)
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


def _name(client: Any) -> str:
    return str(getattr(client, "name", type(client).__name__))
