"""The pages of the reference, made from the code each time the site is built: they cannot say what is not so.

A page has ``<!-- from the code: NAME -->`` where one of :data:`PARTS` belongs. Every part is Markdown.
"""

import re
from argparse import Action, ArgumentParser, HelpFormatter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, Final, cast

import yaml

from clients import errors
from clients.errors import Reason
from model.notice import KINDS
from runtime.commands import COMMANDS
from runtime.config import load
from runtime.config_sections import FREE, KEYED
from runtime.console_parameters import console_parameters
from runtime.exits import Exit
from runtime.gauges import GAUGES
from runtime.metrics import AROUND
from runtime.options import pool_parser
from runtime.parameters import PARAMETERS
from trader.interface import IPool
from trader.meters import Meters
from web.api import Api, Route
from web.openapi import document
from web.past import Past

ROOT: Final = Path(__file__).resolve().parent.parent
ALERTS: Final = ROOT / "ops" / "prometheus" / "alerts.yml"
PLACE: Final = re.compile(r"^<!-- from the code: ([\w-]+) -->$", re.MULTILINE)
#: The pool's own name in the headings; commands have theirs.
_POOL: Final = "(the pool)"


def filled(text: str) -> str:
    """``text`` with every part in its place.

    :raises KeyError: for a part that there is not.
    """
    return PLACE.sub(lambda found: PARTS[found[1]](), text)


def config() -> str:
    """Every section, and a line for every key."""
    parts = []
    for section, model in KEYED.items():
        rows = [
            (f"`{p.field}`", _default(p.default), p.unit, _sentence(p.help), p.allowed, "yes" if p.is_changeable else "")
            for p in PARAMETERS
            if p.name.startswith(f"{section}.")
        ]
        head = ("key", "default", "unit", "meaning", "allowed", "while it runs")
        parts += [f"## [{section}]", (model.__doc__ or "").strip(), _table(head, rows)]
    for section, meaning in FREE.items():
        parts += [f"## [{section}]", f"{_sentence(meaning)}."]
    return "\n\n".join(parts)


def command_line() -> str:
    """The pool itself, and every command: how it is typed, what its words mean."""
    parts = []
    for name, (parser, summary) in _parsers().items():
        rows = [(_spelled(action), _sentence(action.help or ""), _choices(action)) for action in parser._actions]
        parts += [f"## {name}", summary, f"```text\n{_usage(parser)}\n```", _table(("word", "meaning", "one of"), rows)]
    return "\n\n".join(parts)


def exit_codes() -> str:
    """What the program ends with."""
    return _table(("code", "meaning"), ((str(code.value), _sentence(code.meaning)) for code in Exit))


def api() -> str:
    """Every call, from the same document that ``/api/openapi.json`` answers."""
    rows = []
    for path, methods in document("pool", routes())["paths"].items():
        for method, operation in methods.items():
            role = operation["description"].removeprefix("Role: ").rstrip(".")
            rows.append((f"`{method.upper()} {path}`", role, _sentence(operation["summary"]), _words_of(operation)))
    return _table(("call", "role", "does", "takes"), rows)


def refusals() -> str:
    """The statuses that are no success."""
    found: dict[str, str] = {}
    for methods in document("pool", routes())["paths"].values():
        for operation in methods.values():
            found |= {status: answer["description"] for status, answer in operation["responses"].items() if status != "200"}
    return _table(("status", "meaning"), ((status, _sentence(text)) for status, text in sorted(found.items())))


def metrics() -> str:
    """Every metric that is ours."""
    rows = [(f"`ilp_{name}`", _kind(name), ", ".join(about.labels), about.text) for name, about in {**GAUGES, **AROUND}.items()]
    for family in Meters().registry.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows.append((f"`{name}`", family.type, ", ".join(sorted(labels)), family.documentation))
    return _table(("metric", "kind", "labels", "meaning"), sorted(rows))


def alerts() -> str:
    """Every alert rule that is shipped."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rows = [
        (f"`{rule['alert']}`", rule["labels"]["severity"], f"`{' '.join(rule['expr'].split())}`", rule["annotations"]["action"])
        for group in groups
        for rule in group["rules"]
    ]
    return _table(("alert", "severity", "fires while", "what to do"), rows)


def outcomes() -> str:
    """What can go wrong at a venue, and why it refuses."""
    reasons = ", ".join(f"`{reason.name}` ({reason.value})" for reason in Reason)
    return f"```text\n{(errors.__doc__ or '').strip()}\n```\n\nReasons of a refusal: {reasons}."


def events() -> str:
    """What people are told of."""
    return _table(("event", "when"), ((f"`{kind}`", _sentence(text)) for kind, text in KINDS.items()))


#: What a page may ask for.
PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "config": config,
    "command-line": command_line,
    "exit-codes": exit_codes,
    "api": api,
    "refusals": refusals,
    "metrics": metrics,
    "alerts": alerts,
    "outcomes": outcomes,
    "events": events,
}


def routes() -> tuple[Route, ...]:
    """The API's table. It is only read: nothing of the pool that would answer is there."""
    settings = load(ROOT / "ilp_example_config" / "sandbox.ini", is_offline=True).settings()
    pool, past = SimpleNamespace(view=None), SimpleNamespace(charts=None, statement=None)
    return Api(cast(IPool, pool), console_parameters(settings), cast(Past, past)).routes()


class _Formatter(HelpFormatter):
    """As wide here as in every terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def _parsers() -> dict[str, tuple[ArgumentParser, str]]:
    found = {_POOL: (pool_parser(), "Without the name of a command it runs the pool.")}
    return found | {name: (command.parser(), f"{_sentence(command.summary)}.") for name, command in COMMANDS.items()}


def _usage(parser: ArgumentParser) -> str:
    parser.formatter_class = _Formatter
    return dedent(parser.format_usage().replace("usage: ", " " * len("usage: "), 1)).rstrip()


def _spelled(action: Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = "" if action.nargs == 0 else f" {action.metavar or (action.dest.upper() if not action.choices else 'WORD')}"
    return f"`{', '.join(action.option_strings)}{value}`"


def _choices(action: Action) -> str:
    return ", ".join(f"`{choice}`" for choice in action.choices or ())


def _words_of(operation: Mapping[str, Any]) -> str:
    words = [f"`{parameter['name']}` ({parameter['in']})" for parameter in operation.get("parameters", ())]
    if body := operation.get("requestBody"):
        properties = body["content"]["application/json"]["schema"].get("properties", {})
        words += [f"`{name}` (body)" for name in properties]
    return ", ".join(words)


def _kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


def _default(text: str | None) -> str:
    return "must be written" if text is None else f"`{text}`" if text else "empty"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].replace("%%", "%")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(_cell(cell) for cell in cells)} |"

    titles = list(head)
    return "\n".join([line(titles), line("---" for _ in titles), *_lines(rows, line)])


def _lines(rows: Iterable[Iterable[str]], line: Callable[[Iterable[str]], str]) -> Iterator[str]:
    return (line(row) for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
