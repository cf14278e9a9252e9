"""Recognize the errors of other programs: a pattern in their text, a stable code, slipway's words, a hint.

Each room keeps a table of the errors that it meets. docs/errors.md lists the rows of all tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from slipway.core.errors import Problem


@dataclass(frozen=True)
class Known:
    """Hold a known error.

    ``code`` is stable: users of ``--json`` branch on it. ``pattern`` is a regular expression for the other program's
    text, without regard to case. It is empty where slipway recognizes the error by something else, such as a status.
    ``said`` is the error in slipway's words; when it is empty, slipway quotes the other program. ``hint`` is the fix.
    Both ``said`` and ``hint`` may contain names in braces, which ``problem`` fills in.
    """

    code: str
    pattern: str = ""
    said: str = ""
    hint: str = ""

    def matches(self, text: str) -> bool:
        """Tell whether ``text`` reports this error."""
        return bool(self.pattern) and re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None

    def problem(self, about: str, quoted: str = "", *, hint: str = "", **values: object) -> Problem:
        """Return the problem of the object ``about``.

        ``quoted`` is the other program's text. ``hint`` replaces the row's own hint. ``values`` fill the names in
        braces.
        """
        what = self.said.format(**values) if self.said else quoted
        return Problem("", f"{about}: {what}", hint or self.hint.format(**values), self.code)


@dataclass(frozen=True)
class Table:
    """Hold the known errors of one program or server.

    ``source`` names that program, so that it can follow "reported by". ``otherwise`` is the row for text that no
    pattern matches.
    """

    source: str
    rows: tuple[Known, ...]
    otherwise: Known

    def find(self, text: str) -> Known:
        """Return the first row whose pattern matches ``text``, else ``otherwise``."""
        return next((row for row in self.rows if row.matches(text)), self.otherwise)

    def __getitem__(self, code: str) -> Known:
        """Return the first row with this code."""
        return next(row for row in (*self.rows, self.otherwise) if row.code == code)


class Cause(StrEnum):
    """Name the causes of one kind that slipway itself finds.

    A member's value is its stable code. docs/errors.md lists it with its ``meaning``. The first line of a subclass says
    what the causes have in common.
    """

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_, member.meaning = code, meaning
        return member
