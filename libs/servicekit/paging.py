"""Read the page of a list that a client asks for: ``?limit=100&offset=0``.

    @app.get("/notes")
    def list_notes(page: AskedPage) -> NoteList:
        return NoteList(total=notes.count(), notes=notes.newest(page.limit, page.offset))

The entries of a list are short. A list that may be long has no results, texts or vectors inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

LONGEST = 1000
#: The largest integer of SQLite and of 64-bit servers.
FARTHEST = 2**63 - 1


@dataclass(frozen=True)
class Page:
    """Hold a page: ``limit`` entries, after the first ``offset`` ones."""

    limit: int
    offset: int


def _asked(
    limit: Annotated[int, Query(ge=1, le=LONGEST)] = 100, offset: Annotated[int, Query(ge=0, le=FARTHEST)] = 0
) -> Page:
    return Page(limit, offset)


AskedPage = Annotated[Page, Depends(_asked)]
