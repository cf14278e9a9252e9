"""Find the table of the repository: ``[tool.slipway]`` in pyproject.toml, or the whole of slipway.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
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

        Return the line of the key before when it is not found.
        """
        lines = self.text.splitlines()
        header = re.compile(rf"\s*\[{re.escape(self.name)}")
        found = next((number for number, line in enumerate(lines) if header.match(line)), 0) if self.name else 0
        above = rf"\[\[?{re.escape(self.name)}\." if self.name else r"\[\[?"

        def seek(*words: str) -> int | None:
            dotted = r"\s*\.\s*".join(rf"[\"']?{re.escape(word)}[\"']?" for word in words)
            setting = re.compile(rf"\s*(?:{above})?{dotted}\s*[=.\]]")
            return next((number for number in range(found, len(lines)) if setting.match(lines[number])), None)

        if (whole := seek(*keys)) is not None:
            return f"{self.file}:{whole + 1}"
        for key in keys:
            place = seek(key)
            found = found if place is None else place
        return f"{self.file}:{found + 1}"


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
