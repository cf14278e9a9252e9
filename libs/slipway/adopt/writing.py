"""Put proposed rows into the text of slipway.toml or pyproject.toml, and change nothing else in it.

Lines are only inserted, so comments and order stay. The new text is read again: it must hold the old content and the
rows, and nothing else. A file in a form that this does not fit is left to the user.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.adopt.table import Table
from slipway.config.project_file import FILES

_HEADER = re.compile(r"\s*\[")
_LIST = re.compile(r"^[ \t]*declarations[ \t]*=[ \t]*\[(?P<items>[^\]\n#]*)\]", re.M)
#: The first line of a new file.
_HEAD = "# Written by `slipway init`. Keys are Dockerfiles; `slipway init` again proposes what is new.\n"


@dataclass(frozen=True)
class Edit:
    """Hold the text of a file before and after. ``before`` is None for a file that does not exist."""

    file: str
    before: str | None
    after: str


def edited(file: str, text: str | None, table: Table) -> Edit | None:
    """Return the edit that adds ``table`` to the text of ``file``, or None when the file has an unusual form."""
    before = "" if text is None else text
    after = before or (_HEAD if file == "slipway.toml" else "")
    if table.declarations:
        after = _declaring(after, header(file), table)
    if table.rows:
        after = _inserted(after, header(file, "images"), [row.line for row in table.rows])
    if not _holds(after, before, file, table):
        return None
    return Edit(file, text, after)


def header(file: str, key: str = "") -> str:
    """Return the name of a table in ``file``: ``tool.slipway.images``, or ``images`` in slipway.toml."""
    return ".".join(filter(None, (FILES[file], key)))


def _declaring(text: str, name: str, table: Table) -> str:
    """Return ``text`` with more declarations: in the list of one line that it has, or in a new one."""
    found = _LIST.search(text)
    if not found:
        return _inserted(text, name, [table.declarations_line], first=True)
    more = table.declarations_line.partition("[")[2].removesuffix("]")
    gap = ", " if found["items"].strip() else ""
    return text[: found.end("items")].rstrip(" ,") + gap + more + text[found.end("items") :]


def _inserted(text: str, name: str, lines: list[str], *, first: bool = False) -> str:
    """Return ``text`` with ``lines`` at the beginning or the end of the table ``name``, made if it is missing."""
    newline = "\r\n" if "\r\n" in text else "\n"
    old = text.splitlines()
    start = 0 if not name else _line_of(old, name)
    if start is None:
        gap = [""] if old and old[-1].strip() else []
        return newline.join([*old, *gap, f"[{name}]", *lines, ""])
    begin = start + 1 if name else _after_comments(old)
    end = next((number for number in range(begin, len(old)) if _HEADER.match(old[number])), len(old))
    place = begin if first else _last_filled(old, begin, end)
    after = [""] if not name and place < len(old) and old[place].strip() else []
    return newline.join([*old[:place], *lines, *after, *old[place:], ""])


def _line_of(lines: list[str], name: str) -> int | None:
    wanted = re.compile(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(?:#.*)?")
    return next((number for number, line in enumerate(lines) if wanted.fullmatch(line)), None)


def _after_comments(lines: list[str]) -> int:
    return next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _last_filled(lines: list[str], begin: int, end: int) -> int:
    """Return the line after the last one of a table that has content: comments may be about the next table."""
    while end > begin and not lines[end - 1].partition("#")[0].strip():
        end -= 1
    return end


def _holds(after: str, before: str, file: str, table: Table) -> bool:
    """Tell whether ``after`` has the content of ``before`` and of ``table``, and nothing else."""
    try:
        old, new = tomllib.loads(before.removeprefix("\ufeff")), tomllib.loads(after.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return False
    wanted: dict[str, Any] = table.content
    for name in reversed([one for one in header(file).split(".") if one]):
        wanted = {name: wanted}
    return new == _merged(old, wanted)


def _merged(old: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in more.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[key] = _merged(known, value)
        else:
            merged[key] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value
    return merged
