"""The router over real loopback sockets, with a realm of two procedures behind it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from sandbox.wamp import Router
from sandbox.wamp_auth import Challenge, Directory, Identity
from sandbox.wamp_realm import IRealm, Silence
from tests.sandbox.wamp_visitors import LEGACY_ROLES, FrameClient, Visitor, frame_client, visit


@implementer(IRealm)
class TwoProcedures:
    """``rpc.echo`` for all, ``rpc.own`` for users; ``rpc.mute`` never answers."""

    def __init__(self) -> None:
        self.directory = Directory({"ilp_target": "ilp"}, lambda: datetime.now(UTC))

    def name(self) -> str:
        return "sputnik"

    def challenge(self, authid: str, session: int) -> Challenge:
        return self.directory.challenge(authid, session)

    def has_procedure(self, procedure: str) -> bool:
        return procedure in ("rpc.echo", "rpc.own", "rpc.mute", "rpc.broken")

    def may_call(self, caller: Identity, procedure: str) -> bool:
        return procedure != "rpc.own" or caller.authrole == "user"

    def may_subscribe(self, subscriber: Identity, topic: str) -> bool:
        return topic.startswith("feeds.")

    def call(
        self, caller: Identity, procedure: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Deferred[Mapping[str, Any]]:
        if procedure == "rpc.mute":
            return fail(Silence())
        if procedure == "rpc.broken":
            return fail(ZeroDivisionError())
        return succeed({"caller": caller.authid, "args": list(args), "kwargs": dict(kwargs)})


class RouterTestCase(TestCase):
    """Starts a router and stops it, with all its clients, at the end."""

    strict_2015 = True

    async def setUp(self) -> None:  # type: ignore[override]
        self.router = Router(TwoProcedures(), reactor, self.strict_2015)
        self.port = await self.router.listen()
        self.clients: list[FrameClient] = []
        self.addCleanup(self._stop)

    async def _stop(self) -> None:
        await self.router.stop()
        for client in self.clients:
            await client.closed

    async def client(self) -> FrameClient:
        """A connected client that has not said HELLO."""
        client: FrameClient = await frame_client(reactor, self.port)
        self.clients.append(client)
        return client

    async def user(self) -> FrameClient:
        """A client that is logged in."""
        client = await self.client()
        assert (await client.join("ilp_target", "ilp"))[0] == 2
        return client


class JoiningTests(RouterTestCase):
    async def test_welcome_is_the_transcripts(self) -> None:
        """A user's WELCOME has the fields and roles of the handshake on record, and no others."""
        client = await self.client()
        kind, session, details = await client.join("ilp_target", "ilp")
        self.assertEqual(kind, 2)
        self.assertIsInstance(session, int)
        self.assertEqual(
            details,
            {
                "authid": "ilp_target",
                "authrole": "user",
                "authmethod": "wampcra",
                "authprovider": "database",
                "roles": {
                    "broker": {
                        "features": {
                            "publisher_identification": True,
                            "publisher_exclusion": True,
                            "subscriber_blackwhite_listing": True,
                        }
                    },
                    "dealer": {"features": {"progressive_call_results": True, "caller_identification": True}},
                },
            },
        )

    async def test_wrong_password_and_unknown_user_look_the_same(self) -> None:
        """Both are aborted with the same words."""
        for name, password in (("ilp_target", "wrong"), ("nobody", "x")):
            client = await self.client()
            answer = await client.join(name, password)
            self.assertEqual(answer, [3, {"message": "Invalid signature."}, "wamp.error.not_authorized"])

    async def test_anonymous_is_welcome_at_once(self) -> None:
        """Authid, role and method are all 'anonymous', even if wampcra was offered as well."""
        client = await self.client()
        client.say(1, "sputnik", {"roles": LEGACY_ROLES, "authmethods": ["wampcra", "anonymous"]})
        kind, _session, details = await client.next()
        self.assertEqual(kind, 2)
        self.assertEqual({details[name] for name in ("authid", "authrole", "authmethod")}, {"anonymous"})

    async def test_other_methods_and_realms_are_aborted(self) -> None:
        """A ticket, no method at all, and a foreign realm are refused."""
        for realm, methods, words in (
            ("sputnik", ["ticket"], "No authentication methods found."),
            ("sputnik", [], "No authentication methods found."),
            ("other", ["anonymous"], "no realm 'other' exists on this router"),
        ):
            client = await self.client()
            client.say(1, realm, {"roles": LEGACY_ROLES, "authmethods": methods})
            self.assertEqual((await client.next())[1], {"message": words})

    async def test_goodbye_is_answered_and_the_socket_stays_open(self) -> None:
        """After GOODBYE the session is gone, but a new HELLO on the same socket is heard."""
        client = await self.user()
        await client.subscribe("feeds.x")
        client.say(6, {}, "wamp.close.normal")
        self.assertEqual(await client.next(), [6, {}, "wamp.goodbye.normal"])
        self.router.publish("feeds.x", 1)
        self.assertEqual((await client.join("ilp_target", "ilp"))[0], 2)

    async def test_new_role_features_close_with_the_recorded_words(self) -> None:
        """A HELLO of today is answered by 1011 and a Python error of 2015."""
        client = await self.client()
        roles = {**LEGACY_ROLES, "caller": {"features": {"caller_identification": True, "payload_transparency": True}}}
        client.say(1, "sputnik", {"roles": roles, "authmethods": ["anonymous"]})
        words = "WAMP Internal Error (__init__() got an unexpected keyword argument 'payload_transparency')"
        self.assertEqual(await client.closed, (1011, words))

    async def test_only_one_path_and_one_subprotocol(self) -> None:
        """Elsewhere is 403, and a client without JSON is 400."""
        for path, protocols, status in (("/", ("wamp.2.json",), "403"), ("/ws", ("wamp.2.cbor",), "400")):
            with self.assertRaisesRegex(ConnectionError, status):
                await frame_client(reactor, self.port, path, protocols)

    async def test_calling_before_joining_closes(self) -> None:
        """A message out of turn is a protocol error."""
        client = await self.client()
        client.say(48, 1, {}, "rpc.echo")
        code, reason = await client.closed
        self.assertEqual(code, 1002)
        self.assertIn("Call", reason or "")


class CallingTests(RouterTestCase):
    async def test_result_carries_one_value(self) -> None:
        """Positional and keyword arguments arrive, and RESULT has exactly one argument."""
        client = await self.user()
        client.say(48, 7, {}, "rpc.echo", [1], {"two": 2})
        answer = await client.next()
        self.assertEqual(answer, [50, 7, {}, [{"caller": "ilp_target", "args": [1], "kwargs": {"two": 2}}]])

    async def test_refusals_have_the_transcripts_words(self) -> None:
        """Unknown, forbidden and ill-spelt procedures are told apart."""
        client = await self.client()
        client.say(1, "sputnik", {"roles": LEGACY_ROLES, "authmethods": ["anonymous"]})
        await client.next()
        for procedure, error, words in (
            ("rpc.nope.x", "no_such_procedure", "no procedure 'rpc.nope.x' registered"),
            ("rpc.own", "not_authorized", "session is not authorized to call procedure 'rpc.own'"),
            ("rpc.Own", "invalid_uri", "call with invalid procedure URI 'rpc.Own'"),
        ):
            frame = await client.call(procedure)
            self.assertEqual((frame[4], frame[5]), (f"wamp.error.{error}", [words]))

    async def test_silence_is_silence(self) -> None:
        """A call without an answer does not hold up the next one."""
        client = await self.user()
        client.say(48, 1, {}, "rpc.mute")
        client.say(48, 2, {}, "rpc.echo")
        self.assertEqual((await client.next())[1], 2)

    async def test_a_broken_procedure_is_logged(self) -> None:
        """A bug of ours is not hidden by the silence it causes."""
        client = await self.user()
        client.say(48, 1, {}, "rpc.broken")
        await client.call("rpc.echo")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_register_and_publish_are_refused(self) -> None:
        """No client may offer procedures or events."""
        client = await self.user()
        client.say(64, 1, {}, "rpc.echo")
        self.assertEqual((await client.next())[:5], [8, 64, 1, {}, "wamp.error.not_authorized"])
        client.say(16, 2, {"acknowledge": True}, "feeds.x", [1])
        self.assertEqual((await client.next())[:5], [8, 16, 2, {}, "wamp.error.not_authorized"])

    async def test_cancel_closes(self) -> None:
        """The old router gives up on CANCEL."""
        client = await self.user()
        client.say(49, 1, {})
        self.assertEqual(await client.closed, (1011, "WAMP Internal Error (not implemented)"))


class ListeningTests(RouterTestCase):
    async def test_events_reach_subscribers_only(self) -> None:
        """One positional argument, the same subscription id for all, none after UNSUBSCRIBE."""
        first, second = await self.user(), await self.user()
        topic = await first.subscribe("feeds.x")
        self.assertEqual(await second.subscribe("feeds.x"), topic)
        self.router.publish("feeds.x", {"a": 1})
        self.router.publish("feeds.y", {"b": 1})
        for client in (first, second):
            kind, subscription, _publication, _details, args = await client.next()
            self.assertEqual((kind, subscription, args), (36, topic, [{"a": 1}]))
        second.say(34, 5, topic)
        self.assertEqual(await second.next(), [35, 5])
        self.router.publish("feeds.x", 2)
        self.assertEqual((await first.next())[4], [2])
        await second.call("rpc.echo")
        self.assertNotIn([2], [frame[-1] for frame in second.seen])

    async def test_subscription_refusals(self) -> None:
        """Upper case is no URI here, and other feeds are not for this session."""
        client = await self.user()
        for topic, error in (("feeds.BTC", "invalid_uri"), ("other.x", "not_authorized")):
            client.say(32, 1, {}, topic)
            self.assertEqual((await client.next())[4], f"wamp.error.{error}")
        client.say(34, 1, 99)
        self.assertEqual((await client.next())[4], "wamp.error.no_such_subscription")


class FailingTests(RouterTestCase):
    async def test_drop_cuts_one_users_sockets(self) -> None:
        """Without a closing handshake, and nobody else's."""
        user, anonymous = await self.user(), await self.client()
        self.assertEqual(self.router.drop("ilp_target"), 1)
        code, _reason = await user.closed
        self.assertNotEqual(code, 1000)
        self.assertFalse(anonymous.closed.called)

    async def test_half_open_neither_answers_nor_closes(self) -> None:
        """The socket stays, calls and pings vanish, events do not come."""
        user, other = await self.user(), await self.user()
        await user.subscribe("feeds.x")
        self.router.play_dead("ilp_target")
        seen = len(user.seen)
        user.say(48, 1, {}, "rpc.echo")
        self.router.publish("feeds.x", 1)
        fresh = await self.user()
        await fresh.call("rpc.echo")
        self.assertEqual(len(user.seen), seen)
        self.assertFalse(user.closed.called or other.closed.called)

    async def test_stopping_ends_connections_that_never_shook_hands(self) -> None:
        """A TCP connection without a handshake does not outlive the router."""
        silent: Any = Protocol()
        ended: Deferred[Any] = Deferred()
        silent.connectionLost = lambda _reason: ended.callback(None)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), silent)
        while not self.router.connections:
            await deferLater(reactor, 0.005)
        await self.router.stop()
        await ended

    async def test_closed_router_refuses_newcomers(self) -> None:
        """While it is closed, a new connection is turned away; afterwards it is let in."""
        self.router.admits = lambda: False
        with self.assertRaises(ConnectionError):
            await frame_client(reactor, self.port)
        self.router.admits = lambda: True
        await self.user()


class ModernRouterTests(RouterTestCase):
    strict_2015 = False

    async def test_modern_hello_and_cancel_are_borne(self) -> None:
        """With the strictness off, today's features and CANCEL do no harm."""
        client = await self.client()
        roles = {**LEGACY_ROLES, "caller": {"features": {"payload_transparency": True}}}
        self.assertEqual((await client.join("ilp_target", "ilp", roles))[0], 2)
        client.say(49, 1, {})
        self.assertEqual((await client.call("rpc.echo"))["caller"], "ilp_target")


class AutobahnSessionTests(RouterTestCase):
    async def test_autobahns_own_session_joins_calls_and_hears(self) -> None:
        """The library that the pool's client is built on works with the router, from HELLO to GOODBYE."""
        visitor = Visitor()
        details = await visit(reactor, self.port, visitor)
        self.assertEqual((details.authid, details.authrole), ("ilp_target", "user"))
        heard: Deferred[Any] = Deferred()
        await visitor.subscribe(heard.callback, "feeds.x")
        self.assertEqual((await visitor.call("rpc.echo", 1))["args"], [1])
        self.router.publish("feeds.x", {"a": 1})
        self.assertEqual(await heard, {"a": 1})
        visitor.leave()
        await visitor.left
