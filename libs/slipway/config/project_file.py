"""Find the table of the repository: ``[tool.slipway]`` in pyproject.toml, or the whole of slipway.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from slipway.core.errors import Problem

#: The files, each with the name of the table in it.
FILES: Mapping[str, str] = {"slipway.toml": "", "pyproject.toml": "tool.slipway"}


@dataclass(frozen=True)
class Table:
    """Hold the table and the text of its file. ``name``: the table's own name, empty where it is the whole file."""

    file: str
    name: str
    text: str
    content: Mapping[str, Any] = field(default_factory=dict)

    def place(self, *keys: str) -> str:
        """Return the ``file:line`` of ``keys``, joined by dots or nested; tomllib does not tell lines.

        Return the line of the nearest key above when they are not found.
        """
        lines, top = self._lines, self._top
        above = f"{self.name}." if self.name else ""
        for known in range(len(keys), 0, -1):
            found = _seek(lines, range(top, len(lines)), keys[:known], above)
            if found is not None:
                return f"{self.file}:{_within(lines, found, keys[known:]) + 1}"
        return f"{self.file}:{top + 1}"

    @cached_property
    def _lines(self) -> Sequence[str]:
        return self.text.splitlines()

    @cached_property
    def _top(self) -> int:
        """Return the line of the table's first header."""
        if not self.name:
            return 0
        header = f"[{self.name}"
        return next((number for number, line in enumerate(self._lines) if line.lstrip().startswith(header)), 0)


def _seek(lines: Sequence[str], numbers: range, keys: Sequence[str], above: str | None = None) -> int | None:
    """Return the first line of ``numbers`` that sets ``keys``, or that begins their table; else None.

    ``above``: the beginning of a header's name, before the keys; None where no header counts.
    """
    named = [number for number in numbers if all(key in lines[number] for key in keys)]
    if not named:  # the pattern costs more than this search
        return None
    dotted = r"\s*\.\s*".join(rf"[\"']?{re.escape(key)}[\"']?" for key in keys)
    header = "" if above is None else rf"(?:\[\[?{re.escape(above)})?"
    setting = re.compile(rf"\s*{header}{dotted}\s*([=\].])")
    ends = {number: found[1] for number in named if (found := setting.match(lines[number]))}
    whole = (number for number, end in ends.items() if end != ".")  # the table itself before a key in it
    return next(whole, next(iter(ends), None))


def _within(lines: Sequence[str], header: int, keys: Sequence[str]) -> int:
    """Return the line of ``keys`` in the table that begins at the line ``header``, else of the nearest key above."""
    if not lines[header].lstrip().startswith("["):
        return header
    end = next((n for n in range(header + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    for known in range(len(keys), 0, -1):
        found = _seek(lines, range(header + 1, end), keys[:known])
        if found is not None:
            return found
    return header


def read_table(root: Path) -> tuple[Table | None, tuple[Problem, ...]]:
    """Return the repository's table, or None, and every problem. Two tables are a problem that names both files."""
    found: list[Table] = []
    problems: list[Problem] = []
    for file in FILES:
        try:
            table, wrong = parse_table((root / file).read_bytes(), file)
        except FileNotFoundError:
            continue
        except OSError as error:
            table, wrong = None, (Problem(file, f"cannot be read: {error.strerror}"),)
        found += [table] if table else []
        problems += wrong
    if len(found) > 1:
        one, other = found
        what = f"{one.file} and [{other.name}] in {other.file} both set slipway's keys"
        problems.append(Problem("", what, f"keep one of the two: {one.file}, or {other.place()}"))
    return (found[0] if found else None), tuple(problems)


def parse_table(data: bytes, file: str) -> tuple[Table | None, tuple[Problem, ...]]:
    """Parse a file's bytes. Return its table, or None, and the problem with it. A BOM and CRLF are accepted."""
    try:
        text = data.decode("utf-8-sig")
        content: Any = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return None, (Problem(file, f"byte {error.start} is not UTF-8", "save the file as UTF-8"),)
    except tomllib.TOMLDecodeError as error:
        return None, (Problem(file, f"not TOML: {error}"),)
    name = FILES[file]
    if not name and isinstance(content.get("tool"), dict):
        what = "slipway.toml has its keys at the top level, and no [tool.slipway]"
        return None, (Problem(file, what, "[budgets] instead of [tool.slipway.budgets]"),)
    for key in filter(None, name.split(".")):
        content = content.get(key) if isinstance(content, dict) else None
    if content is None:
        return None, ()
    if not isinstance(content, dict):
        return None, (Problem(f"{file} {name}", "is a table", f"[{name}]"),)
    return Table(file, name, text, content), ()
