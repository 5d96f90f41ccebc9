"""What the router of 2015 (autobahn 0.9.5) could not bear; it closed the connection with 1011 and a Python message.

A client that only ever met a modern router would break on the first old one, so the sandbox is as strict by default.
"""

import json
from typing import Any

_PUBSUB = frozenset({"publisher_identification", "partitioned_pubsub"})
_RPC = frozenset(
    {"caller_identification", "partitioned_rpc", "call_timeout", "call_canceling", "progressive_call_results"},
)
#: The features each client role could announce.
KNOWN_FEATURES = {
    "subscriber": _PUBSUB
    | {"publication_trustlevels", "pattern_based_subscription", "subscriber_metaevents", "subscriber_list", "event_history"},
    "publisher": _PUBSUB | {"subscriber_blackwhite_listing", "publisher_exclusion"},
    "caller": _RPC | {"callee_blackwhite_listing", "caller_exclusion"},
    "callee": _RPC | {"call_trustlevels", "pattern_based_registration"},
}
_HELLO, _CANCEL = 1, 49


def objection(payload: bytes) -> str | None:
    """Why the old router gives up on this message; None where it does not, or where the message is no WAMP at all.

    It must look at the bytes: today's autobahn drops unknown features silently while it parses.
    """
    try:
        message = json.loads(payload)
    except ValueError:
        return None
    match message:
        case [int(kind), *_] if kind == _CANCEL:
            return "not implemented"
        case [int(kind), _, {"roles": dict(roles)}] if kind == _HELLO:
            return _unknown_feature(roles)
        case _:
            return None


def _unknown_feature(roles: dict[str, Any]) -> str | None:
    for role, announced in roles.items():
        features = announced.get("features") if isinstance(announced, dict) else None
        for feature in features or ():
            if feature not in KNOWN_FEATURES.get(role, frozenset()):
                return f"__init__() got an unexpected keyword argument '{feature}'"
    return None
