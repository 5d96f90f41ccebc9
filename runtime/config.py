"""From a config file to a checked :class:`Config`, or to all that is wrong with it at once.

The keys, their units and what is allowed stand in :mod:`runtime.config_sections`.
"""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from attrs import Factory, define
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from model.candle import Period, Window
from model.limits import Limits
from model.money import ZERO
from model.settings import Edge, Settings
from runtime.config_access import Access, is_loopback, meant
from runtime.config_fields import AMOUNT, EDGE, SELF_SIGNED
from runtime.config_sections import (
    FREE,
    KEYED,
    Data,
    Ledger,
    LimitsSection,
    Log,
    ModulesSection,
    NotifySection,
    Pool,
    Section,
    TickersSection,
    Trader,
    Valuation,
    Watchdog,
    Webserver,
    about,
    required,
)
from runtime.config_source import Source, read
from runtime.config_values import (
    SANDBOX,
    Config,
    Connection,
    Dog,
    Keep,
    LogOptions,
    Modules,
    Notices,
    Role,
    Tickers,
    User,
    Web,
)
from runtime.config_watching import metrics_token_of, notices_of, watchdog_of
from runtime.problems import CannotStart, ConfigError, Problem
from runtime.secrets import Secret, exposure, password_in
from sandbox.options import BadOptions, parse_options

__all__ = [
    "CannotStart",
    "Config",
    "ConfigError",
    "Connection",
    "LogOptions",
    "Modules",
    "Problem",
    "Role",
    "Secret",
    "Tickers",
    "User",
    "Web",
    "load",
    "parse_sections",
]

S = TypeVar("S", bound=Section)

#: Above this a greater penalty changes nothing but the number of transfers (design/optimizer.md).
_MOST_USEFUL_PENALTY = Decimal("0.01")
_CONNECTIONS = ("source_connection", "target_connection", "fiat_connection")
_LEDGERS = ("sqlite:", "postgresql:", "postgresql+psycopg:")
_LOOPBACK = Web(False, 0, "127.0.0.1", None, None, None)
_SETTINGS = frozenset(field.name for field in attrs.fields(Settings))


def load(
    path: Path,
    environment: Mapping[str, str] = os.environ,
    is_offline: bool = False,
    find: Callable[[str], object] | None = None,
) -> Config:
    """Read and check a config file.

    :param is_offline: nothing will be connected to: secrets that are not there do not matter.
    :param find: finds the class of a name in [modules] or raises ValueError; None: the names are not looked up.
    :raises ConfigError: with all problems.
    :raises OSError: if the file cannot be read.
    """
    return _build(read(path), path, environment, is_offline, find)


def parse_sections(sections: Mapping[str, Mapping[str, str]], environment: Mapping[str, str] = os.environ) -> Config:
    """Check a config that is no file, given as texts by section and key.

    :raises ConfigError: with all problems.
    """
    return _build(Source("config", sections), None, environment, is_offline=False)


def edge_problems(enter: Edge, leave: Edge, least: Edge | None) -> dict[str, str]:
    """What is wrong with the edges as a set, by key of [trader].

    Without any edge at all there is no band to speak of, so both may be 0.
    """
    found = {}
    if enter.is_share != leave.is_share:
        found["edge_to_leave"] = "allowed: with % if edge_to_enter is written with %, else without"
    elif leave.value >= enter.value and (leave.value or enter.value):
        found["edge_to_leave"] = "allowed: less than edge_to_enter"
    if least is not None and least.is_share != enter.is_share:
        found["edge_min"] = "allowed: with % if edge_to_enter is written with %, else without"
    elif least is not None and least.value > enter.value:
        found["edge_min"] = "allowed: at most edge_to_enter"
    return found


def penalty_warnings(penalty: Decimal) -> tuple[str, ...]:
    """A sentence on a penalty that is greater than does good."""
    if penalty <= _MOST_USEFUL_PENALTY:
        return ()
    return (f"[valuation] deviation_penalty is {penalty}; above {_MOST_USEFUL_PENALTY} more of it only makes more transfers",)


def paper_warnings(source: Connection, target: Connection) -> tuple[str, ...]:
    """A sentence on a pool of which one half is imagined."""
    real = [place for place in (source, target) if place.paper is None]
    if len(real) != 1 or real[0].endpoint == SANDBOX:
        return ()
    return (f"[{real[0].section}] IS NOT PAPER, THE OTHER EXCHANGE IS: REAL ORDERS WILL ANSWER TO IMAGINED ONES",)


def _build(
    source: Source,
    path: Path | None,
    environment: Mapping[str, str],
    is_offline: bool,
    find: Callable[[str], object] | None = None,
) -> Config:
    reader = _Reader(source, Access(source, environment, is_offline, "sandbox" in source.sections), find)
    return reader.read(path)


def _is_url(text: str) -> bool:
    """Whether SQLAlchemy can read it."""
    try:
        return "\0" not in (make_url(text).database or "")
    except (ArgumentError, ValueError):
        return False


@define
class _Reader:
    """Reads ``source``; goes on past each problem, so that all are told at once."""

    source: Source
    access: Access
    find: Callable[[str], object] | None = None
    problems: list[Problem] = Factory(list)
    parts: dict[type[Section], Section] = Factory(dict)

    def read(self, path: Path | None) -> Config:
        """The config.

        :raises ConfigError: in the order of the file's lines.
        """
        self._check_names()
        for name, model in KEYED.items():
            self._read_part(name, model)
        connections = [self.access.connection(section) for section in _CONNECTIONS]
        self._check_modules()
        # A mistake in [webserver] does not hide those in [users].
        users = self.access.users(self._web(self._part(Webserver)) if Webserver in self.parts else _LOOPBACK)
        balances = self._balances()
        overrides = self._overrides()
        ledger_url = self._ledger_url(path, connections)
        notices, token = Notices(), Secret()
        if NotifySection in self.parts:
            notices = notices_of(self._part(NotifySection), self.access, self._complain)
        if Webserver in self.parts:
            token = metrics_token_of(self._part(Webserver), self.access, self._complain)
        dog = self._watchdog(connections, ledger_url, path)
        self._check_edges()
        self._check_sandbox()
        self._check_exposure(path)
        if problems := [*self.source.problems, *self.problems, *self.access.problems]:
            raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
        config = self._config(path, connections, users, balances, overrides, ledger_url)
        return attrs.evolve(config, notices=notices, watchdog=dog, web=attrs.evolve(config.web, metrics_token=token))

    def _config(
        self,
        path: Path | None,
        connections: list[Connection],
        users: Mapping[str, User],
        balances: Mapping[str, Decimal],
        overrides: Mapping[str, Decimal],
        ledger_url: str,
    ) -> Config:
        data, modules, log = self._part(Data), self._part(ModulesSection), self._part(Log)
        source, target, fiat = connections
        return Config(
            path=path,
            modules=Modules(modules.source, modules.target, modules.fiat),
            source=source,
            target=target,
            fiat=fiat,
            tickers=self._tickers(),
            variance_period=cast(Period, data.variance_period),
            variance_window=cast(Window, data.variance_window),
            variance_overrides=overrides,
            limits=Limits(**dict(self._part(LimitsSection)), addresses=dict(self.source.sections.get("addresses", {}))),
            ledger_url=ledger_url,
            tag=self._part(Pool).tag,
            web=self._web(self._part(Webserver)),
            users=users,
            log=LogOptions(**dict(log)),
            sandbox=self.source.sections.get("sandbox"),
            warnings=(
                *self.access.warnings,
                *paper_warnings(source, target),
                *penalty_warnings(self._part(Valuation).deviation_penalty),
            ),
            choices=self._choices(balances),
            keep=Keep(self._part(Ledger).keep_days, self._part(Ledger).keep_mb, self._part(Ledger).tidy_minutes),
        )

    def _part(self, model: type[S]) -> S:
        part = self.parts[model]
        assert isinstance(part, model)
        return part

    def _read_part(self, name: str, model: type[Section]) -> None:
        given = self.source.sections.get(name)
        if given is None and (needed := required(name)):
            self._complain(name, "", f"the section is missing; it must have {', '.join(needed)}")
            return
        try:
            self.parts[model] = model.model_validate(given or {})
        except ValidationError as error:
            self.problems += [self._worded(name, detail) for detail in error.errors(include_url=False, include_context=False)]

    def _worded(self, section: str, detail: ErrorDetails) -> Problem:
        key = str(detail["loc"][0])
        known = about(section, key)
        if known is None:
            # What was got is not quoted: it may be a secret in the wrong place.
            return self.source.problem(section, key, f"unknown key{meant(key, KEYED[section].model_fields)}")
        allowed, meaning = known
        got = "missing" if detail["type"] == "missing" else f"got {detail['input']!r}"
        unit = f", in {meaning.unit}" if meaning.unit else ""
        return self.source.problem(section, key, f"{got}; allowed: {allowed}{unit}")

    def _check_names(self) -> None:
        known = KEYED | FREE
        for name in self.source.sections:
            if name not in known:
                self._complain(name, "", f"unknown section{meant(name, known)}")

    def _check_modules(self) -> None:
        for place, name in self.parts.get(ModulesSection, ()):
            try:
                if self.find is not None:
                    self.find(name)
            except ValueError as error:
                self._complain("modules", place, str(error))

    def _tickers(self) -> Tickers:
        part = self._part(TickersSection)
        return Tickers(part.source, part.target, part.btc)

    def _balances(self) -> dict[str, Decimal]:
        """The ideal balances by their names in :class:`Settings`."""
        if TickersSection not in self.parts:
            return {}
        tickers = self._tickers()
        if tickers.btc in (tickers.source, tickers.target):
            self._complain("tickers", "btc", f"got {tickers.btc!r}; allowed: another ticker than those of the fiat currencies")
        found = {}
        for place, cash in (("source", tickers.source), ("target", tickers.target)):
            section = f"target_balance_{place}"
            balances = self._numbers(section, (cash, tickers.btc))
            for ticker in (cash, tickers.btc):
                if ticker not in self.source.sections.get(section, {}):
                    self._complain(section, ticker, f"missing; allowed: {AMOUNT.allowed}, in {ticker}")
            found[f"ideal_{place}_cash"] = balances.get(cash, ZERO)
            found[f"ideal_{place}_btc"] = balances.get(tickers.btc, ZERO)
        return found

    def _overrides(self) -> dict[str, Decimal]:
        if TickersSection not in self.parts:
            return {}
        tickers = self._tickers()
        return self._numbers("variance_overrides", (tickers.source_contract, tickers.fiat_contract))

    def _numbers(self, section: str, keys: tuple[str, ...]) -> dict[str, Decimal]:
        found = {}
        for key, text in self.source.sections.get(section, {}).items():
            if key not in keys:
                self._complain(section, key, f"unknown key; allowed: {', '.join(keys)}")
                continue
            try:
                found[key] = AMOUNT.parse(text)
            except ValueError:
                unit = "squared price change per variance_period" if section == "variance_overrides" else key
                self._complain(section, key, f"got {text!r}; allowed: {AMOUNT.allowed}, in {unit}")
        return found

    def _web(self, part: Webserver) -> Web:
        host = part.hostname or part.host
        if part.hostname and "host" in part.model_fields_set:
            self._complain("webserver", "hostname", "another word for host, which stands here too; keep one of them")
        is_self_signed = part.ssl == SELF_SIGNED
        if part.ssl and not is_self_signed:
            for key, file in (("ssl_key", part.ssl_key), ("ssl_cert", part.ssl_cert)):
                if file is None:
                    self._complain("webserver", key, "missing; allowed: the path of a PEM file, as ssl is true")
        if not part.ssl and not part.proxy and not is_loopback(host):
            remedy = "set ssl = self-signed or true, name the proxy that speaks TLS in proxy, or listen on 127.0.0.1"
            self._complain("webserver", "host", f"got {host!r}, which others can reach, without TLS; {remedy}")
        names = tuple((part.names or "").split())
        files = (part.ssl_key, part.ssl_cert, part.ssl_cert_chain)
        return Web(bool(part.ssl), part.port, host, *files, is_self_signed, part.proxy, names)

    @staticmethod
    def _papers(connections: list[Connection]) -> list[Connection]:
        return [connection for connection in connections if connection.paper is not None]

    def _ledger_url(self, path: Path | None, connections: list[Connection]) -> str:
        part = self.parts.get(Ledger)
        url = part.url if isinstance(part, Ledger) else None
        if url is None:
            # Imagined money never shares a ledger with real money.
            return f"sqlite:///var/ilp-{path.stem if path else 'pool'}{'-paper' if self._papers(connections) else ''}.sqlite"
        resolved = self.access.text("ledger", "url", url, is_secret=bool(password_in(url)))
        if resolved and not (resolved.startswith(_LEDGERS) and _is_url(resolved)):
            # Not quoted: it may hold a password.
            self._complain("ledger", "url", f"allowed: an SQLAlchemy URL that begins with {' or '.join(_LEDGERS)}")
        return resolved

    def _watchdog(self, connections: list[Connection], ledger_url: str, path: Path | None) -> Dog | None:
        """None for the built-in sandbox and for paper: these orders die with the pool."""
        if Watchdog not in self.parts or "sandbox" in self.source.sections or self._papers(connections):
            return None
        source, target, _ = connections
        return watchdog_of(self._part(Watchdog), self.access, source, target, ledger_url, path.stem if path else "pool")

    def _choices(self, balances: Mapping[str, Decimal]) -> dict[str, Any]:
        """Everything that :class:`Settings` takes from the config; only the variances are still to be found."""
        tickers = self._tickers()
        found: dict[str, Any] = {"source": tickers.source, "target": tickers.target, "btc": tickers.btc, **balances}
        for model in (Valuation, Data, Trader):
            found |= {key: value for key, value in self._part(model) if key in _SETTINGS}
        return found

    def _check_edges(self) -> None:
        # From the texts, so that another mistake in [trader] does not hide this one.
        given = self.source.sections.get("trader", {})
        try:
            enter, leave = EDGE.parse(given["edge_to_enter"]), EDGE.parse(given["edge_to_leave"])
            least = EDGE.parse(given["edge_min"]) if given.get("edge_min") else None
        except (KeyError, ValueError):
            return  # Told already, key by key.
        for key, text in edge_problems(enter, leave, least).items():
            self._complain("trader", key, f"got {given[key]!r}; {text}")

    def _check_sandbox(self) -> None:
        try:
            parse_options(self.source.sections.get("sandbox", {}))
        except BadOptions as error:
            for key, text in error.problems.items():
                self._complain("sandbox", key, text)

    def _check_exposure(self, path: Path | None) -> None:
        if path is None or not self.access.literal_secrets:
            return
        if remedy := exposure(path):
            section, key = self.access.literal_secrets[0]
            self._complain(section, key, f"a secret stands here and others can read this file; type: {remedy}")

    def _complain(self, section: str, key: str, text: str) -> None:
        self.problems.append(self.source.problem(section, key, text))
