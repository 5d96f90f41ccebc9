"""Every section and key of a config: meaning, unit, what is allowed and the default, in one place.

The words and meanings are those of the seed (003); what is newer is optional. The console's fields, UPDATE's checks and the
reference are made from these same lines (:mod:`runtime.parameters`).
"""

from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from model.notice import KINDS
from model.settings import Cost, Edge
from runtime.config_fields import (
    AMOUNT,
    COST,
    DOTTED,
    EDGE,
    EVENTS,
    FLAG,
    MAYBE_TEXT,
    QUIET,
    SHARE,
    TAG,
    TEXT,
    TICKER,
    TLS,
    ZONE,
    Key,
    QuietHours,
    choice,
    number,
    optional,
    whole,
)

_POSITIVE = number(above=0)
_LIMIT = optional(_POSITIVE)
_SECONDS = number(low=Decimal("0.1"), high=86_400)
_AGE = number(above=0, high=31_536_000)


class Section(BaseModel):
    """Any section: a key that is not written here is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ModulesSection(Section):
    """Which classes connect to the three exchanges."""

    source: Annotated[str, DOTTED, Key("", "the exchange that liquidity is taken from")]
    target: Annotated[str, DOTTED, Key("", "the exchange that liquidity is offered on")]
    fiat: Annotated[str, DOTTED, Key("", "where the rate of the target currency in source currency comes from")]


class TickersSection(Section):
    """The currencies, as the exchange interface spells them."""

    source: Annotated[str, TICKER, Key("", "the fiat currency at the source exchange")]
    target: Annotated[str, TICKER, Key("", "the fiat currency at the target exchange")]
    btc: Annotated[str, TICKER, Key("", "the ticker for bitcoin")] = "BTC"


class Valuation(Section):
    """What a state of the pool is worth."""

    deviation_penalty: Annotated[
        Decimal, AMOUNT, Key("", "how much to punish deviating from the target balances; useful: 0.0005 to 0.003", True)
    ]
    risk_aversion: Annotated[
        Decimal, AMOUNT, Key("1/source currency", "how afraid to be of volatility; for a pool of 400,000: 3e-5 to 1e-4", True)
    ]


class Data(Section):
    """What things cost and how long they take. Costs may be inflated on purpose."""

    fiat_exchange_cost: Annotated[
        Cost, COST, Key("source currency, share", "fixed and variable cost of moving fiat between source and target", True)
    ]
    source_fee: Annotated[Cost, COST, Key("source currency, share", "fixed and variable cost of a trade at the source", True)]
    target_fee: Annotated[Cost, COST, Key("target currency, share", "fixed and variable cost of a trade on the target", True)]
    btc_fee: Annotated[Decimal, AMOUNT, Key("BTC", "the network's fee for one bitcoin transfer", True)]
    fiat_exchange_delay: Annotated[Decimal, AMOUNT, Key("s", "how long a fiat transfer takes")] = Decimal(86_400)
    btc_delay: Annotated[Decimal, AMOUNT, Key("s", "how long a bitcoin transfer takes")] = Decimal(3_600)
    variance_period: Annotated[
        str, choice("minute", "hour", "day"), Key("", "the time over which one price change is measured for the variance")
    ] = "day"
    variance_window: Annotated[str, choice("day", "week", "month", "year"), Key("", "how far to look back for the variance")] = (
        "month"
    )


class Trader(Section):
    """How the pool quotes and trades."""

    quote_size: Annotated[Decimal, _POSITIVE, Key("BTC", "the size of each quote", True)]
    edge_to_enter: Annotated[
        Edge, EDGE, Key("source currency per BTC, or %", "what a new quote must earn over indifference", True)
    ]
    edge_to_leave: Annotated[
        Edge,
        EDGE,
        Key("source currency per BTC, or %", "what a live quote must still earn to be left alone; below edge_to_enter", True),
    ]
    edge_min: Annotated[
        Edge | None,
        optional(EDGE),
        Key("source currency per BTC, or %", "the least a quote earns when it joins the market; empty: edge_to_enter", True),
    ] = None
    out_address: Annotated[
        str | None, MAYBE_TEXT, Key("", "where source currency goes that leaves the system; empty: none leaves")
    ] = None
    period: Annotated[Decimal, _SECONDS, Key("s", "how often the pool looks at everything and decides")] = Decimal(5)
    min_action_value: Annotated[Decimal, AMOUNT, Key("source currency", "a trade or transfer worth less is not done", True)] = (
        Decimal(1)
    )
    max_slippage: Annotated[Decimal, SHARE, Key("share", "source book levels further from the best price are not used", True)] = (
        Decimal("0.01")
    )
    max_skew: Annotated[Decimal, SHARE, Key("share", "how far a quote may be on the wrong side of the fair price", True)] = (
        Decimal("0.005")
    )
    post_only: Annotated[bool, FLAG, Key("", "whether quotes may only rest, never cross the target's book", True)] = True
    levels: Annotated[int, whole(1, 10), Key("", "how many quotes on each side", True)] = 1
    max_exposure: Annotated[
        Decimal | None,
        _LIMIT,
        Key("BTC", "beyond this distance from the ideal the excess is traded at once; empty: no limit", True),
    ] = None
    hedge: Annotated[
        str, choice("optimal", "immediate"), Key("", "trade at the source what the optimum says, or cover every fill", True)
    ] = "optimal"
    charge_markout: Annotated[bool, FLAG, Key("", "whether quotes charge the measured cost of our own fills", True)] = True
    time_limit: Annotated[Decimal, number(low=Decimal("0.1"), high=60), Key("s", "how long one decision may take")] = Decimal(2)


class LimitsSection(Section):
    """How far the pool may go. The meanings are those of :class:`model.limits.Limits`."""

    book_age: Annotated[Decimal, _AGE, Key("s", "a streamed book whose connection is silent for longer is stale")] = Decimal(10)
    rate_age: Annotated[Decimal, _AGE, Key("s", "an older fiat rate is stale")] = Decimal(345_600)
    balance_age: Annotated[Decimal, _AGE, Key("s", "how long a venue may fail to report its balances")] = Decimal(120)
    hedge_age: Annotated[Decimal, _AGE, Key("s", "how long one hedge order may rest before it is priced again")] = Decimal(5)
    venue_away: Annotated[Decimal, _AGE, Key("s", "how long a venue may be gone before people are told")] = Decimal(60)
    max_clock_skew: Annotated[Decimal, _AGE, Key("s", "how far a venue's clock may be from ours")] = Decimal(30)
    max_order_value: Annotated[
        Decimal | None, _LIMIT, Key("source currency", "no single order is worth more; empty: no limit")
    ] = None
    max_position: Annotated[
        Decimal | None, _LIMIT, Key("BTC", "nothing is bought at a venue that would then hold more; empty: no limit")
    ] = None
    max_orders_per_minute: Annotated[int, whole(1, 100_000), Key("orders/min", "no more orders are placed at one venue")] = 120
    max_loss_per_day: Annotated[
        Decimal | None, _LIMIT, Key("source currency", "trading stops after losing this in 24 hours; empty: no limit")
    ] = None
    max_failed_cycles: Annotated[int, whole(1, 1_000), Key("", "trading stops after this many failed cycles in a row")] = 5
    max_difference: Annotated[
        Decimal, AMOUNT, Key("source currency", "how far the pool's books and a venue's balances may differ")
    ] = Decimal(0)
    transfers: Annotated[
        str,
        choice("off", "approve", "automatic"),
        Key("", "whether transfers are not made, wait for a person's yes, or are made"),
    ] = "approve"
    max_transfer_value: Annotated[
        Decimal | None, _LIMIT, Key("source currency", "no single transfer is worth more; empty: no limit")
    ] = None
    max_transfer_value_per_day: Annotated[
        Decimal | None, _LIMIT, Key("source currency", "nor are those of any 24 hours together; empty: no limit")
    ] = None
    transfer_interval: Annotated[Decimal, AMOUNT, Key("s", "time between two transfers of the same kind")] = Decimal(60)


class Webserver(Section):
    """The console."""

    ssl: Annotated[
        bool | str,
        TLS,
        Key("", "whether the console speaks TLS, with ssl_key and ssl_cert; self-signed: with a certificate that the pool makes"),
    ] = False
    port: Annotated[int, whole(0, 65_535), Key("", "which port to run on; 0: any free one")] = 8_050
    host: Annotated[str, TEXT, Key("", "which address to run on")] = "127.0.0.1"
    hostname: Annotated[str | None, MAYBE_TEXT, Key("", "another word for host")] = None
    ssl_key: Annotated[str | None, MAYBE_TEXT, Key("", "path of the TLS private key (PEM)")] = None
    ssl_cert: Annotated[str | None, MAYBE_TEXT, Key("", "path of the TLS certificate (PEM)")] = None
    ssl_cert_chain: Annotated[str | None, MAYBE_TEXT, Key("", "path of the certificate chain (PEM)")] = None
    proxy: Annotated[
        str | None, MAYBE_TEXT, Key("", "the name that browsers reach the console by at a proxy that speaks TLS for it")
    ] = None
    names: Annotated[
        str | None, MAYBE_TEXT, Key("", "other names and addresses that browsers reach the console by, with spaces between")
    ] = None
    metrics_token: Annotated[
        str | None, MAYBE_TEXT, Key("", "who sends it as a bearer may read /metrics; empty: only who may log in")
    ] = None


class Ledger(Section):
    """Where the pool remembers."""

    url: Annotated[str | None, MAYBE_TEXT, Key("", "an SQLAlchemy URL; empty: SQLite, var/ilp-<config's name>.sqlite")] = None

    keep_days: Annotated[
        Decimal, number(low=1, high=36_500), Key("d", "decisions, and orders that never traded, are forgotten after this")
    ] = Decimal(30)
    keep_mb: Annotated[int, whole(10, 1_000_000), Key("MB", "no more decisions than fill this are kept")] = 1_000
    tidy_minutes: Annotated[int, whole(1, 1_440), Key("min", "how often what is too old or too much is forgotten")] = 60


class Watchdog(Section):
    """The process of its own that cancels the pool's orders when the pool is dead: python ilp.py watchdog."""

    heartbeat: Annotated[
        str | None,
        MAYBE_TEXT,
        Key("", "a file that the pool touches, or the URL of its /healthz; empty: a file beside the ledger"),
    ] = None
    limit: Annotated[Decimal, number(low=1, high=3_600), Key("s", "how long the heartbeat may be missing")] = Decimal(15)
    source_id: Annotated[str | None, MAYBE_TEXT, Key("", "its own id at the source; empty: the pool's")] = None
    source_secret: Annotated[str | None, MAYBE_TEXT, Key("", "its own secret at the source; empty: the pool's")] = None
    target_id: Annotated[str | None, MAYBE_TEXT, Key("", "its own id at the target; empty: the pool's")] = None
    target_secret: Annotated[str | None, MAYBE_TEXT, Key("", "its own secret at the target; empty: the pool's")] = None


class NotifySection(Section):
    """Whom the pool tells, by e-mail, URL or command, when a person should look."""

    email_to: Annotated[str | None, MAYBE_TEXT, Key("", "addresses, separated by commas; empty: no e-mail")] = None
    email_from: Annotated[str | None, MAYBE_TEXT, Key("", "the sender; empty: the first of email_to")] = None
    smtp_host: Annotated[str, TEXT, Key("", "the mail server")] = "127.0.0.1"
    smtp_port: Annotated[int, whole(1, 65_535), Key("", "its port; 587 usually wants smtp_tls")] = 25
    smtp_user: Annotated[str | None, MAYBE_TEXT, Key("", "the name to log in with; empty: no login")] = None
    smtp_password: Annotated[str | None, MAYBE_TEXT, Key("", "the password to log in with")] = None
    smtp_tls: Annotated[bool, FLAG, Key("", "whether to refuse a mail server without STARTTLS")] = False
    url: Annotated[str | None, MAYBE_TEXT, Key("", "gets each message as a POST of JSON; empty: none")] = None
    command: Annotated[str | None, MAYBE_TEXT, Key("", "a program that reads each message on its input; empty: none")] = None
    events: Annotated[tuple[str, ...], EVENTS, Key("", "what is told")] = tuple(KINDS)
    urgent: Annotated[tuple[str, ...], EVENTS, Key("", "what is told at once, quiet hours or not")] = (
        "halted",
        "hedge",
        "ledger",
        "watchdog",
    )
    digest: Annotated[Decimal, number(low=0, high=86_400), Key("s", "so long the rest is gathered into one message")] = Decimal(
        60
    )
    quiet_hours: Annotated[
        QuietHours | None, optional(QUIET), Key("", "when only what is urgent is told, e.g. 22:00-07:00; empty: never")
    ] = None
    quiet_zone: Annotated[tzinfo, ZONE, Key("", "the time zone of quiet_hours")] = UTC


class Pool(Section):
    """Who the pool is."""

    tag: Annotated[str, TAG, Key("", "marks the pool's own orders at a venue; different for each pool of one account")] = "ilp"


class Log(Section):
    """What is written down about the run."""

    level: Annotated[
        str, choice("debug", "info", "warn", "error", "critical"), Key("", "what is less important is not logged")
    ] = "info"
    format: Annotated[
        str, choice("text", "json"), Key("", "how it is written to stderr: for people, or as JSON, a line each")
    ] = "text"
    json_file: Annotated[str | None, MAYBE_TEXT, Key("", "a file for the log as one JSON object a line, besides stderr")] = None
    rotate_mb: Annotated[int, whole(1, 100_000), Key("MB", "a larger json_file is put aside, and a new one begun")] = 100
    rotate_hours: Annotated[
        Decimal, number(above=0, high=8_760), Key("h", "a json_file that was begun longer ago is put aside too")
    ] = Decimal(24)
    keep_files: Annotated[int, whole(0, 10_000), Key("", "how many files that were put aside are kept")] = 14


#: The sections whose keys stand above.
KEYED: dict[str, type[Section]] = {
    "modules": ModulesSection,
    "tickers": TickersSection,
    "valuation": Valuation,
    "data": Data,
    "trader": Trader,
    "limits": LimitsSection,
    "webserver": Webserver,
    "ledger": Ledger,
    "watchdog": Watchdog,
    "notify": NotifySection,
    "pool": Pool,
    "log": Log,
}
#: The sections whose keys are the operator's own words (tickers, names, addresses, options of a client), and what they say.
FREE: dict[str, str] = {
    "source_connection": "endpoint, id and secret of the source exchange, and options of its client",
    "target_connection": "endpoint, id and secret of the target exchange, and options of its client",
    "fiat_connection": "endpoint, id and secret of the fiat rate's source, and options of its client",
    "target_balance_source": "the ideal balance of each ticker at the source exchange, in its own unit",
    "target_balance_target": "the ideal balance of each ticker at the target exchange, in its own unit",
    "variance_overrides": "the variance of a contract, instead of one found from its history",
    "addresses": "where withdrawals may go besides what the venues themselves name: address = remark",
    "notify_targets": "whom Apprise tells: name = URL, one of the many that Apprise knows",
    "notify_rules": "who is told of an event: event = targets, each with :info, :warning or :critical if less is not told",
    "users": "who may use the console: name = argon2 hash",
    "roles": "what a user may do: name = viewer or operator; operator if not listed",
    "sandbox": "the simulated exchanges, started inside the pool's process",
}


def about(section: str, key: str) -> tuple[str, Key] | None:
    """What is allowed for a key, in words, and what it means; None if there is no such key."""
    model = KEYED.get(section)
    if model is None or key not in model.model_fields:
        return None
    kind, meaning = model.model_fields[key].metadata
    return kind.allowed, meaning


def required(section: str) -> tuple[str, ...]:
    """The keys that a section cannot do without."""
    model = KEYED.get(section)
    return tuple(key for key, field in model.model_fields.items() if field.is_required()) if model else ()
