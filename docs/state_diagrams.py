"""State diagrams as drawings, from the lines that Mermaid reads: GitHub draws them itself, the site must not load a program.

The states stand in a column. What leads down leaves to the right, what leads up to the left; what leads nowhere else stands
in its state's box.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from attrs import frozen
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

_ARROW: Final = re.compile(r"^\s*(\w+) --> (\w+): (.+)$")
#: In the drawing's own units: the boxes, the way from one to the next, and how far an arrow swings out per state that it passes.
_WIDTH, _HEIGHT, _STEP, _SWING = 150, 40, 84, 56
#: A letter of the words beside an arrow.
_LETTER: Final = 7


@frozen
class Arrow:
    """One transition, between two places in the column; ``words`` has a line for each input that leads this way."""

    origin: int
    target: int
    words: tuple[str, ...]

    @property
    def down(self) -> int:
        """1 where it leads down, on the right; -1 where it leads up, on the left; 0 where it stays."""
        return (self.target > self.origin) - (self.target < self.origin)

    @property
    def furthest(self) -> float:
        """How far from the column's middle it swings: a cubic curve goes three quarters of the way to its handles."""
        return _WIDTH / 2 + 0.75 * self.swing

    @property
    def swing(self) -> int:
        """How far from its boxes the curve's handles are."""
        return _SWING * abs(self.target - self.origin) + 12


def drawing(lines: Sequence[str]) -> str:
    """A Mermaid state diagram as SVG, in the colours of the page.

    :raises ValueError: there is no transition in it.
    """
    found = [match.groups() for match in map(_ARROW.match, lines) if match]
    if not found:
        raise ValueError("a state diagram has transitions: A --> B: words")
    states = list(dict.fromkeys([*(origin for origin, _, _ in found), *(target for _, target, _ in found)]))
    ways: dict[tuple[int, int], list[str]] = {}
    for origin, target, words in found:
        ways.setdefault((states.index(origin), states.index(target)), []).append(words)
    arrows = [Arrow(origin, target, tuple(words)) for (origin, target), words in ways.items()]
    left, right = _room(arrows, -1), _room(arrows, 1)
    parts = [_box(name, place, left, arrows) for place, name in enumerate(states)]
    parts += [_curve(arrow, left) for arrow in arrows if arrow.down]
    return (
        f'<svg class="states" role="img" viewBox="0 0 {left + right} {_STEP * len(states)}" xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z"/></marker></defs>{"".join(parts)}</svg>'
    )


def _room(arrows: Iterable[Arrow], side: int) -> int:
    """What is needed on one side of the column's middle."""
    needs = (arrow.furthest + _LETTER * max(map(len, arrow.words)) for arrow in arrows if arrow.down == side)
    return round(max(needs, default=_WIDTH / 2)) + _LETTER


def _box(name: str, place: int, middle: int, arrows: Iterable[Arrow]) -> str:
    top = place * _STEP + (_STEP - _HEIGHT) // 2
    inside = [name, *(line for arrow in arrows if arrow.origin == arrow.target == place for line in arrow.words)]
    first = top + _HEIGHT / 2 + 5 - 7 * (len(inside) - 1)
    texts = "".join(
        f'<text class="{"inside" if row else "name"}" x="{middle}" y="{first + 15 * row}" text-anchor="middle">{escape(line)}'
        "</text>"
        for row, line in enumerate(inside)
    )
    return f'<rect x="{middle - _WIDTH // 2}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>{texts}'


def _curve(arrow: Arrow, middle: int) -> str:
    """From the lower or upper part of one box's side to the facing part of another's, and its words where it is furthest out."""
    side = middle + arrow.down * _WIDTH // 2
    start, end = (_STEP * place + _STEP / 2 for place in (arrow.origin, arrow.target))
    start, end = start + 9 * arrow.down, end - 9 * arrow.down
    handle = side + arrow.down * arrow.swing
    # Arrows of the same height differ by two in length; the words of every other one stand a line lower.
    first = (start + end) / 2 + 4 + 15 * (abs(arrow.target - arrow.origin) // 2 % 2)
    words = "".join(
        f'<text x="{middle + arrow.down * (arrow.furthest + 4)}" y="{first + 15 * row}" '
        f'text-anchor="{"start" if arrow.down > 0 else "end"}">{escape(line)}</text>'
        for row, line in enumerate(arrow.words)
    )
    return f'<path class="way" d="M{side} {start}C{handle} {start} {handle} {end} {side} {end}" marker-end="url(#tip)"/>{words}'


class StateDiagram(SphinxDirective):
    """Draws what a fence of the language ``mermaid`` holds."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Docutils': the drawing."""
        try:
            return [nodes.raw("", drawing(self.content), format="html")]
        except ValueError as error:
            raise self.error(str(error)) from None
