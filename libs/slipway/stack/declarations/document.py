"""Read YAML into tables, lists and texts that know their lines.

Texts are those that compose sees, because compose prints a build arg that is a number as Go does: ``3.10`` is ``3.1``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from types import MappingProxyType

import yaml

from slipway.core.errors import Problem, UsageError

#: Aliases repeat what they name, so a short file could expand without end.
_MOST_VALUES = 50_000
_DEEPEST = 100
#: The tags of a merge key, and of a scalar without quotes and without a tag of its own.
_MERGE, _PLAIN = "!merge", "!plain"
_NULLS = {"", "~", "null", "Null", "NULL"}
_NANS = {".nan", ".NaN", ".NAN"}
_BOOLS = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_INTEGERS = range(-(2**63), 2**64)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where PyYAML has it
    """Load nodes, and leave it to ``plain_text`` to tell numbers from words: PyYAML follows YAML 1.1, compose 1.2."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: object) -> str:
        if kind is yaml.ScalarNode and isinstance(implicit, tuple) and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return "!"


class Mark(Enum):
    """Tell how a value meets the value that it overrides: compose's tags ``!override`` and ``!reset``."""

    MERGED = ""
    REPLACES = "!override"
    REMOVED = "!reset"


@dataclass(frozen=True)
class Text:
    """Hold a scalar; ``value`` is None for null.

    ``unset``: the variables without value and default that ``value`` was to contain. ``fault``: the reason why the
    text has no value.
    """

    value: str | None
    where: str
    mark: Mark = Mark.MERGED
    unset: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Items:
    """Hold a list."""

    items: tuple[Node, ...]
    where: str
    mark: Mark = Mark.MERGED


@dataclass(frozen=True)
class Table:
    """Hold a mapping. ``where`` of a value is the line of its key."""

    entries: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    where: str = ""
    mark: Mark = Mark.MERGED

    def table(self, key: str) -> Table:
        """Return the table under ``key``; empty when there is none."""
        found = self.entries.get(key)
        return found if isinstance(found, Table) else Table(where=self.where)

    def text(self, key: str) -> Text:
        """Return the scalar under ``key``; null when there is none."""
        found = self.entries.get(key)
        return found if isinstance(found, Text) else Text(None, self.where)


Node = Text | Items | Table
_MARKS: Mapping[str, Mark] = {mark.value: mark for mark in Mark if mark.value}


def read_documents(text: str, file: str) -> tuple[Table, ...]:
    """Return the documents of a YAML file, each a table. Raises UsageError with the line of what cannot be read."""
    try:
        return tuple(_Reader(file).document(node) for node in yaml.compose_all(text, _Loader) if node is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}" if mark else file
        raise UsageError.of([Problem(place, f"not YAML: {error.problem or error.context}")]) from None
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise UsageError.of([Problem(file, f"not YAML: {said}")]) from None
    except RecursionError:
        raise UsageError.of([Problem(file, "is nested too deeply")]) from None


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._known: dict[yaml.Node, tuple[Table, int]] = {}

    def document(self, node: yaml.Node) -> Table:
        found = self._read(node, self._place(node), 0)
        if isinstance(found, Text) and found.value is None:
            return Table(where=found.where)
        if not isinstance(found, Table):
            raise UsageError.of([Problem(self._place(node), "is not a mapping")])
        return found

    def _place(self, node: yaml.Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}"

    def _read(self, node: yaml.Node, where: str, depth: int) -> Node:
        """Return the value of a node. An anchor's table is read once, and counts each time that an alias names it."""
        table, size = self._known.get(node, (None, 1))
        self._count += size
        if self._count > _MOST_VALUES or depth > _DEEPEST:
            raise UsageError.of([Problem(self._file, "its aliases expand without end, or it is nested too deeply")])
        if table:
            return replace(table, where=where)
        mark = _MARKS.get(node.tag, Mark.MERGED)
        if isinstance(node, yaml.ScalarNode):
            return Text(plain_text(node.value) if node.tag == _PLAIN else node.value, where, mark)
        if isinstance(node, yaml.SequenceNode):
            return Items(tuple(self._read(item, self._place(item), depth + 1) for item in node.value), where, mark)
        before = self._count - 1
        entries = dict(self._entries(node, depth)) if isinstance(node, yaml.MappingNode) else {}
        table = Table(MappingProxyType(entries), where, mark)
        self._known[node] = table, self._count - before
        return table

    def _entries(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[str, Node]]:
        """Yield the entries that merge keys bring, then the mapping's own, which come before them."""
        own: dict[str, Node] = {}
        for key, value in node.value:
            place = self._place(key)
            if key.tag == _MERGE:
                yield from self._merged(value, depth)
            elif not isinstance(key, yaml.ScalarNode):
                raise UsageError.of([Problem(place, "a key is not a text")])
            elif key.value in own:
                raise UsageError.of([Problem(place, f"the key {key.value!r} is set twice")])
            else:
                own[key.value] = self._read(value, place, depth + 1)
        yield from own.items()

    def _merged(self, node: yaml.Node, depth: int) -> Iterator[tuple[str, Node]]:
        """Yield the entries of ``<<: *anchor`` or ``<<: [*first, *second]``; the first mapping takes precedence."""
        for one in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
            found = self._read(one, self._place(one), depth + 1)
            if not isinstance(found, Table):
                raise UsageError.of([Problem(self._place(node), "<< takes a mapping")])
            yield from found.entries.items()


def plain_text(text: str) -> str | None:
    """Return a scalar without quotes as compose prints it: None for null, and numbers in Go's form."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text in _NANS:
        return "NaN"
    digits = text if text.startswith("_") else text.replace("_", "")
    if infinite := _INFINITE.fullmatch(text):
        return f"{infinite[1] or '+'}Inf"
    if found := _INTEGER.fullmatch(digits):
        sign, number = found.groups()
        octal = number[0] == "0" and number.isdigit()
        value = int(f"{sign}{number}", 8 if octal else 0)
        if value in _INTEGERS:
            return str(value)
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return _as_go(float(digits))
    return text


def _as_go(number: float) -> str:
    """Return ``number`` as Go's ``fmt.Sprint`` writes it."""
    sign, figures, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, figures))
    power = len(digits) - 1 + int(exponent)
    if -4 <= power < 6:
        return f"{Decimal(repr(number)).normalize():f}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{'-' if sign else ''}{digits[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02}"
