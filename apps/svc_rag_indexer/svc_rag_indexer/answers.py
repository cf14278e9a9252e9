"""Define the answers of the service that are not the index's own entries."""

from __future__ import annotations

from dataclasses import dataclass

from ragkit.passages import Listed


@dataclass(frozen=True)
class KeptDocument:
    """A document that was kept, and the number of its passages."""

    id: str
    title: str
    source: str
    passages: int


@dataclass(frozen=True)
class DocumentList:
    total: int
    documents: list[Listed]
