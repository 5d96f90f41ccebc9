"""The three channels over real sockets and a real process."""

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

import attrs
from twisted.internet import reactor as process_reactor
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.mail.smtp import IMessage, IMessageDelivery, SMTPFactory
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from runtime.apprise_sending import NO_SERVICE, NOT_TAKEN
from runtime.config_values import Mail, Notices
from runtime.notify import Message, Notice, Notifier
from runtime.secrets import Secret
from runtime.senders import NotTaken, by_apprise, by_command, by_mail, by_url, senders

reactor: Any = process_reactor
MESSAGE = Message("pool", (Notice(datetime(2026, 11, 21, 21, 0, tzinfo=UTC), "halted", "the pool is HALTED: é"),))


@implementer(IMessageDelivery, IMessage)
class Letters:
    """Takes every letter."""

    def __init__(self) -> None:
        self.to: list[str] = []
        self.lines: list[bytes] = []
        self.came: Deferred[None] = Deferred()

    def receivedHeader(self, *_arguments: Any) -> bytes:
        return b"Received: by a test"

    def validateFrom(self, _helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        self.to.append(str(user.dest))
        return lambda: self

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def eomReceived(self) -> "Deferred[None]":
        return succeed(None)

    def connectionLost(self) -> None:
        """Nothing is kept."""


class Silent(Protocol):
    """Takes a connection and never says a word."""


class Hook(Resource):
    """Keeps what is posted; answers with ``code``."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.code = 200
        self.bodies: list[Any] = []

    def render_POST(self, request: Any) -> bytes:
        self.bodies.append(json.load(request.content))
        request.setResponseCode(self.code)
        return b""


class SenderTests(TestCase):
    """Loopback only."""

    def listen(self, factory: Any) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(deferLater, reactor, 0.1, lambda: None)  # both ends say goodbye first
        return int(port.getHost().port)

    async def test_mail(self) -> None:
        """A letter with subject and text, to everybody."""
        letters = Letters()
        factory: Any = SMTPFactory()
        factory.protocol = lambda: _delivering(letters)
        mail = Mail(("ann@example.org", "bob@example.org"), "pool@example.org", port=self.listen(factory))
        await by_mail(mail, MESSAGE, reactor)
        letter = message_from_bytes(b"\n".join(letters.lines), policy=default)
        self.assertEqual(letters.to, ["ann@example.org", "bob@example.org"])
        self.assertIn("[pool] halted: the pool is HALTED", letter["Subject"])
        self.assertIn("HALTED: é", letter.get_content())

    async def test_a_mail_server_that_hangs(self) -> None:
        """notify() is back at once, the reactor turns, and closing leaves nothing behind."""
        mail = Mail(("ann@example.org",), "pool@example.org", port=self.listen(Factory.forProtocol(Silent)))
        rules = Notices(mail, events=("halted",), urgent=("halted",))
        notifier = Notifier(rules, "pool", senders(rules, reactor), reactor, lambda: datetime.now(UTC))
        began = reactor.seconds()
        for _ in range(1000):
            notifier.notify("halted", "x")
        self.assertLess(reactor.seconds() - began, 1)
        await deferLater(reactor, 0.1, lambda: None)
        notifier.close()
        await deferLater(reactor, 0.1, lambda: None)

    async def test_url(self) -> None:
        """A POST of JSON; an answer that is no success is told."""
        hook = Hook()
        url = f"http://127.0.0.1:{self.listen(Site(hook))}/hook"
        await by_url(url, MESSAGE, reactor)
        (body,) = hook.bodies
        self.assertEqual((body["pool"], body["notices"][0]["kind"]), ("pool", "halted"))
        self.assertEqual(body["text"], MESSAGE.text)
        hook.code = 500
        with self.assertRaisesRegex(NotTaken, "500"):
            await by_url(url, MESSAGE, reactor)

    async def test_command(self) -> None:
        """It gets the subject as its last word and the text as its input; one that fails is told, one that hangs is killed."""
        with TemporaryDirectory() as folder:
            await by_command(f"sh -c 'echo \"$1\" > {folder}/subject; cat > {folder}/text' hook", MESSAGE, reactor)
            with open(f"{folder}/subject", encoding="utf-8") as subject, open(f"{folder}/text", encoding="utf-8") as text:
                self.assertEqual((subject.read().strip(), text.read()), (MESSAGE.subject, MESSAGE.text))
        with self.assertRaisesRegex(NotTaken, "exit code 3"):
            await by_command("sh -c 'exit 3'", MESSAGE, reactor)
        hanging = by_command("sh -c 'exec sleep 600'", MESSAGE, reactor)
        await deferLater(reactor, 0.1, lambda: None)
        hanging.cancel()
        with self.assertRaises(CancelledError):
            await hanging
        await deferLater(reactor, 0.1, lambda: None)

    async def test_apprise(self) -> None:
        """Whatever Apprise knows, here its own JSON: it is taken; an answer that is no success, and no service, are told."""
        if find_spec("apprise") is None:
            raise SkipTest("there is no Apprise: pip install apprise")
        hook = Hook()
        url = f"json://127.0.0.1:{self.listen(Site(hook))}/"
        await by_apprise(url, MESSAGE, reactor)
        (body,) = hook.bodies
        self.assertEqual((body["title"], body["message"].strip()), (MESSAGE.subject, MESSAGE.text.strip()))
        hook.code = 500
        with self.assertRaisesRegex(NotTaken, f"Apprise: .*exit code {NOT_TAKEN}"):
            await by_apprise(url, MESSAGE, reactor)
        with self.assertRaisesRegex(NotTaken, f"exit code {NO_SERVICE}"):
            await by_apprise("nosuch://secret", MESSAGE, reactor)

    async def test_targets_that_hang(self) -> None:
        """Apprise and a URL at servers that never answer: cancelled, the process of the one is gone, and nothing is left."""
        port = self.listen(Factory.forProtocol(Silent))
        targets = {"phone": Secret(f"json://127.0.0.1:{port}/")}
        rules = Notices(url=Secret(f"http://127.0.0.1:{port}/"), events=("halted",), urgent=("halted",), targets=targets)
        notifier = Notifier(rules, "pool", senders(rules, reactor), reactor, lambda: datetime.now(UTC))
        notifier.notify("halted", "x")
        await deferLater(reactor, 0.5, lambda: None)
        self.assertEqual([post.outcomes["sent"] + post.outcomes["failed"] for post in notifier.posts], [0, 0])
        before = len(reactor.getDelayedCalls())
        notifier.close()
        await deferLater(reactor, 0.2, lambda: None)
        self.assertEqual(before - len(reactor.getDelayedCalls()), len(notifier.posts), "each had a time limit; none goes on")

    def test_which_channels(self) -> None:
        """Those that the config names."""
        everything = Notices(Mail(("a@b",)), Secret("http://x"), "true")
        everything = attrs.evolve(everything, targets={"phone": Secret("tgram://token/chat")})
        self.assertEqual(list(senders(everything, reactor)), ["e-mail", "url", "command", "phone"])
        self.assertEqual(senders(Notices(), reactor), {})


def _delivering(letters: Letters) -> Any:
    from twisted.mail.smtp import ESMTP

    protocol = ESMTP()
    protocol.delivery = letters
    return protocol
