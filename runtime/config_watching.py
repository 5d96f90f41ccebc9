"""The parts of a config that watch over the pool: who is told of what, and the watchdog."""

from pathlib import Path

import attrs

from runtime.config_access import Access
from runtime.config_sections import NotifySection, Watchdog
from runtime.config_values import Connection, Dog, Mail, Notices
from runtime.secrets import Secret


def notices_of(part: NotifySection, access: Access) -> Notices:
    """Whom to tell of what; problems are noted in ``access``."""
    password = part.smtp_password and access.text("notify", "smtp_password", part.smtp_password)
    to = tuple(address.strip() for address in (part.email_to or "").split(",") if address.strip())
    # The hooks of chat services are secrets: whoever knows one can write there.
    url = part.url and access.text("notify", "url", part.url, is_secret=True)
    mail = Mail(
        to,
        part.email_from or (to[0] if to else ""),
        part.smtp_host,
        part.smtp_port,
        part.smtp_user or "",
        Secret(password or ""),
        part.smtp_tls,
    )
    return Notices(mail, Secret(url or ""), part.command or "", part.events, part.urgent, part.digest, part.quiet_hours)


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
