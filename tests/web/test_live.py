"""Live pages: newest or nothing, bounded, and gone when nobody looks."""

from typing import Any, cast

import treq
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import DeferredList, inlineCallbacks
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http_headers import Headers

from tests.web.fake_pool import PARAMETERS, FakePool
from tests.web.support import PASSWORD, ROLES, verify
from web.app import Console
from web.auth import User
from web.live import HEARTBEAT, LONGEST, SHORTEST, STUCK, Live

reactor: Any = the_reactor


class FakeChannel:
    """Remembers whether it was cut."""

    was_cut = False

    def forceAbortClient(self) -> None:
        """As HTTPChannel's."""
        self.was_cut = True


class FakeRequest:
    """The side of a request that a stream sees."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.channel = FakeChannel()
        self.producer: Any = None

    def setHeader(self, name: bytes, value: bytes) -> None:
        """Not looked at here."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """As Request's."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """As Request's."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """As Request's."""
        self.written.append(data)


class Streams(SynchronousTestCase):
    """One or two viewers and a Clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.text = "one"
        self.drawn: list[str] = []
        self.live = Live(self.clock, self._draw)
        self.welcome = True

    def _draw(self, page: str) -> str:
        self.drawn.append(page)
        if self.text == "broken" and page == "trader":
            raise ValueError("cannot be drawn")
        return f"<p>\n{page} {self.text}\n</p>"

    def _look(self, page: str = "trader") -> tuple[FakeRequest, Any]:
        request = FakeRequest()
        done = self.live.attach(cast(Any, request), page, lambda: self.welcome)
        return request, done

    def test_first_sight_is_at_once(self) -> None:
        """As one event, whatever lines the page has."""
        request, _ = self._look()
        self.assertEqual(request.written, [b"data: <p>\ndata: trader one\ndata: </p>\n\n"])

    def test_a_page_is_drawn_once_for_all(self) -> None:
        """A hundred viewers cost one rendering."""
        requests = [self._look()[0] for _ in range(100)]
        self.drawn.clear()
        self.text = "two"
        self.clock.advance(LONGEST)
        self.assertEqual(self.drawn, ["trader"])
        self.assertTrue(all(len(request.written) == 2 for request in requests))

    def test_changes_come_soon_but_not_too_often(self) -> None:
        """A thousand changes a second are four renderings."""
        self._look()
        self.clock.advance(LONGEST)
        self.drawn.clear()
        for _ in range(1000):
            self.live.changed()
            self.clock.advance(0.001)
        self.assertLessEqual(len(self.drawn), 1 / SHORTEST)
        self.assertGreaterEqual(len(self.drawn), 3)

    def test_an_unchanged_page_is_not_sent(self) -> None:
        """Only a comment now and then, to keep the connection."""
        request, _ = self._look()
        for _ in range(int(HEARTBEAT) + 1):
            self.clock.advance(LONGEST)
        self.assertEqual(request.written[1:], [b": still here\n\n"])

    def test_a_slow_viewer_misses_renderings(self) -> None:
        """While the connection is full nothing is written and only the newest is kept."""
        request, _ = self._look()
        request.producer.pauseProducing()
        for n in range(20):
            self.text = f"news {n}"
            self.clock.advance(LONGEST)
        self.assertEqual(len(request.written), 1)
        request.producer.resumeProducing()
        self.assertEqual(len(request.written), 2)
        self.assertIn(b"news 19", request.written[1])

    def test_a_stuck_viewer_is_cut_off(self) -> None:
        """And one that is only slow is not."""
        request, _ = self._look()
        request.producer.pauseProducing()
        self.clock.advance(STUCK)
        self.assertFalse(request.channel.was_cut)
        self.clock.advance(LONGEST)
        self.assertTrue(request.channel.was_cut)

    def test_a_session_that_ends_ends_the_stream(self) -> None:
        """A page left open shows nothing after its session."""
        request, done = self._look()
        self.welcome = False
        self.text = "secret"
        self.clock.advance(LONGEST)
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(request.written), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_looks_nothing_runs(self) -> None:
        """When the last viewer leaves no timer is left, and changes cost nothing."""
        _, done = self._look()
        done.addErrback(lambda _: None)
        done.cancel()
        self.live.changed()
        self.assertEqual(self.live.viewers, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_page_that_fails_does_not_end_the_others(self) -> None:
        """It is logged and tried again."""
        broken, _ = self._look("trader")
        other, _ = self._look("health")
        self.text = "broken"
        self.clock.advance(LONGEST)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(other.written), 2)
        self.text = "well"
        self.clock.advance(LONGEST)
        self.assertIn(b"well", broken.written[-1])

    def test_close(self) -> None:
        """Lets everybody go; again is safe."""
        _, done = self._look()
        self.live.close()
        self.live.close()
        self.assertIsNone(self.successResultOf(done))


class Silent(Protocol):
    """A viewer that asks and then reads nothing."""

    transport: Any
    factory: Any

    def connectionMade(self) -> None:
        """Ask, and stop reading."""
        self.transport.write(self.factory.question)
        self.transport.pauseProducing()


class Sockets(TestCase):
    """Real sockets on loopback, the real reactor."""

    timeout = 60

    def setUp(self) -> None:
        self.pool = FakePool()
        users = {name: User(name, role) for name, role in ROLES.items()}
        self.console = Console(self.pool, users, reactor, verify=verify, parameters=PARAMETERS)
        self.port = reactor.listenTCP(0, self.console.site(), interface="127.0.0.1")
        self.base = f"http://127.0.0.1:{self.port.getHost().port}"

    @inlineCallbacks
    def tearDown(self) -> Any:  # type: ignore[override]
        self.console.close()
        yield self.port.stopListening()

    @inlineCallbacks
    def _log_in(self) -> Any:
        answer = yield treq.post(
            f"{self.base}/login", {"name": "ann", "password": PASSWORD}, allow_redirects=False, persistent=False
        )
        return answer.headers.getRawHeaders("set-cookie")[0].partition(";")[0]

    def _connect(self, question: bytes, protocol: type[Protocol]) -> Any:
        factory = ClientFactory()
        factory.protocol = protocol
        vars(factory)["question"] = question
        return reactor.connectTCP("127.0.0.1", self.port.getHost().port, factory)

    def _pause(self, seconds: float) -> Any:
        return deferLater(reactor, seconds)

    @inlineCallbacks
    def test_two_hundred_viewers(self) -> Any:
        """200 who read nothing: the pool's changes stay cheap, pages answer, memory stays bounded, and all can leave."""
        cookie = yield self._log_in()
        question = f"GET /events/trader HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
        connectors = [self._connect(question, Silent) for _ in range(200)]
        while self.console.viewers < 200:
            yield self._pause(0.05)
        for n in range(300):
            self.pool.show(timestamp=self.pool.shown.timestamp + 1_000_000, reason=f"news {n}")
            if n % 60 == 0:
                yield self._pause(0.3)
        answer = yield treq.get(f"{self.base}/api/health", auth=("ann", PASSWORD), persistent=False)
        self.assertEqual(answer.code, 200)
        yield answer.content()
        waiting = [len(viewer.waiting) for viewer in self.console._pages.live._viewers]
        self.assertLess(max(waiting), 100_000)
        for connector in connectors:
            connector.disconnect()
        while self.console.viewers:
            yield self._pause(0.05)

    @inlineCallbacks
    def test_news_arrive(self) -> Any:
        """What changes in the pool is on the wire within a second, as fragments of the same templates."""
        cookie = yield self._log_in()
        answer = yield treq.get(f"{self.base}/events/trader", headers=Headers({"Cookie": [cookie]}), persistent=False)
        self.assertEqual(answer.headers.getRawHeaders("content-type"), ["text/event-stream; charset=utf-8"])
        seen: list[bytes] = []
        collected = treq.collect(answer, seen.append)
        self.pool.show(state="READY", reason="Stopped by ann.")
        waited = 0.0
        while b"Stopped by ann." not in b"".join(seen) and waited < 3:
            yield self._pause(0.05)
            waited += 0.05
        self.assertIn(b'hx-swap-oob="innerMorph"', b"".join(seen))
        self.assertLess(waited, 1.5)
        self.console.close()
        yield DeferredList([collected], consumeErrors=True)

    @inlineCallbacks
    def test_large_uploads_are_cut_off(self) -> Any:
        """Long before anybody is logged in, and whether or not they say how long they are."""
        for head in (b"Content-Length: 99999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n20000\r\n"):
            lost: list[bool] = []

            class Flood(Protocol):
                transport: Any
                factory: Any

                def connectionMade(self) -> None:
                    self.transport.write(self.factory.question)

                def connectionLost(self, reason: Any = None, lost: list[bool] = lost) -> None:
                    lost.append(True)

            self._connect(b"POST /login HTTP/1.1\r\nHost: localhost\r\n" + head + b"x" * 100_000, Flood)
            while not lost:
                yield self._pause(0.05)
