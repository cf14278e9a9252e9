"""Define a candidate: a value for a field, with its source."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


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

    def as_json(self) -> dict[str, object]:
        entry: dict[str, object] = {"value": self.value}
        if self.currency:
            entry["currency"] = self.currency
        if self.is_answer:
            return entry | {"source": "answer"}
        return entry | {"source": {"text": self.text, "start": self.start, "end": self.end}}
