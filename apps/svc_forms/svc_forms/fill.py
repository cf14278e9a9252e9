"""Fill a form: each field gets candidates of its kind, and a doubt is reported, never decided.

Cues decide which candidate belongs to which field: words that precede the candidate on its line. Candidates without a
cue go to the first field of their kind that has no cued candidate, and to every such field that takes several. A field
that takes one value stays empty and is a conflict when its candidates disagree, or when one has two readings. Two
dates in the wrong order are a conflict, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from svc_forms.answers import Unfillable, read_answer
from svc_forms.candidates import Candidate, Entry
from svc_forms.definitions import Field, Form


class FilledForm(TypedDict):
    """A filled form, as answers have it. A field that takes all candidates has a list of values."""

    form: str
    complete: bool
    values: dict[str, Entry | list[Entry]]
    missing: list[str]
    conflicts: dict[str, list[Entry]]
    rejected: dict[str, list[Entry]]


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

    def as_json(self) -> FilledForm:
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
    an unknown field of the form or is not a value of its field's kind, or when two answers contradict each other.
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
    conflicts |= _misordered(form, values)
    settled = {name: found for name, found in values.items() if name not in conflicts}
    return Filling(form, settled, conflicts, rejected)


def _misordered(form: Form, values: Mapping[str, tuple[Candidate, ...]]) -> dict[str, tuple[Candidate, ...]]:
    """Return the fields whose date is in the wrong order, each with the earlier and the later date.

    An answer is certain, so the other date is in doubt. Raises Unfillable for two answers.
    """
    found: dict[str, tuple[Candidate, ...]] = {}
    for entry in form.fields:
        if not entry.not_before or not {entry.id, entry.not_before} <= values.keys():
            continue
        earlier, later = values[entry.not_before][0], values[entry.id][0]
        if later.value >= earlier.value:
            continue
        if later.is_answer and earlier.is_answer:
            raise Unfillable(f"the date of '{entry.id}' is before that of '{entry.not_before}'")
        found[entry.not_before if later.is_answer else entry.id] = (earlier, later)
    return found


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
