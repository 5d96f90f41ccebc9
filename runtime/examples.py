"""``examples``: the configs that come with the pool, wherever it is installed."""

from pathlib import Path
from typing import Final

from runtime.exits import Exit
from runtime.options import say_and_end
from runtime.printing import print_json, say

#: Beside the rooms, in a checkout as in an installation.
FOLDER: Final = Path(__file__).resolve().parent.parent / "ilp_example_config"


def run(name: str | None, as_json: bool) -> int:
    """Print the example ``name``, or the names and the first line of all; the exit code."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.ini"))}
    if name is not None:
        text = texts.get(name, texts.get(f"{name}.ini"))
        if text is None:
            return say_and_end(f"there is no example {name}; there are {', '.join(texts)}", Exit.BAD_CONFIG)
        if as_json:
            print_json({"name": name, "text": text})
        else:
            say(text.removesuffix("\n"))
        return Exit.DONE
    about = {each: text.partition("\n")[0].removeprefix("# ") for each, text in texts.items()}
    if as_json:
        print_json(about)
    else:
        say("\n".join(f"{each:<22} {line}" for each, line in about.items()))
    return Exit.DONE
