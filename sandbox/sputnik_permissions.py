"""Who may call and hear what at a Sputnik (research/sputnik_protocol.md section 3)."""

from sandbox.sputnik_shapes import user_topic
from sandbox.wamp_auth import Identity

_OPEN_TO_ALL = ("rpc.info.", "rpc.market.", "rpc.registrar.")
_FOR_USERS = ("rpc.trader.", "rpc.token.", "rpc.private.")
_USER_FEEDS = ("orders", "fills", "transactions")


def may_call(caller: Identity, procedure: str) -> bool:
    """Visitors look at markets; users trade as well."""
    return procedure.startswith(_OPEN_TO_ALL + _FOR_USERS if caller.authrole == "user" else _OPEN_TO_ALL)


def may_subscribe(subscriber: Identity, topic: str) -> bool:
    """Market feeds are for all; users hear their own feeds and no one else's."""
    if topic.startswith("feeds.market."):
        return True
    own = (user_topic(feed, subscriber.authid) for feed in _USER_FEEDS)
    return subscriber.authrole == "user" and topic in own
