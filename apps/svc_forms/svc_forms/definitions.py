"""Read the definitions of forms from the JSON files of ``catalogue/``, and report all mistakes of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files

#: The kinds of svc-extract's findings, and ``text``, which only a person can answer.
KINDS = ("amount", "date", "iban", "vat_id", "invoice_number", "email", "text")
#: The candidates that a field takes: the only one, all of them, or the first or last in the calendar.
TAKES = ("one", "all", "earliest", "latest")


@dataclass(frozen=True)
class Field:
    """Hold a field of a form.

    A candidate belongs to this field when one of the words ``cues`` precedes it on its line. The date of this field
    is not before the date of the field ``not_before``.
    """

    id: str
    label: str
    kind: str
    required: bool = False
    takes: str = "one"
    cues: tuple[str, ...] = ()
    not_before: str | None = None


@dataclass(frozen=True)
class Form:
    id: str
    title: str
    fields: tuple[Field, ...]


def load_forms() -> dict[str, Form]:
    """Return form id → form, for every file of the catalogue. Raises ValueError that names file and mistakes."""
    sources = sorted(files(__package__).joinpath("catalogue").iterdir(), key=lambda source: source.name)
    forms = (
        parse_form(source.name.removesuffix(".json"), json.loads(source.read_text("utf-8")))
        for source in sources
        if source.name.endswith(".json")
    )
    return {form.id: form for form in forms}


def parse_form(form_id: str, data: Mapping[str, object]) -> Form:
    """Return the form that ``data``, one catalogue file, describes. Raises ValueError with the mistakes."""
    entries = data.get("fields")
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{form_id}: 'fields' is not a list of fields")
    problems = [f"'{entry.get('id')}': {problem}" for entry in entries for problem in _problems(entry)]
    identifiers = [entry.get("id") for entry in entries]
    problems += _misordered(entries)
    problems += [f"'{name}' is there twice" for name in sorted({n for n in identifiers if identifiers.count(n) > 1})]
    if not data.get("title"):
        problems.append("the title is missing")
    if problems:
        raise ValueError(f"{form_id}: " + "; ".join(problems))
    return Form(
        id=form_id,
        title=str(data["title"]),
        fields=tuple(Field(**entry | {"cues": tuple(entry.get("cues", ()))}) for entry in entries),
    )


def _problems(entry: Mapping[str, object]) -> list[str]:
    known = [field.name for field in fields(Field)]
    problems = [f"unknown key '{key}'" for key in entry if key not in known]
    problems += [f"'{key}' is missing" for key in ("id", "label", "kind") if not entry.get(key)]
    if entry.get("kind") not in KINDS:
        problems.append(f"kind is not one of {', '.join(KINDS)}")
    if entry.get("takes", "one") not in TAKES:
        problems.append(f"takes is not one of {', '.join(TAKES)}")
    if entry.get("takes") in ("earliest", "latest") and entry.get("kind") != "date":
        problems.append("only dates are earliest or latest")
    return problems


def _misordered(entries: Sequence[Mapping[str, object]]) -> list[str]:
    dates = {entry.get("id") for entry in entries if entry.get("kind") == "date" and entry.get("takes") != "all"}
    pairs = [(entry.get("id"), entry["not_before"]) for entry in entries if entry.get("not_before")]
    return [
        f"'{later}': not_before is not another date of the form"
        for later, earlier in pairs
        if later == earlier or not {later, earlier} <= dates
    ]
