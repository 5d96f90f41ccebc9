"""The messages that the router of 2015 could not bear."""

import json
from typing import Any

from autobahn.wamp.role import DEFAULT_CLIENT_ROLES
from twisted.trial.unittest import SynchronousTestCase

from sandbox.wamp_legacy import objection


def _hello(roles: Any) -> bytes:
    return json.dumps([1, "sputnik", {"roles": roles}]).encode()


class ObjectionTests(SynchronousTestCase):
    def test_roles_without_features_pass(self) -> None:
        """The HELLO that the protocol notes recommend is taken."""
        self.assertIsNone(objection(_hello({"subscriber": {}, "caller": {"features": {}}})))

    def test_known_features_pass(self) -> None:
        """What the old client announced itself is taken."""
        self.assertIsNone(objection(_hello({"caller": {"features": {"caller_identification": True, "call_timeout": True}}})))

    def test_todays_default_hello_is_refused(self) -> None:
        """A modern client that announces all it can is told the Python error of the time."""
        roles = {name: {"features": features.__dict__} for name, features in DEFAULT_CLIENT_ROLES.items()}
        complaint = objection(_hello(roles))
        assert complaint is not None
        self.assertRegex(complaint, r"^__init__\(\) got an unexpected keyword argument '[a-z_]+'$")

    def test_cancel_is_refused(self) -> None:
        """CANCEL was never written for that router."""
        self.assertEqual(objection(b"[49,1,{}]"), "not implemented")

    def test_other_messages_and_nonsense_pass(self) -> None:
        """Calls are not looked at, and what is no WAMP is left to the parser."""
        for payload in (b'[48,1,{},"rpc.x"]', b"{}", b"[]", b"\xff", b'[1,"sputnik",{"roles":{"caller":null}}]'):
            self.assertIsNone(objection(payload))
