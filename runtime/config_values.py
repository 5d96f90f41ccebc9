"""A config, read and checked: what the rest of the process is built from."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from attrs import field, frozen

from model.candle import Period, Window
from model.limits import Limits
from model.notice import SEVERITIES, Severity
from model.settings import Settings
from runtime.config_fields import QuietHours
from runtime.problems import ConfigError, Problem
from runtime.secrets import Secret, names_a_secret, password_in

Role = Literal["viewer", "operator"]

#: The endpoint that means the built-in simulated exchange.
SANDBOX: Final = "sandbox"


@frozen
class Modules:
    """Dotted names of the three clients' classes, as written; :mod:`runtime.registry` finds them."""

    source: str
    target: str
    fiat: str


@frozen
class Tickers:
    """The pool's currencies, and the contracts they make."""

    source: str
    target: str
    btc: str

    @property
    def source_contract(self) -> str:
        """BTC in source currency, e.g. ``BTC/USD``."""
        return f"{self.btc}/{self.source}"

    @property
    def fiat_contract(self) -> str:
        """The target currency in source currency, e.g. ``HUF/USD``."""
        return f"{self.target}/{self.source}"


@frozen
class Connection:
    """How to reach one exchange. ``endpoint`` ``sandbox`` means the built-in one; empty means the client's own default.

    ``options`` are the other keys of the section; they may hold secrets and are not shown. ``paper``: the keys of a simulated
    account on this exchange's market (:mod:`clients.paper.options`); None: the account is a real one.
    """

    section: str
    endpoint: str = ""
    id: str = ""
    secret: Secret = field(factory=Secret)
    options: Mapping[str, str] = field(factory=dict, repr=False)
    paper: Mapping[str, str] | None = None

    def secret_texts(self) -> tuple[str, ...]:
        """All that must not be seen."""
        hidden = [value for key, value in self.options.items() if names_a_secret(key)]
        return (self.secret.reveal(), *hidden)


@frozen
class User:
    """Who may use the console. ``password`` is an argon2 hash, or a clear text if not ``is_hashed``."""

    name: str
    password: Secret
    is_hashed: bool
    role: Role = "operator"


@frozen
class Web:
    """Where the console listens, and its TLS files (PEM), which the pool makes itself if ``is_self_signed``.

    ``proxy``: what browsers call the console at a proxy that speaks TLS for it; ``names``: what else they may call it.
    ``metrics_token``: who sends it as a bearer may read /metrics; empty: only who may log in.
    """

    ssl: bool
    port: int
    host: str
    ssl_key: str | None
    ssl_cert: str | None
    ssl_cert_chain: str | None
    is_self_signed: bool = False
    proxy: str | None = None
    names: tuple[str, ...] = ()
    metrics_token: Secret = field(factory=Secret)

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS, here or at the proxy."""
        return self.ssl or self.proxy is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """What browsers may call the console, besides this machine's own names."""
        return (self.host, *self.names, *((self.proxy,) if self.proxy else ()))


@frozen
class LogOptions:
    """``level``: what is less important is not logged. ``format``: of stderr. ``json_file``: a log as JSON lines, besides; put
    aside when it is larger than ``rotate_mb`` or older than ``rotate_hours``; ``keep_files`` of these are kept."""

    level: str
    json_file: str | None
    format: str = "text"
    rotate_mb: int = 100
    rotate_hours: Decimal = Decimal(24)
    keep_files: int = 14


@frozen
class Keep:
    """How long the ledger keeps what only explains: ``days``, and decisions up to so many megabytes; looked after every so
    many ``minutes``."""

    days: Decimal = Decimal(30)
    mb: int = 1_000
    minutes: int = 60


@frozen
class Dog:
    """What the watchdog needs: ``heartbeat`` is a file's path or a URL; connections with the keys it is to use."""

    heartbeat: str
    limit: Decimal
    source: Connection
    target: Connection


@frozen
class Mail:
    """E-mail ``to`` (none: no e-mail) by the server at ``host``."""

    to: tuple[str, ...] = ()
    sender: str = ""
    host: str = "127.0.0.1"
    port: int = 25
    user: str = ""
    password: Secret = field(factory=Secret)
    needs_tls: bool = False


@frozen
class Rule:
    """That ``target`` is told of what is at least of this severity."""

    target: str
    least: Severity = "info"


@frozen
class Notices:
    """Whom to tell of what: by ``mail``, by a POST to ``url``, by running ``command`` (empty: not so), by Apprise's URLs.

    ``events`` are told at all, ``urgent`` ones at once and in ``quiet`` hours (of ``zone``) too, the others gathered for
    ``digest`` seconds. ``targets``: Apprise's, by name. ``rules``: who is told of a kind; ``otherwise``: of the kinds that
    have no rule; None: everybody.
    """

    mail: Mail = field(factory=Mail)
    url: Secret = field(factory=Secret)
    command: str = ""
    events: tuple[str, ...] = ()
    urgent: tuple[str, ...] = ()
    digest: Decimal = Decimal(60)
    quiet: QuietHours | None = None
    zone: tzinfo = UTC
    targets: Mapping[str, Secret] = field(factory=dict)
    rules: Mapping[str, tuple[Rule, ...]] = field(factory=dict)
    otherwise: tuple[Rule, ...] | None = None

    def wants(self, target: str, kind: str, severity: Severity) -> bool:
        """Whether ``target`` is told of it."""
        rules = self.rules.get(kind, self.otherwise)
        if rules is None:
            return True
        rank = SEVERITIES.index(severity)
        return any(rule.target == target and rank >= SEVERITIES.index(rule.least) for rule in rules)


@frozen
class Config:
    """A whole config. ``path`` is None if it never was a file; ``choices`` are what :class:`Settings` takes from it.

    ``sandbox`` is the raw [sandbox] section. ``warnings`` are sentences for the person who starts the pool.
    """

    path: Path | None
    modules: Modules
    source: Connection
    target: Connection
    fiat: Connection
    tickers: Tickers
    variance_period: Period
    variance_window: Window
    variance_overrides: Mapping[str, Decimal]
    limits: Limits
    ledger_url: str = field(repr=False)
    tag: str
    web: Web
    users: Mapping[str, User]
    log: LogOptions
    sandbox: Mapping[str, str] | None
    warnings: tuple[str, ...]
    choices: Mapping[str, Any] = field(repr=False)
    keep: Keep = field(factory=Keep)
    notices: Notices = field(factory=Notices)
    watchdog: Dog | None = None

    @property
    def is_sandbox(self) -> bool:
        """Whether the exchanges are the built-in simulated ones."""
        return self.sandbox is not None

    @property
    def is_paper(self) -> bool:
        """Whether both exchanges have simulated accounts, so that no real money is at stake."""
        return self.source.paper is not None and self.target.paper is not None

    @property
    def begins_anew(self) -> bool:
        """Whether the world that the ledger tells of ends with the process: the sandbox's, or a paper account without a file."""
        papers = [place.paper for place in (self.source, self.target) if place.paper is not None]
        return self.is_sandbox or any(not paper.get("paper_file") for paper in papers)

    def variances_wanted(self) -> tuple[str, ...]:
        """The contracts whose variance no override fixes, so that their history is needed."""
        contracts = (self.tickers.source_contract, self.tickers.fiat_contract)
        return tuple(contract for contract in contracts if contract not in self.variance_overrides)

    def settings(self, variance_btc: Decimal | None = None, variance_fiat: Decimal | None = None) -> Settings:
        """What a decision depends on. The variances (as in Settings) give way to [variance_overrides].

        :raises ConfigError: for a variance that is neither given nor overridden.
        """
        btc, fiat = self.tickers.source_contract, self.tickers.fiat_contract
        variance_btc = self.variance_overrides.get(btc, variance_btc)
        variance_fiat = self.variance_overrides.get(fiat, variance_fiat)
        if variance_btc is None or variance_fiat is None:
            missing = [contract for contract, value in ((btc, variance_btc), (fiat, variance_fiat)) if value is None]
            raise ConfigError([_no_variance(self.path, contract) for contract in missing])
        return Settings(**self.choices, variance_btc=variance_btc, variance_fiat=variance_fiat)

    def secret_texts(self) -> tuple[str, ...]:
        """All that must never reach a log, a page or a traceback. What is the sandbox's is no secret."""
        places = [place for place in (self.source, self.target, self.fiat) if place.endpoint != SANDBOX]
        texts = [text for place in places for text in place.secret_texts()]
        texts += [user.password.reveal() for user in self.users.values() if not self.is_sandbox]
        texts += [self.web.metrics_token.reveal(), password_in(self.ledger_url)]
        texts += [self.notices.mail.password.reveal(), self.notices.url.reveal()]
        texts += [target.reveal() for target in self.notices.targets.values()]
        if self.watchdog is not None:
            texts += [self.watchdog.source.secret.reveal(), self.watchdog.target.secret.reveal()]
        return tuple(text for text in texts if text)


def _no_variance(path: Path | None, contract: str) -> Problem:
    text = "missing, and no history was loaded to find it from; write the variance of its price change per variance_period"
    return Problem(str(path or "config"), None, "variance_overrides", contract, text)
