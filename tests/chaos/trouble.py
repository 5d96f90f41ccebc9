"""What goes wrong during a campaign, drawn from its seed: faults of the wire, restarts of an engine, cancelled withdrawals."""

import re
import urllib.error
from random import Random
from typing import Any

from attrs import frozen

from tests.chaos.processes import Exchanges

#: The calls that read, and those that act, as each venue's own wire names them.
_READS = {
    "kraken": "BalanceEx|OpenOrders|TradesHistory|QueryOrders|Ledgers|WithdrawStatus|DepositStatus|GetWebSocketsToken",
    "sputnik": r"rpc\.trader\.(get_positions|get_open_orders|get_transaction_history)",
}
_PLACE = {"kraken": "AddOrder", "sputnik": r"rpc\.trader\.place_order"}
_CANCEL = {"kraken": "CancelOrder", "sputnik": r"rpc\.trader\.cancel_order"}
_WITHDRAW = {"kraken": "Withdraw", "sputnik": r"rpc\.trader\.request_withdrawal"}
_PRIVATE = {"kraken": "executions", "sputnik": "orders|fills|transactions"}
#: What a venue says instead of doing it: the first leaves open whether it was done, the others are refusals.
_WORDS = {
    "kraken": (
        "EService:Unavailable",
        "EOrder:Insufficient funds",
        "EAPI:Rate limit exceeded",
        "EService:Market in cancel_only mode",
    ),
    "sputnik": (
        "exceptions/zmq/call-timed-out",
        "exceptions/accountant/insufficient_margin",
        "exceptions/accountant/contract_clearing",
        "exceptions/sputnik/generic_exception",
    ),
}


@frozen
class Trouble:
    """One thing that goes wrong. ``path`` and ``body`` are what the control face is told; ``name`` is for people."""

    name: str
    path: str
    body: dict[str, Any]


def draw(dice: Random) -> Trouble:
    """One of all kinds, equally likely; few of them hit more than a few calls, so that the pool comes through."""
    venue = dice.choice(("kraken", "sputnik"))
    kind = dice.choice(_KINDS)
    if kind == "restart":
        return Trouble(f"restart {venue}", "/restart", {"venue": venue, "cancel_orders": dice.random() < 0.5})
    if kind == "give back":
        return Trouble(f"give back at {venue}", "give back", {"venue": venue})
    calls, fault = _FAULTS[kind]
    venue = venue if venue in calls else next(iter(calls))
    body = {"venue": venue, "call": calls[venue], **fault}
    if body["kind"] == "error":
        body["text"] = dice.choice(_WORDS[venue][2:] if kind == "rate limit" else _WORDS[venue])
    body["count"] = dice.randint(1, fault.get("count", 2))
    return Trouble(f"{kind} at {venue}", "/faults", body)


_ANY = {venue: f"{_READS[venue]}|{_PLACE[venue]}|{_CANCEL[venue]}" for venue in _READS}
_CONNECT = dict.fromkeys(_READS, "connect")
_BOOK = dict.fromkeys(_READS, "book")

_FAULTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "place: error": (_PLACE, {"kind": "error"}),
    "place: no answer": (_PLACE, {"kind": "no_answer"}),
    "place: done, no answer": (_PLACE, {"kind": "done_no_answer"}),
    # Sputnik's web server gives up on a stalled engine, and that carries the order out when it wakes.
    "place: done after it timed out": (
        {"sputnik": _PLACE["sputnik"]},
        {"kind": "done_no_answer", "text": _WORDS["sputnik"][0], "seconds": "1.5"},
    ),
    "place: late answer": (_PLACE, {"kind": "delay", "seconds": "1.5"}),
    "place: disconnect": (_PLACE, {"kind": "disconnect"}),
    "cancel: error": (_CANCEL, {"kind": "error"}),
    "cancel: no answer": (_CANCEL, {"kind": "no_answer"}),
    "cancel: done, no answer": (_CANCEL, {"kind": "done_no_answer"}),
    "cancel: late answer": (_CANCEL, {"kind": "delay", "seconds": "1.5"}),
    "cancel: disconnect": (_CANCEL, {"kind": "disconnect"}),
    "withdraw: error": (_WITHDRAW, {"kind": "error"}),
    "withdraw: no answer": (_WITHDRAW, {"kind": "no_answer"}),
    "withdraw: done, no answer": (_WITHDRAW, {"kind": "done_no_answer"}),
    "read: error": (_READS, {"kind": "error", "count": 5}),
    "read: no answer": (_READS, {"kind": "no_answer"}),
    "read: late answer": (_READS, {"kind": "delay", "seconds": "1.5", "count": 4}),
    "rate limit": (_ANY, {"kind": "error", "count": 5}),
    "told twice": (_PRIVATE, {"kind": "duplicate", "count": 10}),
    "not told": (_PRIVATE, {"kind": "stale", "count": 4}),
    "told late": ({"sputnik": _PRIVATE["sputnik"]}, {"kind": "delay", "seconds": "0.8", "count": 5}),
    "gap": (_PRIVATE, {"kind": "gap"}),
    "checksum": ({"kraken": "book"}, {"kind": "checksum"}),
    "book twice": (_BOOK, {"kind": "duplicate", "count": 5}),
    "book not told": (_BOOK, {"kind": "stale", "count": 5}),
    "refuse connect": (_CONNECT, {"kind": "refuse_connect", "count": 3}),
    "cut": ({"kraken": "executions|book", "sputnik": r"rpc\.trader\..*"}, {"kind": "disconnect"}),
}
_KINDS = (*_FAULTS, "restart", "give back")


def make(trouble: Trouble, exchanges: Exchanges) -> bool:
    """Let it happen; False if there is nothing that it could happen to."""
    if trouble.path != "give back":
        exchanges.say(trouble.path, trouble.body)
        return True
    withdrawals = exchanges.truth()["trading"][trouble.body["venue"]]["withdrawals"]
    for name, withdrawal in withdrawals.items():
        if re.search("pending", withdrawal["state"], re.IGNORECASE):
            try:
                exchanges.say(f"/withdrawals/{name}/cancel", {})
            except urllib.error.HTTPError:
                return False  # it has gone meanwhile
            return True
    return False
