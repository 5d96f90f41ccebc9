"""The running process: sandbox, ledger, pool and console come up in this order and go down in the reverse one."""

import gc
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import attrs
from twisted.internet import reactor as process_reactor
from twisted.internet import threads
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site

from clients.errors import ExchangeError
from clients.surroundings import Surroundings
from execution.rim import launch
from ledger.interface import LedgerError
from ledger.reading import SqlHistory
from model.settings import Settings
from model.snapshot import Snapshot
from runtime import logs, metrics, passwords, self_signed, signals, tls, wiring
from runtime.config_values import Config
from runtime.console_parameters import console_parameters
from runtime.heartbeat import Heartbeat
from runtime.looking_once import look
from runtime.notify import Notifier
from runtime.options import Options
from runtime.presence import Presence
from runtime.printing import say
from runtime.problems import CannotStart, ConfigError
from runtime.tidying import Tidying
from sandbox.service import Sandbox
from trader.meters import Meters
from trader.pool import Pool
from web.app import Console
from web.auth import User
from web.log_lines import LogRing

T = TypeVar("T")

#: So long a stop may take in all, in seconds; then the process ends, and what is still out is found at the next start.
LONGEST_STOP = 9.0

#: So long the thread of the ledger may keep the reactor waiting for the interpreter, in seconds; Python's own 5 ms are as
#: long as all the rest of the way from a tick to its quote.
FAIR_TURN = 0.0005


class Process:
    """Everything that runs, and in which order it starts and stops."""

    log = Logger()

    def __init__(self, config: Config, surroundings: Surroundings) -> None:
        self._config = config
        self._surroundings = surroundings
        self._reactor = surroundings.reactor
        self._sandbox: Sandbox | None = None
        self._pool: Pool | None = None
        self._console: Console | None = None
        self._ledger: Any = None
        self._history: SqlHistory | None = None
        self._tidying: Tidying | None = None
        self._notifier: Notifier | None = None
        self._heartbeat: Heartbeat | None = None
        self._presence: Presence | None = None
        self._port: Any = None
        self._forget_log: Callable[[], None] = lambda: None
        self._tell_stopping: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Bring everything up.

        :raises CannotStart: with one sentence.
        """
        config = self._config
        endpoints: Mapping[str, str] = {}
        keys: Mapping[str, tuple[str, str]] = {}
        if config.sandbox is not None:
            self._sandbox = Sandbox(config.sandbox, self._reactor, self._surroundings.now)
            await self._sandbox.start()
            endpoints, keys = self._sandbox.endpoints, self._sandbox.credentials
        exchanges = wiring.clients(config, self._surroundings, endpoints, keys)
        meters = Meters()
        exchanges, self._ledger = wiring.with_crash_point(exchanges, wiring.ledger(config, self._surroundings, meters.committed))
        try:
            await self._ledger.open()
        except LedgerError as error:
            raise CannotStart(f"the ledger: {error}") from None
        self._history = wiring.history(config, self._surroundings)
        if self._history is not None:
            self._history.open()
        self._notifier = wiring.notifier(config, self._surroundings)
        notify = self._notifier.notify
        self._pool = wiring.pool(config, exchanges, self._ledger, self._surroundings, notify, self._history, meters)
        self._presence = Presence(config, self._pool, self._surroundings)
        self._presence.start()
        self._tell_stopping = self._presence.stopping
        self._heartbeat = wiring.heartbeat(config, self._surroundings)
        if self._heartbeat is not None:
            try:
                self._heartbeat.start()
            except OSError as error:
                raise CannotStart(f"[watchdog] heartbeat: {error.filename}: {error.strerror}") from None
        self._tidying = wiring.tidying(config, self._ledger, self._surroundings)
        self._tidying.start()
        await self._listen(self._pool)
        # What is there now stays for ever: to look through it for garbage again and again would hold up a quote by 0.2 s.
        gc.collect()
        gc.freeze()
        self._pool.open()

    async def _listen(self, pool: Pool) -> None:
        web = self._config.web
        users = {name: User(name, user.role) for name, user in self._config.users.items()}
        parameters = console_parameters(pool.settings)
        ring = LogRing()
        self._forget_log = logs.keep(ring, self._config.log.level, self._config.secret_texts())
        self._console = Console(
            pool,
            users,
            self._reactor,
            verify=self._verify,
            parameters=parameters,
            hosts=web.hosts,
            is_secure=web.is_secure,
            history=self._history,
            log_ring=ring,
            registry=metrics.observe(pool, self._notifier, self._heartbeat),
            metrics_token=web.metrics_token.reveal(),
            is_behind_proxy=web.proxy is not None,
        )
        site: Site = self._console.site()
        try:
            self._port = await self._endpoint().listen(site)
        except CannotListenError as error:
            raise CannotStart(f"the console cannot listen on {web.host} port {web.port}: {error}") from error
        scheme = "https" if web.ssl else "http"
        host = f"[{web.host}]" if ":" in web.host else web.host
        say(f"console: {scheme}://{host}:{self._port.getHost().port}/")
        if self._config.is_sandbox:
            for user in self._config.users.values():
                if not user.is_hashed:
                    say(f"login: {user.name} / {user.password.reveal()}")

    def _endpoint(self) -> Any:
        web = self._config.web
        if not web.ssl:
            return TCP4ServerEndpoint(self._reactor, web.port, interface=web.host)
        if web.is_self_signed:
            try:
                key, certificate = self_signed.certificate(Path("var"), web.hosts, self._surroundings.now())
            except OSError as error:
                raise CannotStart(f"[webserver] {error.filename}: {error.strerror}") from None
            web = attrs.evolve(web, ssl_key=str(key), ssl_cert=str(certificate))
        return SSL4ServerEndpoint(self._reactor, web.port, tls.certificate_options(web), interface=web.host)

    def _verify(self, name: str, password: str) -> "Deferred[Any]":
        user = self._config.users.get(name)
        if user is None:
            # The same work for an unknown name: the time must not tell which names exist.
            return threads.deferToThread(passwords.hash_password, password).addCallback(lambda _hash: None)
        checked = threads.deferToThread(passwords.verify, user, password)
        return checked.addCallback(lambda is_right: user.role if is_right else None)

    async def stop(self) -> None:
        """Take everything down: own orders first, the ledger after them, the world last. Safe to repeat."""
        self._tell_stopping()
        if self._port is not None:
            await self._port.stopListening()
        if self._console is not None:
            self._console.close()
        if self._tidying is not None:
            self._tidying.stop()
        if self._pool is not None:
            await self._pool.close()
        elif self._ledger is not None:
            await self._ledger.close()
        for part in (self._heartbeat, self._presence, self._notifier):
            if part is not None:
                part.close()
        if self._history is not None:
            await self._history.close()
        if self._sandbox is not None:
            await self._sandbox.stop()
        self._forget_log()


def run(config: Config, _options: Options) -> int:
    """Run the pool until it is told to stop; 0 after a clean stop.

    :raises CannotStart: with one sentence.
    :raises ConfigError: what only shows when it is tried, e.g. a [sandbox] key.
    """
    process = Process(config, Surroundings(process_reactor))
    return until_stopped(process.start, process.stop)


def gather_once(config: Config) -> tuple[Snapshot, Settings]:
    """Connect, gather one snapshot with the settings that go with it, disconnect. Trades nothing.

    :raises CannotStart: with one sentence.
    """
    return once(lambda surroundings: look(config, surroundings))


def once(work: Callable[[Surroundings], Coroutine[Any, Any, T]]) -> T:
    """Run the reactor for as long as ``work`` takes; its result.

    :raises CannotStart: with one sentence.
    """
    found: list[T] = []
    surroundings = Surroundings(process_reactor)

    async def start() -> None:
        found.append(await work(surroundings))
        surroundings.reactor.callLater(0, surroundings.reactor.stop)

    async def stop() -> None:
        return None

    until_stopped(start, stop)
    if not found:
        raise CannotStart("it was told to stop before there was a result")
    return found[0]


def until_stopped(start: Callable[[], Any], stop: Callable[[], Any]) -> int:
    """Run the reactor: ``start`` when it turns, ``stop`` before it ends; 0 after a clean stop.

    :raises CannotStart: what ``start`` failed with; ConfigError, or a bug, alike.
    """
    reactor: Any = process_reactor
    failures: list[Failure] = []
    starting: list[Deferred[Any]] = []
    sys.setswitchinterval(FAIR_TURN)

    def end() -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            reactor.stop()

    def begin() -> None:
        starting.append(Deferred.fromCoroutine(start()).addErrback(failed))

    def failed(failure: Failure) -> None:
        if not failure.check(CancelledError):  # told to stop before it was up
            failures.append(failure)
        end()

    def stopping() -> "Deferred[None]":
        for begun in starting:
            # It would go on bringing up what is taken down beside it.
            begun.cancel()
        stopped = launch(Process.log, "stopping", stop())
        stopped.addTimeout(LONGEST_STOP, reactor)
        return stopped.addErrback(lambda _late: None)

    # The reactor puts up handlers of its own first, which a second Ctrl-C would find gone.
    reactor.callWhenRunning(signals.end_by, lambda: reactor.callFromThread(end))
    reactor.callWhenRunning(begin)
    reactor.addSystemEventTrigger("before", "shutdown", stopping)
    reactor.run()
    signals.ignore()
    if failures:
        error = failures[0].value
        if isinstance(error, CannotStart | ConfigError):
            raise error
        if isinstance(error, ExchangeError | ValueError):
            raise CannotStart(str(error)) from error
        failures[0].raiseException()
    return 0
