"""``status``: how the pool is, from itself while it runs, and from its ledger while it does not."""

import json
import socket
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ledger.interface import LedgerError
from ledger.readonly import reader
from runtime.config_values import Config
from runtime.exits import Exit
from runtime.ledger_place import beside_ledger, ledger_url
from runtime.presence import SUFFIX
from runtime.printing import as_time, print_json, say
from runtime.status_shape import resting
from trader.machine import READY, TRADING

#: So long a pool may take to answer, in seconds: it answers between two steps of its work.
PATIENCE: Final = 5.0


class NotRunning(Exception):
    """Nobody listens."""


class NoAnswer(Exception):
    """Somebody listens, and says nothing that could be understood."""


def run(config: Config, as_json: bool) -> int:
    """Print how the pool is; the exit code says it in short."""
    try:
        found = ask(beside_ledger(config, SUFFIX))
        code = Exit.DONE if found["state"] in (READY, TRADING) else Exit.NOT_READY
    except NoAnswer as trouble:
        found, code = {"is_running": True, "state": None, "reason": f"the pool does not answer: {trouble}"}, Exit.NOT_READY
    except NotRunning:
        found, code = _from_ledger(ledger_url(config)), Exit.CANNOT
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            say(line)
    return code


def _from_ledger(url: str) -> dict[str, Any]:
    try:
        with reader(url) as connection:
            return resting(connection)
    except LedgerError as trouble:
        return {"is_running": False, "state": None, "reason": f"no pool is running; {trouble}"}


def ask(path: Path) -> dict[str, Any]:
    """What the pool that listens at ``path`` says. Blocks for :data:`PATIENCE` seconds at most.

    :raises NotRunning: nobody listens.
    :raises NoAnswer: somebody does.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(str(path))
            answer = b"".join(iter(lambda: asking.recv(65_536), b""))
    except TimeoutError:
        raise NoAnswer(f"nothing in {PATIENCE:g} s; it hangs, or the machine is too slow") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning from None
    except OSError as trouble:
        raise NoAnswer(trouble.strerror or str(trouble)) from None
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise NoAnswer("what it says is cut off; it may just have ended") from None
    return found


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """For people."""
    yield f"{found['state']}: {found['reason']}" if found["state"] and found["reason"] else found["state"] or found["reason"]
    if "venues" in found:
        yield from _running(found)
    elif "balances" in found:
        yield from _resting(found)
    for name in ("tasks", "obligations", "transits"):
        for each in found.get(name, ()):
            yield _open(name, each)


def _running(found: Mapping[str, Any]) -> Iterator[str]:
    kind = "sandbox" if found["is_sandbox"] else "paper" if found["is_paper"] else "real money"
    yield f"version {found['version']}, process {found['pid']}, {kind}, at {as_time(found['timestamp'])}"
    for place, venue in found["venues"].items():
        state = "connected" if venue["is_connected"] else "NOT CONNECTED"
        held = ", ".join(f"{balance['position']} {ticker}" for ticker, balance in venue["balances"].items())
        yield f"{place} {venue['name']}: {state}; holds {held or 'nothing'}; {venue['open_orders']} orders open"
    for order in found["quotes"]:
        yield f"quote: {order['side']} {order['quantity_left']} at {order['price']}"
    for side, reason in found["quote_reasons"].items():
        if reason:
            yield f"no {side} quote: {reason}"
    yield _standing(found)
    for each in found["inputs"]:
        age = "never known" if each["age"] is None else f"{float(each['age']):.1f} s old of {each['limit']} s"
        yield f"input {each['name']}: {age}{'; ' if each['problem'] else ''}{each['problem']}"
    for vital in found["vitals"]:
        if vital["problem"]:
            yield f"{vital['name']}: {vital['value']}; {vital['problem']}"


def _standing(found: Mapping[str, Any]) -> str:
    btc, source = found["tickers"]["btc"], found["tickers"]["source"]
    exposure = "not known yet" if found["exposure"] is None else f"{found['exposure']} {btc}"
    return f"exposure {exposure}; result today {Decimal(found['result_today']):.2f} {source}"


def _resting(found: Mapping[str, Any]) -> Iterator[str]:
    seen = found["last_seen"]
    yield f"last seen {found['last_state']} at {as_time(seen)}" if seen else "it has never traded on this ledger"
    for account, tickers in sorted(found["balances"].items()):
        yield f"{account.removeprefix('venue:')} holds {', '.join(f'{amount} {ticker}' for ticker, amount in tickers.items())}"
    for record in found["open_orders"]:
        intent = record["intent"]
        yield (
            f"may still be out: {intent['purpose']} {intent['side']} {intent['quantity']} {intent['contract']} at "
            f"{intent['price']}, {record['state']}"
        )


def _open(name: str, each: Mapping[str, Any]) -> str:
    if name == "tasks":
        return f"task {each['id']} since {as_time(each['created'])}: {each['title']}"
    if name == "obligations":
        done = f"{each['done']} of it done, {each['state']}"
        return f"must be hedged since {as_time(each['created'])}: {each['quantity']} BTC, {done}"
    way = f"{each['origin']} -> {each['to']}, {each['state']}"
    return f"transfer since {as_time(each['created'])}: {each['quantity']} {each['ticker']} {way}"
