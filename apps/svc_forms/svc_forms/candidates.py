"""Define a candidate: a value for a field, with its source."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on


class Span(TypedDict):
    text: str
    start: int
    end: int


class Entry(TypedDict):
    """A value as answers have it, with its source: a place in the document, or the answer of a person."""

    value: str
    currency: NotRequired[str]
    source: Literal["answer"] | Span


@dataclass(frozen=True)
class Candidate:
    """Hold a value for a field, with its source: ``start`` up to ``end`` of the document, or None for an answer."""

    kind: str
    value: str
    text: str = ""
    start: int | None = None
    end: int | None = None
    currency: str | None = None
    valid: bool = True
    alternatives: tuple[str, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Tell whether a person gave the value, which is certain then."""
        return self.start is None

    @property
    def meaning(self) -> tuple[object, str | None]:
        """Return a key that is equal for candidates of the same meaning, such as ``12.5`` and ``12.50`` euros."""
        return (Decimal(self.value) if self.kind == "amount" else self.value, self.currency)

    def as_json(self) -> Entry:
        source: Literal["answer"] | Span = "answer"
        if self.start is not None and self.end is not None:
            source = {"text": self.text, "start": self.start, "end": self.end}
        if self.currency:
            return {"value": self.value, "currency": self.currency, "source": source}
        return {"value": self.value, "source": source}
