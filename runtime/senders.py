"""The ways a message reaches a person: e-mail, a POST to a URL, a program of the operator's, and all that Apprise knows."""

import json
import os
import shlex
import sys
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.mail.smtp import sendmail
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from clients.interface import returns_deferred
from runtime.config_values import Mail, Notices
from runtime.notify import Message, Send


class NotTaken(Exception):
    """Whoever was to take the message has not; the text says why."""


def senders(notices: Notices, reactor: Any) -> dict[str, Send]:
    """The channels of a config, by name."""
    found: dict[str, Send] = {}
    if notices.mail.to:
        found["e-mail"] = lambda message: by_mail(notices.mail, message, reactor)
    if notices.url:
        found["url"] = lambda message: by_url(notices.url.reveal(), message, reactor)
    if notices.command:
        found["command"] = lambda message: by_command(notices.command, message, reactor)
    for name, url in notices.targets.items():
        found[name] = partial(by_apprise, url.reveal(), reactor=reactor)
    return found


def by_mail(mail: Mail, message: Message, reactor: Any) -> "Deferred[Any]":
    """One e-mail (RFC 5322) to all; with STARTTLS where the server has it, and not without it if ``needs_tls``."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = mail.sender, ", ".join(mail.to), message.subject
    letter["Date"], letter["Message-ID"] = format_datetime(message.notices[-1].at), make_msgid(domain="ilp.invalid")
    letter.set_content(message.text)
    sent: Deferred[Any] = sendmail(
        mail.host,
        mail.sender.encode(),
        [address.encode() for address in mail.to],
        letter.as_bytes(),
        port=mail.port,
        reactor=reactor,
        username=mail.user or None,
        password=mail.password.reveal() or None,
        requireAuthentication=bool(mail.user),
        requireTransportSecurity=mail.needs_tls,
    )
    return sent


@returns_deferred
async def by_url(url: str, message: Message, reactor: Any) -> None:
    """A POST of ``{"pool", "subject", "text", "notices": [{"at", "kind", "severity", "sentence"}]}``.

    ``text`` is what chat services show.

    :raises NotTaken: for an answer that is no success.
    """
    notices = [{"at": n.at.isoformat(), "kind": n.kind, "severity": n.severity, "sentence": n.sentence} for n in message.notices]
    body = {"pool": message.pool, "subject": message.subject, "text": message.text, "notices": notices}
    headers = Headers({"Content-Type": ["application/json"]})
    answer = await treq.post(url, json.dumps(body).encode(), headers=headers, reactor=reactor, persistent=False)
    await answer.content()
    if answer.code >= 300:
        raise NotTaken(f"the URL answered {answer.code}")


def by_command(command: str, message: Message, reactor: Any) -> "Deferred[None]":
    """Run ``command`` (split as a shell would, but by no shell): the subject is its last argument, the text its input."""
    words = shlex.split(command)
    program = _Program(message.text, "the command")
    reactor.spawnProcess(program, words[0], [*words, message.subject], env=None)
    return program.ended


def by_apprise(url: str, message: Message, reactor: Any) -> "Deferred[None]":
    """By the service that ``url`` names to Apprise, in a process of its own: its libraries block, and a thread of theirs that
    hangs could never be ended. The URL, a secret, goes there by its input, where no list of processes shows it."""
    question = {"url": url, "title": message.subject, "body": message.text}
    program = _Program(json.dumps(question), "Apprise")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    reactor.spawnProcess(program, sys.executable, [sys.executable, "-m", "runtime.apprise_sending"], environment)
    return program.ended


class _Program(ProcessProtocol):
    """Writes ``text`` to the program; ``ended`` fires when it has ended with 0. Cancelling kills it. ``name``: of the program,
    for people."""

    def __init__(self, text: str, name: str) -> None:
        self.ended: Deferred[None] = Deferred(self._kill)
        self._text = text
        self._name = name

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._text.encode())
        self.transport.closeStdin()

    def processEnded(self, reason: Failure) -> None:
        if self.ended.called:
            return
        if reason.check(ProcessDone):
            self.ended.callback(None)
        else:
            self.ended.errback(NotTaken(f"{self._name}: {reason.getErrorMessage()}"))

    def _kill(self, _ended: "Deferred[None]") -> None:
        assert self.transport is not None
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return
