"""Draw docs/rooms.svg: the rooms of slipway and what they import, from the code.

    python -m tests.docs.rooms > docs/rooms.svg

An arrow is an import. An import that a chain of arrows implies has no arrow of its own, so few lines tell all.
"""

from __future__ import annotations

import functools
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/rooms.svg"
#: Top to bottom: what a line of rooms does, and the column of each room. The order is that of the contract in
#: pyproject.toml.
BANDS: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("command line", {"tasks": 1.5, "testing": 3.6}),
    ("tell", {"ui": 1.5}),
    ("do", {"clean": 0.5}),
    ("do", {"release": 0.5, "audit": 1.5, "compose": 2.5}),
    ("do", {"setup": 0, "push": 1, "build": 2, "smoke": 3}),
    ("where", {"hosts": 1.5}),
    ("propose", {"adopt": 1.5}),
    ("decide", {"plan": 1.5}),
    ("know", {"stack": 1.5}),
    ("edges", {"runs": 0.5, "config": 1.5, "registry": 2.5}),
    ("sources", {"dockerfile": 1, "engine": 2}),
    ("values", {"core": 1.5}),
    ("guard", {"secrets": 1.5}),
)
#: Public, for others' tests; no contract orders it.
PUBLIC = "testing"
#: The users of the rooms that no room imports.
_FOR = {"tasks": "used by Invoke", "testing": "used by pytest"}
_LEFT, _TOP, _COLUMN, _ROW, _WIDTH, _HEIGHT, _BOTTOM = 130, 70, 156, 80, 130, 46, 58
_STYLE = """\
  .ground { fill: #ffffff; stroke: #d8dee4 } .room { fill: #ffffff; stroke: #8c959f } .way { stroke: #afb8c1 }
  .tip { fill: #afb8c1 } .band { fill: #1a7f6b }
  text { fill: #57606a; font: 12px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif }
  .title { fill: #1f2328; font-size: 17px; font-weight: 600 } .name { fill: #1f2328; font-size: 14px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d } .room { fill: #0d1117; stroke: #6e7681 } .way { stroke: #57606a }
    .tip { fill: #57606a } .band { fill: #3fb8a0 } text { fill: #9aa4ae } .title, .name { fill: #e6edf3 }
  }
"""


@dataclass(frozen=True)
class House:
    """The rooms. ``imports``: (room, room that it imports)."""

    imports: frozenset[tuple[str, str]]

    def below(self, room: str) -> frozenset[str]:
        """Return the rooms that ``room`` imports."""
        return frozenset(imported for importer, imported in self.imports if importer == room)

    def arrows(self) -> tuple[tuple[str, str], ...]:
        """Return the imports that no chain of other imports implies."""

        @functools.cache
        def reached(room: str) -> frozenset[str]:
            return self.below(room).union(*map(reached, self.below(room)))

        return tuple(
            (room, imported)
            for room, imported in sorted(self.imports)
            if not any(imported in reached(other) for other in self.below(room) - {imported})
        )


def read_house() -> House:
    """Read the rooms and their imports from the code."""
    graph = grimp.build_graph("slipway", cache_dir=None)
    pairs = {
        (_room(module), _room(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return House(frozenset(pair for pair in pairs if all(pair) and pair[0] != pair[1]))


def _room(module: str) -> str:
    return (*module.split("."), "")[1]


def order() -> list[str]:
    """Return the rooms of the contract in pyproject.toml, top to bottom, without those to come."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    return [layer for layer in contracts[0]["layers"] if not layer.startswith("(")]


def picture(house: House) -> str:
    """Return the SVG."""
    places = {
        room: (_LEFT + column * _COLUMN, _TOP + row * _ROW)
        for row, (_, rooms) in enumerate(BANDS)
        for room, column in rooms.items()
    }
    width = round(_LEFT + 4.6 * _COLUMN)
    height = _TOP + len(BANDS) * _ROW + _BOTTOM - (_ROW - _HEIGHT)
    lines = [f'<path class="way" d="{_way(places, *arrow)}"/>' for arrow in house.arrows()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            "<title>The rooms of slipway, each above the rooms that it imports</title>",
            f"<style>\n{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
            f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            _text(32, 40, "Each room imports only rooms below it", "title"),
            '<g fill="none" stroke-width="1.3" marker-end="url(#tip)">',
            *lines,
            "</g>",
            *(_text(32, _TOP + row * _ROW + 28, band, "band") for row, (band, _) in enumerate(BANDS)),
            *(box for room, place in places.items() for box in _box(house, room, *place)),
            _text(32, height - 22, "An arrow is an import. Imports that a chain of arrows implies are left out."),
            "</svg>\n",
        ]
    )


def _way(places: Mapping[str, tuple[float, float]], room: str, imported: str) -> str:
    """A line from the lower edge of a room to the upper edge of another; from side to side in one line."""
    (x, y), (to_x, to_y) = places[room], places[imported]
    if y == to_y:
        side = _WIDTH if to_x > x else 0
        return f"M{x + side:g} {y + _HEIGHT / 2:g}H{to_x + _WIDTH - side:g}"
    x, to_x, y = x + _WIDTH / 2, to_x + _WIDTH / 2, y + _HEIGHT
    bend = min(_ROW, to_y - y) * 0.55
    # A long way goes straight down first, and turns in the last gap.
    turn = to_y - (_ROW - _HEIGHT)
    straight = f"V{turn:g}" if turn > y else ""
    start = turn if turn > y else y
    return f"M{x:g} {y:g}{straight}C{x:g} {start + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"


def _box(house: House, room: str, x: float, y: float) -> Iterator[str]:
    users = sum(1 for _, imported in house.imports if imported == room)
    dashes = ' stroke-dasharray="4 3"' if room == PUBLIC else ""
    yield f'<rect class="room" x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"{dashes}/>'
    yield _text(x + _WIDTH / 2, y + 20, room, "name", middle=True)
    said = f"used by {users} room{'s' * (users > 1)}" if users else _FOR[room]
    yield _text(x + _WIDTH / 2, y + 37, said, middle=True)


def _text(x: float, y: float, text: str, kind: str = "", *, middle: bool = False) -> str:
    named = f' class="{kind}"' if kind else ""
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x:g}" y="{y:g}"{named}{anchor}>{text}</text>'


if __name__ == "__main__":
    sys.stdout.write(picture(read_house()))
