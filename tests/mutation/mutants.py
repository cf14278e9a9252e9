"""A module changed in one place, every place in turn. Which mutants there are depends on its source alone."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

_OPERATORS = [
    *[(ast.Eq, ast.NotEq), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.In, ast.NotIn), (ast.Is, ast.IsNot)],
    *[(ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.FloorDiv), (ast.BitOr, ast.BitAnd)],
    (ast.Break, ast.Continue),
]
_NAMES = [
    *[("startswith", "endswith"), ("removeprefix", "removesuffix"), ("lstrip", "rstrip"), ("partition", "rpartition")],
    *[("lower", "upper"), ("any", "all"), ("min", "max")],
]
_SWAPPED: dict[Any, Any] = {one: other for pair in [*_OPERATORS, *_NAMES] for one, other in (pair, pair[::-1])}
_SWAPPED |= {"sorted": "list", "fullmatch": "match", "match": "search", ast.Mod: ast.Mult}
_IN_A_REGEX = re.compile(r"(?<=[\w\])}.])[*+?]|(?<!\\)\[\^|\(\?<?!")
_REGEX_SWAPPED = {"*": "+", "+": "*", "?": "", "[^": "[", "(?!": "(?=", "(?<!": "(?<="}
_STATEMENTS = (ast.Expr, ast.Raise, ast.Delete, ast.Assign, ast.AugAssign)
_LEFT_ALONE = ("annotation", "returns", "decorator_list", "names", "ctx", "format_spec")


@dataclass(frozen=True)
class Mutant:
    """``told`` shows the one change: ``graph.order: `parent is None` → `parent is not None```."""

    module: str
    line: int
    told: str
    code: CodeType


def mutants(module: str, path: Path) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its source."""
    tree = ast.parse(path.read_text("utf-8"))
    seen: Counter[str] = Counter()
    for place in _places(tree, module, False):
        for changed in _changes(place):
            before = _shown(place, place.node)
            place.put(changed)
            after = _shown(place, changed)
            code = compile(ast.fix_missing_locations(tree), str(path), "exec")
            place.put(place.node)
            told = f"{place.scope}: {_told(before, after)}"
            seen[told] += 1
            again = f" (no. {seen[told]})" if seen[told] > 1 else ""
            yield Mutant(module, getattr(place.node, "lineno", getattr(place.parent, "lineno", 0)), told + again, code)


@dataclass(frozen=True)
class _Place:
    """Where ``node`` hangs. ``regex``: its strings are parts of a regular expression."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    scope: str
    regex: bool

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _places(parent: ast.AST, scope: str, regex: bool) -> Iterator[_Place]:
    """Every node below ``parent`` that may change: no docstring, annotation, decorator or import."""
    if isinstance(parent, ast.FunctionDef | ast.ClassDef):
        scope = f"{scope}.{parent.name}"
    if isinstance(parent, ast.Call) and ast.unparse(parent.func).startswith("re."):
        regex = True
    if isinstance(parent, ast.Assign) and isinstance(parent.value, ast.Constant | ast.JoinedStr):
        regex = "[" in ast.unparse(parent.value)
    for field, value in ast.iter_fields(parent):
        if field in _LEFT_ALONE:
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, node in children:
            if isinstance(node, ast.AST) and not _is_docstring(node):
                yield _Place(node, parent, field, index, scope, regex)
                yield from _places(node, scope, regex)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _shown(place: _Place, node: ast.AST) -> str:
    """The changed expression with the one around it, or the statement, on one line."""
    if isinstance(node, ast.Pass):
        return "pass"
    around = place.parent if isinstance(place.parent, ast.expr | ast.keyword | ast.comprehension) else node
    return " ".join(ast.unparse(around).split())


def _told(before: str, after: str) -> str:
    """``before`` → ``after``; of long ones only what stands around the difference."""
    if len(before) > 90:
        start = max(0, _alike(before, after) - 20)
        end = max(0, _alike(before[start:][::-1], after[start:][::-1]) - 20)
        before, after = (f"…{text[start : len(text) - end]}…" for text in (before, after))
    return f"`{before[:120]}` → `{after[:120]}`"


def _alike(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    return next((number for number, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)


def _changes(place: _Place) -> Iterator[ast.AST]:
    """Return the replacements of a node."""
    node = place.node
    if type(node) in _SWAPPED:
        yield _SWAPPED[type(node)]()
    if place.field in ("test", "ifs") and not isinstance(node, ast.Compare) and not _is_not(node):
        yield ast.UnaryOp(ast.Not(), node)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _values(node.value, place.regex))
    elif isinstance(node, ast.Name | ast.Attribute) and place.field == "func":
        yield from _renamed(node)
    elif isinstance(node, ast.Call):
        for dropped in node.keywords:
            kept = [keyword for keyword in node.keywords if keyword is not dropped]
            yield ast.copy_location(ast.Call(node.func, node.args, kept), node)
    elif isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield ast.Return(None)
    elif isinstance(node, _STATEMENTS) and not isinstance(place.parent, ast.Module | ast.ClassDef):
        yield ast.Pass()


def _is_not(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _renamed(node: ast.Name | ast.Attribute) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name) and node.id in _SWAPPED:
        yield ast.Name(_SWAPPED[node.id], ast.Load())
    elif isinstance(node, ast.Attribute) and node.attr in _SWAPPED:
        yield ast.Attribute(node.value, _SWAPPED[node.attr], ast.Load())


def _values(value: object, regex: bool) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, bytes) and not regex:
        yield value + b"~"
    elif isinstance(value, str) and not regex:
        yield value + "~"
    elif isinstance(value, str):
        for found in _IN_A_REGEX.finditer(value):
            yield value[: found.start()] + _REGEX_SWAPPED[found[0]] + value[found.end() :]
