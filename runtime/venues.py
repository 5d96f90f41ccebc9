"""``venues``: what each client can do, from the clients' own code."""

import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import isclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

import clients
from clients.interface import ExchangeClient, IExchangeClient
from runtime import registry
from runtime.exits import Exit
from runtime.printing import print_json

CAPABILITIES: Final = ("book_stream", "order_stream", "client_id", "post_only", "immediate", "amend")
#: Not of a venue: every client has these from :class:`ExchangeClient`.
_EVERYWHERE = frozenset({"on", "round_bid", "round_ask"})
_WIDTH = 130


def main(names: Sequence[str], as_json: bool) -> int:
    """Print what the classes ``names`` can do, or all of ours; the exit code, which tells of a name that is no client."""
    try:
        found = {name: abilities(registry.find(name)) for name in names or ours()}
    except ValueError as error:
        sys.stderr.write(f"ilp: {error}\n")
        return Exit.BAD_CONFIG
    if as_json:
        print_json(found)
    else:
        _show(found)
    return Exit.DONE


def ours() -> list[str]:
    """The dotted names of the clients that come with the pool, in alphabetical order; ccxt's exchanges are too many."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(clients.__path__):
        # Both stand for other clients: any of ccxt's, and whichever is wrapped.
        if module.name in ("ccxt", "paper"):
            continue
        home = f"{clients.__name__}.{module.name}"
        for name, thing in vars(import_module(home)).items():
            if _is_client(thing) and f"{thing.__module__}.".startswith(f"{home}.") and not name.startswith("_"):
                found[f"{home}.{name}"] = thing
    # What others are made from is no client itself.
    bases = {base for thing in found.values() for base in thing.__mro__[1:]}
    return sorted(name for name, thing in found.items() if thing not in bases)


def _is_client(thing: object) -> bool:
    return isclass(thing) and issubclass(thing, ExchangeClient) and "getOrderBook" in abilities(thing)["methods"]


def abilities(client: Any) -> dict[str, list[str]]:
    """The ``capabilities`` of a client's class, and the ``methods`` of the interface that are more than a refusal."""
    lacks: frozenset[str] = getattr(client, "lacks", frozenset())
    methods = [
        name
        for name in (*IExchangeClient.names(), "getFees")
        if name not in _EVERYWHERE
        and name not in lacks
        and getattr(client, name, None) not in (None, getattr(ExchangeClient, name))
    ]
    return {"capabilities": sorted(getattr(client, "capabilities", ())), "methods": sorted(methods)}


def _show(found: dict[str, dict[str, list[str]]]) -> None:
    table = Table(title="what each client can do")
    table.add_column("")
    for name in found:
        table.add_column(name.removeprefix(f"{clients.__name__}.").rpartition(".")[2], justify="center")
    every = sorted({ability for each in found.values() for part in each.values() for ability in part} | set(CAPABILITIES))
    for ability in sorted(every, key=lambda name: (name not in CAPABILITIES, name)):
        marks = ("yes" if ability in (*each["capabilities"], *each["methods"]) else "" for each in found.values())
        table.add_row(ability, *marks, end_section=ability == max(CAPABILITIES))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    console.print(
        "What a client cannot do is handed to a person. Any exchange of ccxt: python ilp.py venues clients.ccxt.<its id>"
    )
