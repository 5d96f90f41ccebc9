"""Put the clients' own tables of errors into the guide: ``python docs/make_venues.py`` rewrites docs/venues.md."""

import ast
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = re.compile(r"<!-- (clients\.[\w.]+) -->\n.*?<!-- end -->", re.DOTALL)


def page(text: str) -> str:
    """``text`` with the docstring of each module that it names as it is now. Nothing is imported: ccxt may be missing."""
    return PLACE.sub(lambda found: f"<!-- {found[1]} -->\n```text\n{_docstring(found[1])}\n```\n<!-- end -->", text)


def _docstring(module: str) -> str:
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return inspect.cleandoc(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


if __name__ == "__main__":
    guide = ROOT / "docs" / "venues.md"
    guide.write_text(page(guide.read_text(encoding="utf-8")), encoding="utf-8")
