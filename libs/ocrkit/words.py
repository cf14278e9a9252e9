"""Define the words on a page, and compute boxes, lines and confidence.

The module does no I/O and uses only the standard library.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Box:
    """Hold a rectangle: left, top, width and height in the page's unit, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """Hold the place of a word in the reading order."""

    block: int
    paragraph: int
    line: int


@dataclass(frozen=True)
class Word:
    """Hold a word, the confidence of its reading (0–100), its box and its line."""

    text: str
    confidence: float
    box: Box
    line: Line


@dataclass(frozen=True)
class Affine:
    """Map points of one picture of a page to another picture of it.

    The map is ``x' = a·x + b·y + c`` and ``y' = d·x + e·y + f``.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f

    def after(self, first: Affine) -> Affine:
        """Return the map that applies ``first``, and then this one."""
        (c, f), (ac, df), (bc, ef) = (self.apply(*first.apply(x, y)) for x, y in ((0, 0), (1, 0), (0, 1)))
        return Affine(ac - c, bc - c, c, df - f, ef - f, f)


def quarter_turned(turns: int, width: float, height: float) -> Affine:
    """Return the map to a picture of ``width`` × ``height`` from its copy that is turned counter-clockwise.

    ``turns`` are quarters: 1 is 90 degrees.
    """
    return (
        Affine(1, 0, 0, 0, 1, 0),
        Affine(0, -1, width, 1, 0, 0),
        Affine(-1, 0, width, 0, -1, height),
        Affine(0, 1, 0, -1, 0, height),
    )[turns % 4]


def box_through(box: Box, affine: Affine, *, width: float, height: float) -> Box:
    """Return the upright rectangle around ``box`` after ``affine``, cut to a page of ``width`` × ``height``."""
    corners = [affine.apply(x, y) for x in (box.x, box.x + box.width) for y in (box.y, box.y + box.height)]
    left, right = (_within(edge(x for x, _ in corners), width) for edge in (min, max))
    top, bottom = (_within(edge(y for _, y in corners), height) for edge in (min, max))
    return Box(left, top, right - left, bottom - top)


def _within(value: float, limit: float) -> float:
    return min(max(value, 0.0), limit)


def words_from_tsv(table: str) -> tuple[Word, ...]:
    """Return the words of tesseract's TSV output, with boxes in pixels of the picture that it read.

    Rows of layout (confidence −1) and rows of blanks are left out.
    """
    rows = csv.DictReader(table.split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(
        Word(
            row["text"].strip(),
            float(row["conf"]),
            Box(*(float(row[side]) for side in ("left", "top", "width", "height"))),
            Line(int(row["block_num"]), int(row["par_num"]), int(row["line_num"])),
        )
        for row in rows
        if float(row["conf"]) >= 0 and row["text"] and row["text"].strip()
    )


def text_of(words: Sequence[Word]) -> str:
    """Return the words as text, with the page's lines, and an empty line between paragraphs."""
    paragraphs = groupby(words, key=lambda word: (word.line.block, word.line.paragraph))
    return "\n\n".join(
        "\n".join(" ".join(word.text for word in line) for _, line in groupby(paragraph, key=lambda word: word.line))
        for _, paragraph in paragraphs
    )


def confidence_of(words: Sequence[Word]) -> float:
    """Return the mean confidence, weighted by the number of letters of each word; 0 without words."""
    letters = sum(len(word.text) for word in words)
    if not letters:
        return 0.0
    return sum(word.confidence * len(word.text) for word in words) / letters
