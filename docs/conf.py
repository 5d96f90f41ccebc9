"""How Sphinx makes the site: ``make docs`` writes it to build/docs. Nothing is loaded from elsewhere, then or when it is read."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sphinx.application import Sphinx  # noqa: E402  # the checkout need not be installed

from docs.from_code import filled  # noqa: E402
from docs.state_diagrams import StateDiagram  # noqa: E402
from runtime.version import VERSION  # noqa: E402

project = "International Liquidity Pool"
release = version = VERSION
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["screenshots"]
# It would make one dash of the two before an option.
smartquotes = False
html_theme = "furo"
html_title = f"{project} {VERSION}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]


def _fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's: what is ours in the building."""
    app.connect("source-read", _fill)
    app.add_directive("mermaid", StateDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
