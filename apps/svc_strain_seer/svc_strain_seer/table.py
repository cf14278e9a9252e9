"""Read a table of numbers from the bytes of a delimited text file.

``read`` finds the encoding, the delimiter, the decimal mark, the names and the units. It refuses a file that is not
such a table, or that is too large, with the reason; the limits bound its time and its memory.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_strain_seer.numbers import number
from svc_strain_seer.units import Unit, find_unit

Numbers = NDArray[np.float64]

MAX_LINES = 200_000
MAX_LINE = 10_000
MAX_COLUMNS = 64
MAX_CELLS = 2_000_000
_SAMPLE = 200
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
#: ``Stress [MPa]``, ``Stress (MPa)``, ``Stress / MPa``, ``stress_MPa``.
_UNIT_FORMS = (
    re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*"),
    re.compile(r"(?P<name>.*\S)\s+(?:/|in)\s+(?P<unit>\S+)\s*"),
    re.compile(r"(?P<name>.*[^\W_])[_,]\s*(?P<unit>[^\s_]+)\s*"),
)


class Unreadable(ValueError):
    """Say why a file is not a table of numbers."""


@dataclass(frozen=True)
class Dialect:
    """Hold the delimiter (a space stands for white space of any length) and the decimal mark."""

    delimiter: str
    decimal: str


#: Tried in this order; the first of equally good ones wins.
DIALECTS = (
    *(Dialect(delimiter, decimal) for delimiter in ";\t|" for decimal in ".,"),
    Dialect(",", "."),
    Dialect(",", ","),  # with quotes around each number
    *(Dialect(" ", decimal) for decimal in ".,"),
)


@dataclass(frozen=True, eq=False)
class Column:
    """Hold a column: its name, its unit as the file spells it, and its values. A cell without a number is NaN."""

    name: str
    spelled: str
    values: Numbers

    @property
    def unit(self) -> Unit | None:
        return find_unit(self.spelled)


@dataclass(frozen=True, eq=False)
class Table:
    """Hold the columns, the dialect that was found or given, and the number of lines that held no number."""

    columns: tuple[Column, ...]
    dialect: Dialect
    skipped: int


def read(data: bytes, dialect: Dialect | None = None) -> Table:
    """Read the table. ``dialect``: do not look for one. Raises Unreadable with the reason."""
    text = decode(data)
    _refuse_long(text)
    sample = list(itertools.islice(_lines(text), _SAMPLE))
    found = dialect or find_dialect(sample)
    width, first = _shape(sample, found)
    if width > MAX_COLUMNS:
        raise Unreadable(f"the table has {width} columns, at most {MAX_COLUMNS} are read")
    if text.count(found.delimiter) > MAX_CELLS:
        raise Unreadable(f"the table has more than {MAX_CELLS:,} cells")
    heads = _heads(list(_rows(sample[:first], found)), width)
    columns, skipped = _numbers(itertools.islice(_rows(_lines(text), found), first, None), width, found.decimal)
    named = (Column(name, unit, values) for (name, unit), values in zip(heads, columns, strict=True))
    return Table(tuple(named), found, skipped)


def decode(data: bytes) -> str:
    """Return the text: UTF-8, UTF-16 with a byte order mark, or Windows-1252. Raises Unreadable."""
    if not data.strip():
        raise Unreadable("the file is empty")
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "")
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        text = data.decode(marked or "cp1252", errors="replace")
    if _CONTROL.search(text):
        raise Unreadable("the file is binary, not text: export the test as CSV")
    return text


def find_dialect(sample: Sequence[str]) -> Dialect:
    """Return the dialect in which most lines are rows of two or more numbers. Raises Unreadable."""
    scores = {dialect: _score(sample, dialect) for dialect in DIALECTS}
    best = max(DIALECTS, key=lambda dialect: scores[dialect])
    if not scores[best]:
        raise Unreadable("no lines of two or more numbers in the file's first 200 lines")
    return best


def _score(sample: Sequence[str], dialect: Dialect) -> int:
    """Count the lines that hold only numbers, and as many as most such lines."""
    widths = Counter(len(row) for row in _rows(sample, dialect) if _is_numeric(row, dialect.decimal))
    return max(widths.values(), default=0)


def _shape(sample: Sequence[str], dialect: Dialect) -> tuple[int, int]:
    """Return the number of columns, and the position of the first row of numbers. Raises Unreadable."""
    rows = list(_rows(sample, dialect))
    widths = Counter(len(row) for row in rows if _is_numeric(row, dialect.decimal))
    if not widths:
        raise Unreadable("no lines of two or more numbers, with this delimiter and this decimal mark")
    width = widths.most_common(1)[0][0]
    starts = (place for place, row in enumerate(rows) if len(row) == width and _is_numeric(row, dialect.decimal))
    return width, next(starts)


def _is_numeric(row: Sequence[str], decimal: str) -> bool:
    """Tell whether the row has two or more numbers, and nothing but numbers and empty cells."""
    filled = [cell for cell in row if cell.strip()]
    return len(filled) > 1 and not any(math.isnan(number(cell, decimal)) for cell in filled)


def _refuse_long(text: str) -> None:
    lines = max(text.count("\n"), text.count("\r"))
    if lines > MAX_LINES:
        raise Unreadable(f"the file has {lines:,} lines, at most {MAX_LINES:,} are read")


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that are not blank. Raises Unreadable at one that is too long."""
    for line in io.StringIO(text, newline=None):
        if len(line) > MAX_LINE:
            raise Unreadable(f"a line has {len(line):,} characters, at most {MAX_LINE:,} are read")
        if line.strip():
            yield line.rstrip("\n")


def _rows(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    """Split each line into its cells. A delimiter at the end of a line adds no cell."""
    if dialect.delimiter == " ":
        yield from (line.split() for line in lines)
        return
    for line in lines:
        try:
            [row] = csv.reader([line.rstrip(dialect.delimiter)], delimiter=dialect.delimiter, skipinitialspace=True)
        except (csv.Error, ValueError) as error:
            raise Unreadable(f"the line {line[:40]!r} cannot be split into cells") from error
        yield row


def _heads(preamble: Sequence[Sequence[str]], width: int) -> list[tuple[str, str]]:
    """Return the name and the unit of each column from the lines before the numbers."""
    above = [row for row in preamble if len(row) == width]
    units = above.pop() if len(above) > 1 and _names_units(above[-1]) else None
    names = above[-1] if above else [""] * width
    heads = [_split(name) for name in names]
    if units:
        heads = [(name, unit.strip(" []()")) for name, unit in zip(names, units, strict=True)]
    return [(name.strip()[:60] or f"column {place}", unit[:20]) for place, (name, unit) in enumerate(heads, 1)]


def _names_units(row: Sequence[str]) -> bool:
    """Tell whether at least two cells are known units. A unit such as s for time is not known."""
    return sum(find_unit(cell.strip(" []()")) is not None for cell in row) > 1


def _split(head: str) -> tuple[str, str]:
    """Split ``Stress [MPa]`` into its name and its unit. The other forms count if they end in a known unit."""
    bracketed, *others = _UNIT_FORMS
    if found := bracketed.fullmatch(head):
        return found["name"], found["unit"].strip()
    known = (found for form in others if (found := form.fullmatch(head)) and find_unit(found["unit"]))
    return next(((found["name"], found["unit"]) for found in known), (head, ""))


def _numbers(rows: Iterable[Sequence[str]], width: int, decimal: str) -> tuple[list[Numbers], int]:
    """Return the columns of numbers, and how many rows held none."""
    columns, skipped = [array("d") for _ in range(width)], 0
    for row in rows:
        values = [number(cell, decimal) for cell in row[:width]]
        values += [math.nan] * (width - len(values))
        if all(map(math.isnan, values)):
            skipped += 1
            continue
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [np.array(column) for column in columns], skipped
