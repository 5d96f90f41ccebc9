"""The pages by name, and the templates that draw them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web import formats, views
from web.charts import RANGES
from web.exports import EXPORTS
from web.log_lines import LEVELS
from web.parameters import ParameterInfo, by_section


@frozen
class Page:
    """A page of the console: its address, name, and the key that, after ``g``, leads there."""

    name: str
    label: str
    key: str
    is_live: bool = True


PAGES = (
    Page("trader", "Trader", "t"),
    Page("optimized", "Optimized", "o"),
    Page("what-if", "What-if", "w", is_live=False),
    Page("parameters", "Parameters", "p", is_live=False),
    Page("balances", "Balances", "b"),
    Page("books", "Books", "k"),
    Page("orders", "Orders", "r"),
    Page("fills", "Fills", "f"),
    Page("transits", "Transits", "i"),
    Page("tasks", "Tasks", "a"),
    Page("transactions", "Transactions", "x"),
    Page("charts", "Charts", "c", is_live=False),
    Page("statement", "Statement", "s", is_live=False),
    Page("log", "Log", "e", is_live=False),
    Page("health", "Health", "h"),
    Page("help", "Help", "l", is_live=False),
)
#: What can be streamed: each live page, and the state alone for those that are not.
STREAMS = frozenset(page.name for page in PAGES if page.is_live) | {"state"}
TEMPLATES = Path(__file__).parent / "templates"


def environment(title: str, assets: Mapping[str, Any], parameters: Sequence[ParameterInfo]) -> Environment:
    """Jinja's, with what every template may use; an unknown name is an error, and text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = ("number", "signed", "exact", "cell", "gain", "share", "seconds", "moment", "places_of", "price_places")
    environment.filters.update({name: getattr(formats, name) for name in names})
    environment.globals.update(
        title=title,
        pages=PAGES,
        streams=STREAMS,
        views=views,
        sections=by_section(parameters),
        parameters=parameters,
        ranges=RANGES,
        exports=EXPORTS,
        levels=LEVELS,
        asset=lambda name: f"/static/{name}?v={assets[name].tag}",
    )
    return environment
