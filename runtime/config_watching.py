"""The parts of a config that watch over the pool: who is told of what, who may read its numbers, and the watchdog."""

import shlex
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import attrs

from model.notice import KINDS, SEVERITIES
from runtime.config_access import Access, meant
from runtime.config_sections import NotifySection, Watchdog, Webserver
from runtime.config_values import Connection, Dog, Mail, Notices, Rule
from runtime.secrets import Secret

#: The targets that have keys of their own in [notify]; the others are Apprise's.
OWN_TARGETS: Final = ("e-mail", "url", "command")
#: Who guesses a token is not slowed down as who guesses a password is.
SHORTEST_TOKEN: Final = 16
#: The rule of the events that have none, and the words for everybody and nobody.
DEFAULT, ALL, NONE = "default", "all", "none"

_Complain = Callable[[str, str, str], None]


def notices_of(part: NotifySection, access: Access, complain: _Complain) -> Notices:
    """Whom to tell of what; problems are noted in ``access`` and told to ``complain`` (section, key, text)."""
    password = part.smtp_password and access.text("notify", "smtp_password", part.smtp_password)
    to = tuple(address.strip() for address in (part.email_to or "").split(",") if address.strip())
    # The hooks of chat services are secrets: whoever knows one can write there.
    url = part.url and access.text("notify", "url", part.url, is_secret=True)
    if url and not url.startswith(("http://", "https://")):
        # Not quoted: it is a secret.
        complain("notify", "url", "allowed: a URL that begins with http:// or https://")
    _check_command(part.command or "", complain)
    mail = Mail(
        to,
        part.email_from or (to[0] if to else ""),
        part.smtp_host,
        part.smtp_port,
        part.smtp_user or "",
        Secret(password or ""),
        part.smtp_tls,
    )
    targets = _targets(access, complain)
    is_there = {"e-mail": bool(to), "url": bool(url), "command": bool(part.command)}
    rules = _rules(access, (*(name for name, there in is_there.items() if there), *targets), complain)
    otherwise = rules.pop(DEFAULT, None)
    return Notices(
        mail,
        Secret(url or ""),
        part.command or "",
        part.events,
        part.urgent,
        part.digest,
        part.quiet_hours,
        part.quiet_zone,
        targets,
        rules,
        otherwise,
    )


def _check_command(command: str, complain: _Complain) -> None:
    try:
        shlex.split(command)
    except ValueError as wrong:
        complain("notify", "command", f"got {command!r}; it cannot be split into words as a shell would: {wrong}")


def _targets(access: Access, complain: _Complain) -> dict[str, Secret]:
    found = {}
    given = access.source.sections.get("notify_targets", {})
    for name, text in given.items():
        url = access.text("notify_targets", name, text, is_secret=True)
        if name in (*OWN_TARGETS, ALL, NONE):
            complain("notify_targets", name, "this name has a meaning of its own; give it another")
        elif url and "://" not in url:
            # Not quoted: it is a secret.
            complain("notify_targets", name, "allowed: a URL of Apprise, e.g. tgram://TOKEN/CHAT")
        found[name] = Secret(url)
    if found and find_spec("apprise") is None and not access.is_offline:
        complain("notify_targets", next(iter(found)), "needs Apprise; type: pip install apprise")
    return found


def _rules(access: Access, targets: tuple[str, ...], complain: _Complain) -> dict[str, tuple[Rule, ...]]:
    found = {}
    events = dict.fromkeys((*KINDS, DEFAULT))
    for event, text in access.source.sections.get("notify_rules", {}).items():
        if event not in events:
            complain("notify_rules", event, f"unknown event{meant(event, events)}; allowed: {', '.join(events)}")
            continue
        try:
            found[event] = _rule(text, targets)
        except ValueError as wrong:
            complain("notify_rules", event, f"got {text!r}; {wrong}")
    return found


def _rule(text: str, targets: tuple[str, ...]) -> tuple[Rule, ...]:
    """``phone, e-mail:critical`` as rules; ``all:warning`` and ``none`` alike.

    :raises ValueError: for a target that there is not, or a severity.
    """
    found: list[Rule] = []
    for word in text.split(","):
        target, _, least = (part.strip() for part in word.partition(":"))
        if target not in (*targets, ALL, NONE):
            raise ValueError(f"allowed: {', '.join((*targets, ALL, NONE))}")
        if least and least not in SEVERITIES:
            raise ValueError(f"allowed after the colon: {', '.join(SEVERITIES)}")
        named = targets if target == ALL else () if target == NONE else (target,)
        found += [Rule(name, least or "info") for name in named]
    return tuple(found)


def metrics_token_of(part: Webserver, access: Access, complain: _Complain) -> Secret:
    """What a program shows to read the pool's numbers; problems as in :func:`notices_of`."""
    token = access.text("webserver", "metrics_token", part.metrics_token, is_secret=True) if part.metrics_token else ""
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii() or " " in token):
        # Not quoted: it is a secret.
        complain("webserver", "metrics_token", f"allowed: at least {SHORTEST_TOKEN} letters, digits and signs, no space")
    return Secret(token)


def watchdog_of(part: Watchdog, access: Access, source: Connection, target: Connection, ledger_url: str, name: str) -> Dog:
    """What the watchdog needs; ``name`` is that of the config."""

    def own(connection: Connection, place: str, id: str | None, secret: str | None) -> Connection:
        if id:
            connection = attrs.evolve(connection, id=access.text("watchdog", f"{place}_id", id))
        if secret:
            connection = attrs.evolve(connection, secret=Secret(access.text("watchdog", f"{place}_secret", secret)))
        return connection

    return Dog(
        part.heartbeat or str(_beside(ledger_url, name)),
        part.limit,
        own(source, "source", part.source_id, part.source_secret),
        own(target, "target", part.target_id, part.target_secret),
    )


def _beside(ledger_url: str, name: str) -> Path:
    scheme, _, path = ledger_url.partition(":///")
    file = Path(path) if scheme == "sqlite" and path else Path("var") / f"ilp-{name}"
    return file.with_name(f"{file.name}.heartbeat")
