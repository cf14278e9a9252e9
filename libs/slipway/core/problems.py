"""Recognize the errors of other programs: a pattern in their text, a stable code, our words, a hint.

Each room keeps a table of the errors that it meets. docs/errors.md lists the rows of all tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway.core.errors import Problem


@dataclass(frozen=True)
class Known:
    """A known error. ``code`` is stable: users of ``--json`` branch on it.

    ``pattern`` finds the error in the other program's text, whatever the case; it is empty where slipway recognizes the
    error otherwise, by a status for instance. ``said`` is the error in slipway's words, empty to quote the other
    program. ``hint`` fixes it. Names in braces, in both, are filled in.
    """

    code: str
    pattern: str = ""
    said: str = ""
    hint: str = ""

    def matches(self, text: str) -> bool:
        """Return whether ``text`` reports this error."""
        return bool(self.pattern) and re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None

    def problem(self, about: str, quoted: str = "", *, hint: str = "", **values: object) -> Problem:
        """Return the problem of the object ``about``. ``quoted``: the other program's text.

        ``hint`` stands in for the row's own; ``values`` fill the braces.
        """
        what = self.said.format(**values) if self.said else quoted
        return Problem("", f"{about}: {what}", hint or self.hint.format(**values), self.code)


@dataclass(frozen=True)
class Table:
    """The errors of one program or server. ``source`` names it, as the object of "reported by".

    ``otherwise`` is the row for text that no pattern finds.
    """

    source: str
    rows: tuple[Known, ...]
    otherwise: Known

    def find(self, text: str) -> Known:
        """Return the first row whose pattern finds ``text``, else ``otherwise``."""
        return next((row for row in self.rows if row.matches(text)), self.otherwise)

    def __getitem__(self, code: str) -> Known:
        """Return the first row with this code."""
        return next(row for row in (*self.rows, self.otherwise) if row.code == code)
