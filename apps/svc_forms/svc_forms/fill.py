"""Fill a form: each field gets candidates of its kind, and a doubt is reported, never decided.

Cues decide which candidate belongs to which field: words that precede the candidate on its line. Candidates without a
cue go to the first field of their kind that has no cued candidate, and to every such field that takes several. A field
that takes one value stays empty and is a conflict when its candidates disagree, or when its date has two readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

from svc_forms.definitions import Field, Form


class Unfillable(ValueError):
    """Report an answer for an unknown field, or an answer that is not a value of its field's kind.

    Clients see the message.
    """


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
    def meaning(self) -> tuple[object, str | None]:
        """Return a key that is equal for candidates of the same meaning, such as ``12.5`` and ``12.50`` euros."""
        return (Decimal(self.value) if self.kind == "amount" else self.value, self.currency)

    def as_json(self) -> dict[str, object]:
        entry: dict[str, object] = {"value": self.value}
        if self.currency:
            entry["currency"] = self.currency
        if self.start is None:
            return entry | {"source": "answer"}
        return entry | {"source": {"text": self.text, "start": self.start, "end": self.end}}


@dataclass(frozen=True)
class Filling:
    """Hold the filled form: field id → the values, the conflicting candidates, and the rejected invalid candidates.

    ``missing`` lists the required fields that have neither values nor conflicts.
    """

    form: Form
    values: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    rejected: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        settled = self.values.keys() | self.conflicts.keys()
        return [entry.id for entry in self.form.fields if entry.required and entry.id not in settled]

    @property
    def complete(self) -> bool:
        return not self.missing and not self.conflicts

    def as_json(self) -> dict[str, object]:
        several = {entry.id for entry in self.form.fields if entry.takes == "all"}
        return {
            "form": self.form.id,
            "complete": self.complete,
            "values": {
                name: [candidate.as_json() for candidate in found] if name in several else found[0].as_json()
                for name, found in self.values.items()
            },
            "missing": self.missing,
            "conflicts": {name: [c.as_json() for c in found] for name, found in self.conflicts.items()},
            "rejected": {name: [c.as_json() for c in found] for name, found in self.rejected.items()},
        }


def fill(form: Form, candidates: Sequence[Candidate], text: str, answers: Mapping[str, str]) -> Filling:
    """Return ``form`` filled with ``answers`` first, then with ``candidates``.

    ``text`` is the document, which holds the cues, or "" when it is unknown. Raises Unfillable when an answer is for
    an unknown field of the form or is not a value of its field's kind.
    """
    values: dict[str, tuple[Candidate, ...]] = {
        name: (read_answer(form, name, answer),) for name, answer in answers.items()
    }
    conflicts: dict[str, tuple[Candidate, ...]] = {}
    rejected: dict[str, tuple[Candidate, ...]] = {}
    for entry, offered in _offers(form, candidates, text).items():
        if entry.id in values:
            continue
        if invalid := tuple(candidate for candidate in offered if not candidate.valid):
            rejected[entry.id] = invalid
        readings = [reading for candidate in offered if candidate.valid for reading in _readings(candidate)]
        chosen = _choose(entry, readings)
        if len(chosen) > 1 and entry.takes != "all":
            conflicts[entry.id] = chosen
        elif chosen:
            values[entry.id] = chosen
    return Filling(form, values, conflicts, rejected)


def read_answer(form: Form, name: str, answer: str) -> Candidate:
    """Return the candidate for a person's answer to the field ``name``.

    A date is an ISO date, and an amount is written as ``EUR 12.50``. Answers of other kinds stay unchanged, except for
    the blanks around them. Raises Unfillable.
    """
    known = {entry.id: entry for entry in form.fields}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise Unfillable(f"{form.id} has no field '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    kind, answer = known[name].kind, answer.strip()
    if not answer:
        raise Unfillable(f"the answer for '{name}' is empty")
    if kind == "amount":
        return _read_amount(name, answer)
    if kind == "date":
        try:
            return Candidate(kind, date.fromisoformat(answer).isoformat())
        except ValueError:
            raise Unfillable(f"the answer for '{name}' is not a date such as 2026-03-31: '{answer}'") from None
    return Candidate(kind, answer)


def _read_amount(name: str, answer: str) -> Candidate:
    currency, _, number = answer.partition(" ")
    try:
        if re.fullmatch("[A-Z]{3}", currency) and (value := Decimal(number)).is_finite():
            return Candidate("amount", f"{value:f}", currency=currency)
    except InvalidOperation:
        pass
    raise Unfillable(f"the answer for '{name}' is not an amount such as 'EUR 12.50': '{answer}'")


def _offers(form: Form, candidates: Sequence[Candidate], text: str) -> dict[Field, list[Candidate]]:
    leads = _leads(candidates, text)
    cued = {entry: [c for c in candidates if _is_cued(entry, c, leads)] for entry in form.fields}
    claimed = {candidate for found in cued.values() for candidate in found}
    served: set[str] = set()
    offers = {}
    for entry in form.fields:
        offers[entry] = cued[entry]
        if not cued[entry] and (entry.takes != "one" or entry.kind not in served):
            offers[entry] = [c for c in candidates if c.kind == entry.kind and c not in claimed]
            served |= {entry.kind} if entry.takes == "one" else set()
    return offers


def _leads(candidates: Iterable[Candidate], text: str) -> dict[Candidate, str]:
    """Return the text that precedes each candidate on its line, back to the previous candidate of the same kind."""
    leads: dict[Candidate, str] = {}
    reached: dict[str, int] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.start or 0):
        if candidate.start is None or candidate.end is None:
            continue
        since = reached.get(candidate.kind, 0)
        line = text.rfind("\n", since, candidate.start) + 1
        leads[candidate] = text[max(since, line) : candidate.start].casefold()
        reached[candidate.kind] = candidate.end
    return leads


def _is_cued(entry: Field, candidate: Candidate, leads: Mapping[Candidate, str]) -> bool:
    lead = leads.get(candidate, "") if candidate.kind == entry.kind else ""
    return any(re.search(rf"(?<!\w){re.escape(cue.casefold())}(?!\w)", lead) for cue in entry.cues)


def _readings(candidate: Candidate) -> list[Candidate]:
    """Return a copy of the candidate for each of its possible values."""
    return [replace(candidate, value=value, alternatives=()) for value in (candidate.value, *candidate.alternatives)]


def _choose(entry: Field, readings: Sequence[Candidate]) -> tuple[Candidate, ...]:
    if entry.takes == "all":
        return tuple(readings)
    distinct = tuple({reading.meaning: reading for reading in reversed(readings)}.values())[::-1]
    if entry.takes == "one" or len(distinct) < 2:
        return distinct
    return ((min if entry.takes == "earliest" else max)(distinct, key=lambda reading: reading.value),)
