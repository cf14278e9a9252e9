"""Read a person's answers: each is a value of its field's kind, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from svc_forms.candidates import Candidate
from svc_forms.definitions import Form
from svc_forms.values import IS_VALUE

_CURRENCY = re.compile("[A-Z]{3}")
#: Kind → the words for what an answer should be.
_EXPECTED = {
    "amount": "an amount such as 'EUR 12.50'",
    "date": "a date such as 2026-03-31",
    "iban": "an IBAN: its country, its length or its checksum is wrong",
    "vat_id": "a VAT number such as DE123456789",
    "invoice_number": "an invoice number of at most 40 letters and digits",
    "email": "an e-mail address",
    "text": "a text",
}


class Unfillable(ValueError):
    """Report an answer for an unknown field, or an answer that is not a value of its field's kind.

    Clients see the message.
    """


def read_answer(form: Form, name: str, answer: str) -> Candidate:
    """Return the candidate for a person's answer to the field ``name``.

    A date is an ISO date, and an amount is written as ``EUR 12.50``. Blanks around an answer do not count, nor those
    in an IBAN or a VAT number. Raises Unfillable.
    """
    known = {entry.id: entry for entry in form.fields}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise Unfillable(f"{form.id} has no field '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    if not answer.strip():
        raise Unfillable(f"the answer for '{name}' is empty")
    candidate = _candidate(known[name].kind, answer.strip())
    if not candidate:
        raise Unfillable(f"the answer for '{name}' is not {_EXPECTED[known[name].kind]}")
    return candidate


def _candidate(kind: str, answer: str) -> Candidate | None:
    currency = None
    if kind == "amount":
        currency, _, answer = answer.partition(" ")
        if not _CURRENCY.fullmatch(currency):
            return None
    value = _NORMALISED.get(kind, str)(answer)
    return Candidate(kind, value, currency=currency) if IS_VALUE[kind](value) else None


def _with_small_domain(email: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.lower()}"


#: Kind → the function that writes a value of this kind as svc-extract does.
_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "iban": lambda iban: re.sub("[ -]", "", iban).upper(),
    "vat_id": lambda number: number.replace(" ", "").upper(),
    "email": _with_small_domain,
}
