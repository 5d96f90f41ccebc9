"""What can go wrong during a campaign: faults of the wire, clocks, an engine's restart, fills at a bad moment, lost money."""

import re
import urllib.error
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import frozen

from tests.chaos.processes import Exchanges
from tests.chaos.truth import USER

#: The calls that read, and those that act, as each venue's own wire names them.
_READS = {
    "kraken": "BalanceEx|OpenOrders|TradesHistory|QueryOrders|Ledgers|WithdrawStatus|DepositStatus|GetWebSocketsToken",
    "sputnik": r"rpc\.trader\.(get_positions|get_open_orders|get_transaction_history)",
}
_PLACE = {"kraken": "AddOrder", "sputnik": r"rpc\.trader\.place_order"}
_CANCEL = {"kraken": "CancelOrder", "sputnik": r"rpc\.trader\.cancel_order"}
_WITHDRAW = {"kraken": "Withdraw", "sputnik": r"rpc\.trader\.request_withdrawal"}
_PRIVATE = {"kraken": "executions", "sputnik": "orders|fills|transactions"}
_CONNECT = dict.fromkeys(_READS, "connect")
_BOOK = dict.fromkeys(_READS, "book")
#: What a venue says instead of doing it: the first leaves open whether it was done, the others are refusals.
_WORDS = {
    "kraken": ("EService:Unavailable", "EOrder:Insufficient funds", "EService:Market in cancel_only mode"),
    "sputnik": (
        "exceptions/zmq/call-timed-out",
        "exceptions/accountant/insufficient_margin",
        "exceptions/accountant/contract_clearing",
        "exceptions/sputnik/generic_exception",
    ),
}
#: Calls by venue, and the fault that hits them; a count is the most that are hit.
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
    "cancel: error": ({"sputnik": _CANCEL["sputnik"]}, {"kind": "error"}),
    "cancel: no answer": ({"sputnik": _CANCEL["sputnik"]}, {"kind": "no_answer"}),
    "cancel: done, no answer": ({"sputnik": _CANCEL["sputnik"]}, {"kind": "done_no_answer"}),
    "cancel: late answer": ({"sputnik": _CANCEL["sputnik"]}, {"kind": "delay", "seconds": "1.5"}),
    "cancel: disconnect": ({"sputnik": _CANCEL["sputnik"]}, {"kind": "disconnect"}),
    "cancel: filled before": ({"sputnik": "cancel"}, {"kind": "fill_first", "count": 3}),
    "withdraw: error": (_WITHDRAW, {"kind": "error"}),
    "withdraw: no answer": (_WITHDRAW, {"kind": "no_answer"}),
    "withdraw: done, no answer": (_WITHDRAW, {"kind": "done_no_answer"}),
    "read: error": (_READS, {"kind": "error"}),
    "read: no answer": (_READS, {"kind": "no_answer", "count": 1}),
    "read: late answer": (_READS, {"kind": "delay", "seconds": "1.5"}),
    "rate limit": (
        {"kraken": f"{_READS['kraken']}|AddOrder|CancelOrder"},
        {"kind": "error", "text": "EAPI:Rate limit exceeded", "count": 3},
    ),
    "told twice": (_PRIVATE, {"kind": "duplicate", "count": 10}),
    "not told": (_PRIVATE, {"kind": "stale", "count": 4}),
    "told late": ({"sputnik": _PRIVATE["sputnik"]}, {"kind": "delay", "seconds": "0.8", "count": 5}),
    "told in another order": (_PRIVATE, {"kind": "reorder", "count": 4}),
    "gap": (_PRIVATE, {"kind": "gap"}),
    "checksum": ({"kraken": "book"}, {"kind": "checksum"}),
    "book twice": (_BOOK, {"kind": "duplicate", "count": 5}),
    "book not told": (_BOOK, {"kind": "stale", "count": 5}),
    "book in another order": (_BOOK, {"kind": "reorder", "count": 3}),
    "refuse connect": (_CONNECT, {"kind": "refuse_connect", "count": 3}),
    "cut": ({"kraken": "executions|book", "sputnik": r"rpc\.trader\..*"}, {"kind": "disconnect"}),
}
RESTART, SKEW, PARTIAL, LOST, RETURNED = "restart", "clock skew", "partial fill", "deposit never arrives", "withdrawal given back"
#: Every kind of trouble between pool and venues. That of the database is the campaign's own.
KINDS = (*_FAULTS, RESTART, SKEW, PARTIAL, LOST, RETURNED)
#: Seconds that a venue's clock is wrong at most; the pool stops where it is wrong by more than half a minute.
MOST_SKEW = 20
#: So many transfers are lost at most: their money is gone, and the pool must go on with what is left.
MOST_LOST = 4


@frozen
class Trouble:
    """One thing that goes wrong. ``path`` and ``body`` are what the control face is told, as far as it is known before."""

    kind: str
    path: str
    body: dict[str, Any]


def draw(dice: Random, kind: str) -> Trouble:
    """A trouble of this kind; few hit more than a few calls, so that the pool comes through."""
    venue = dice.choice(("kraken", "sputnik"))
    if kind == RESTART:
        return Trouble(kind, "/restart", {"venue": venue, "cancel_orders": dice.random() < 0.5})
    if kind == SKEW:
        return Trouble(kind, "/clock", {"venue": venue, "skew": str(dice.choice((-1, 1)) * dice.randint(3, MOST_SKEW))})
    if kind == PARTIAL:
        return Trouble(kind, "/take", {"venue": "sputnik", "share": f"0.{dice.randint(1, 9)}"})
    if kind in (LOST, RETURNED):
        return Trouble(kind, "", {"venue": venue})
    calls, fault = _FAULTS[kind]
    venue = venue if venue in calls else next(iter(calls))
    body = {"venue": venue, "call": calls[venue], **fault}
    if body["kind"] == "error":
        body.setdefault("text", dice.choice(_WORDS[venue][:1] if kind.startswith("read") else _WORDS[venue]))
    if body["kind"] == "fill_first":
        body["text"] = dice.choice(("all", ""))
    body["count"] = dice.randint(1, fault.get("count", 2))
    return Trouble(kind, "/faults", body)


#: Kraken does not tell how hedges end: then the pool cancels what has long been done.
UNTOLD = Trouble("not told", "/faults", {"venue": "kraken", "call": "executions", "kind": "stale", "count": 40})


def make(trouble: Trouble, exchanges: Exchanges) -> int | None:
    """Let it happen: the id of the fault that was put in force, 0 for what has happened at once; None if there is nothing that
    it could happen to."""
    aims: dict[str, Callable[[Any, str], str | None]] = {PARTIAL: _quote, LOST: _under_way, RETURNED: _pending}
    path, body = trouble.path, trouble.body
    if trouble.kind in aims:
        aim = aims[trouble.kind](exchanges.truth(), body["venue"])
        if aim is None:
            return None
        path, body = (path, {**body, "id": aim}) if path else (aim, {})
    try:
        answer = exchanges.say(path, body)
    except urllib.error.HTTPError:
        return None  # what it was to happen to has gone meanwhile
    return int(answer["id"]) if path == "/faults" else 0


def _quote(truth: Any, venue: str) -> str | None:
    orders = truth["trading"][venue]["orders"].get(USER)
    return str(orders[-1]["id"]) if orders else None


def _under_way(truth: Any, _venue: str) -> str | None:
    found = [transit for transit in truth["transits"] if not (transit["is_done"] or transit["is_lost"])]
    is_enough = sum(transit["is_lost"] for transit in truth["transits"]) >= MOST_LOST
    return f"/transits/{found[-1]['id']}/lose" if found and not is_enough else None


def _pending(truth: Any, _venue: str) -> str | None:
    for trading in truth["trading"].values():
        for name, withdrawal in trading["withdrawals"].items():
            if re.search("pending", withdrawal["state"], re.IGNORECASE):
                return f"/withdrawals/{name}/cancel"
    return None
