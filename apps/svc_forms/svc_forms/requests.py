"""Define the requests: findings as svc-extract answers them, a text, and a person's answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, Field, StrictStr, StringConstraints, TypeAdapter, model_validator

from svc_forms.candidates import Candidate
from svc_forms.values import IS_VALUE

#: A form is filled from at most this many findings, of a client or of svc-extract.
MOST_FOUND = 10_000

Value = Annotated[StrictStr, StringConstraints(max_length=500)]


class Found(BaseModel):
    """A finding, as svc-extract answers it."""

    kind: Annotated[StrictStr, StringConstraints(max_length=50)]
    value: Value
    text: Value
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    valid: bool = True
    alternatives: list[Value] = Field(default=[], max_length=4)

    @model_validator(mode="after")
    def is_what_it_says(self) -> Found:
        if self.start > self.end:
            raise ValueError("'start' is after 'end'")
        is_value = IS_VALUE.get(self.kind)
        if is_value and self.valid and not all(map(is_value, (self.value, *self.alternatives))):
            raise ValueError(f"a value is not of the kind '{self.kind}'")
        return self

    def as_candidate(self) -> Candidate:
        return Candidate(**self.model_dump() | {"alternatives": tuple(self.alternatives)})


FINDINGS = TypeAdapter(list[Found])


class Request(BaseModel):
    """``fields`` as svc-extract found them, or the ``text`` to ask it about; both, for the cues in the text."""

    fields: list[Found] | None = Field(default=None, max_length=MOST_FOUND)
    text: StrictStr = Field(default="", max_length=1_000_000)
    answers: dict[Annotated[str, StringConstraints(max_length=100)], Value] = Field(default={}, max_length=100)


def candidates(found: Iterable[Found]) -> list[Candidate]:
    """Return the findings of the kinds that forms have. Only a person can answer the kind ``text``."""
    return [entry.as_candidate() for entry in found if entry.kind in IS_VALUE and entry.kind != "text"]
