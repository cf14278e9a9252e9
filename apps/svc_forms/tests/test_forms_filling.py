"""Test which candidate fills which field, and which doubts are reported."""

from __future__ import annotations

import re

import pytest
from svc_forms.answers import Unfillable, read_answer
from svc_forms.candidates import Candidate
from svc_forms.definitions import Form, load_forms, parse_form
from svc_forms.fill import Filling, fill
from svc_forms.render import render_html, render_text

FORMS = load_forms()
ORDER = FORMS["payment-order"]
TEXT = """Invoice No. INV-7 of 3 March 2026
Net 100.00 EUR
VAT 19 % 19.00 EUR
Total 119.00 EUR, payable by 2 April 2026
IBAN DE89370400440532013000
"""


def candidate(text: str, kind: str, value: str, *, of: str = TEXT, **rest: object) -> Candidate:
    start = of.index(text)
    return Candidate(kind, value, text, start, start + len(text), **rest)  # type: ignore[arg-type]


def euros(text: str, value: str) -> Candidate:
    return candidate(text, "amount", value, currency="EUR")


FOUND = [
    candidate("INV-7", "invoice_number", "INV-7"),
    candidate("3 March 2026", "date", "2026-03-03"),
    euros("100.00 EUR", "100.00"),
    euros("19.00 EUR", "19.00"),
    euros("119.00 EUR", "119.00"),
    candidate("2 April 2026", "date", "2026-04-02"),
    candidate("DE89370400440532013000", "iban", "DE89370400440532013000"),
]


def values(filling: Filling) -> dict[str, list[str]]:
    return {name: [candidate.value for candidate in found] for name, found in filling.values.items()}


def test_cues_tell_the_dates_and_the_amounts_apart() -> None:
    filling = fill(ORDER, FOUND, TEXT, {"approved_by": "Ada"})
    assert values(filling) == {
        "approved_by": ["Ada"],
        "invoice_number": ["INV-7"],
        "invoice_date": ["2026-03-03"],
        "due_date": ["2026-04-02"],
        "amount": ["119.00"],
        "vat_amount": ["19.00"],
        "iban": ["DE89370400440532013000"],
    }
    assert filling.complete


def test_every_value_names_its_source() -> None:
    shown = fill(ORDER, FOUND, TEXT, {"approved_by": "Ada"}).as_json()["values"]
    assert isinstance(shown, dict)
    start = TEXT.index("119.00")
    source = {"text": "119.00 EUR", "start": start, "end": start + 10}
    assert shown["amount"] == {"value": "119.00", "currency": "EUR", "source": source}
    assert shown["approved_by"] == {"value": "Ada", "source": "answer"}


def test_without_a_text_different_values_are_a_conflict() -> None:
    filling = fill(ORDER, FOUND, "", {})
    assert [c.value for c in filling.conflicts["amount"]] == ["100.00", "19.00", "119.00"]
    assert [c.value for c in filling.conflicts["invoice_date"]] == ["2026-03-03", "2026-04-02"]
    assert "due_date" not in filling.values
    assert filling.missing == ["approved_by"]
    assert not filling.complete


def test_the_same_value_twice_is_not_a_conflict() -> None:
    twice = [Candidate("amount", "12.5", "12,5 €", 0, 6, "EUR"), Candidate("amount", "12.50", "€12.50", 9, 15, "EUR")]
    filling = fill(ORDER, twice, "", {})
    assert values(filling)["amount"] == ["12.5"]
    assert "amount" not in filling.conflicts


def test_the_same_number_in_another_currency_is_a_conflict() -> None:
    both = [Candidate("amount", "5", "€5", 0, 2, "EUR"), Candidate("amount", "5", "$5", 3, 5, "USD")]
    assert len(fill(ORDER, both, "", {}).conflicts["amount"]) == 2


def test_an_ambiguous_date_is_a_conflict_of_its_readings() -> None:
    text = "dated 04/03/2026"
    found = [candidate("04/03/2026", "date", "2026-03-04", of=text, alternatives=("2026-04-03",))]
    filling = fill(ORDER, found, text, {})
    assert [c.value for c in filling.conflicts["invoice_date"]] == ["2026-03-04", "2026-04-03"]


def test_an_invalid_iban_fills_nothing_and_is_rejected() -> None:
    filling = fill(ORDER, [Candidate("iban", "DE00", "DE00", 0, 4, valid=False)], "", {})
    assert "iban" in filling.missing
    assert [c.value for c in filling.rejected["iban"]] == ["DE00"]


def test_an_answer_settles_a_conflict() -> None:
    filling = fill(ORDER, FOUND, "", {"amount": "EUR 119", "invoice_date": "2026-03-03", "approved_by": "A"})
    assert filling.complete
    assert filling.values["amount"][0].meaning == FOUND[4].meaning


def test_a_claim_takes_the_first_and_last_day_and_every_expense() -> None:
    text = "1 May 2026 train 10 EUR\n4 May 2026 hotel 20 EUR\n3 May 2026 taxi 7 EUR\ntotal 37 EUR"
    found = [candidate(f"{day} May 2026", "date", f"2026-05-0{day}", of=text) for day in (1, 4, 3)]
    found += [candidate(f"{n} EUR", "amount", n, of=text, currency="EUR") for n in ("10", "20", "7", "37")]
    found[5] = Candidate("amount", "7", "7 EUR", text.index("taxi 7") + 5, text.index("taxi 7") + 10, "EUR")
    filling = fill(FORMS["travel-expense-claim"], found, text, {})
    assert values(filling) == {
        "departure": ["2026-05-01"],
        "return": ["2026-05-04"],
        "total": ["37"],
        "expenses": ["10", "20", "7"],
    }


@pytest.mark.parametrize(
    ("name", "answer", "problem"),
    [
        ("approved_bi", "Ada", "payment-order has no field 'approved_bi'; did you mean 'approved_by'?"),
        ("due_date", "soon", "the answer for 'due_date' is not a date such as 2026-03-31"),
        ("due_date", "2026-02-30", "the answer for 'due_date' is not a date such as 2026-03-31"),
        ("amount", "12", "the answer for 'amount' is not an amount such as 'EUR 12.50'"),
        ("amount", "EUR NaN", "the answer for 'amount' is not an amount such as 'EUR 12.50'"),
        ("amount", "EUR 1e9", "the answer for 'amount' is not an amount such as 'EUR 12.50'"),
        ("iban", "DE89370400440532013001", "the answer for 'iban' is not an IBAN"),
        ("iban", "DE8937040044053201300", "the answer for 'iban' is not an IBAN"),
        ("vat_id", "DE12", "the answer for 'vat_id' is not a VAT number such as DE123456789"),
        ("invoice_number", "x" * 41, "the answer for 'invoice_number' is not an invoice number of at most 40"),
        ("contact", "nope", "the answer for 'contact' is not an e-mail address"),
        ("contact", " ", "the answer for 'contact' is empty"),
    ],
)
def test_an_answer_that_fits_no_field_is_refused(name: str, answer: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_answer(ORDER, name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "value"),
    [
        ("iban", " de89 3704 0044 0532 0130 00 ", "DE89370400440532013000"),
        ("iban", "DE89-3704-0044-0532-0130-00", "DE89370400440532013000"),
        ("vat_id", "de 123 456 789", "DE123456789"),
        ("contact", "Ada@Example.ORG", "Ada@example.org"),
        ("invoice_number", "RE 2026/17", "RE 2026/17"),
        ("amount", "EUR -12.50", "-12.50"),
        ("due_date", "2026-04-02", "2026-04-02"),
    ],
)
def test_an_answer_is_written_as_a_finding_is(name: str, answer: str, value: str) -> None:
    assert read_answer(ORDER, name, answer).value == value


def test_dates_of_a_document_in_the_wrong_order_are_a_conflict() -> None:
    text = "dated 3 March 2026, payable by 2 March 2026"
    found = [
        candidate("3 March 2026", "date", "2026-03-03", of=text),
        candidate("2 March 2026", "date", "2026-03-02", of=text),
    ]
    filling = fill(ORDER, found, text, {})
    assert values(filling) == {"invoice_date": ["2026-03-03"]}
    assert [c.value for c in filling.conflicts["due_date"]] == ["2026-03-03", "2026-03-02"]
    filling = fill(ORDER, found, text, {"due_date": "2026-03-02"})
    assert values(filling) == {"due_date": ["2026-03-02"]}
    assert [c.value for c in filling.conflicts["invoice_date"]] == ["2026-03-03", "2026-03-02"]


def test_answers_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(Unfillable, match="the date of 'return' is before that of 'departure'"):
        fill(FORMS["travel-expense-claim"], [], "", {"departure": "2026-05-04", "return": "2026-05-01"})


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.id)
def test_an_empty_filling_misses_every_required_field(form: Form) -> None:
    filling = fill(form, [], "", {})
    assert filling.missing == [entry.id for entry in form.fields if entry.required]
    assert "missing" in render_text(filling)


def test_a_bad_definition_is_refused_with_every_mistake() -> None:
    bad = {
        "fields": [
            {"id": "a", "label": "A", "kind": "amont"},
            {"id": "a", "kind": "text", "cue": [], "not_before": "b"},
        ]
    }
    with pytest.raises(ValueError) as caught:
        parse_form("bad", bad)
    for problem in (
        "kind is not one of",
        "unknown key 'cue'",
        "'label' is missing",
        "'a' is there twice",
        "the title is missing",
        "'a': not_before is not another date of the form",
    ):
        assert problem in str(caught.value)


def test_foreign_text_is_escaped() -> None:
    text = '<b onload="x">€5'
    filling = fill(ORDER, [Candidate("invoice_number", text, text, 0, len(text))], "", {"approved_by": "<script>'"})
    page = render_html(filling)
    assert "<script>" not in page and "<b onload" not in page
    assert "&lt;script&gt;&#x27;" in page and "&lt;b onload=&quot;x&quot;&gt;€5" in page


def test_control_characters_do_not_reach_a_terminal() -> None:
    page = render_text(fill(ORDER, [], "", {"approved_by": "Ada\x1b[31m\nTotal  EUR 0"}))
    assert "\x1b" not in page
    assert "Ada\\x1b[31m\\nTotal  EUR 0" in page


def test_text_shows_values_doubts_and_gaps() -> None:
    lines = render_text(fill(ORDER, FOUND[:5], "", {})).splitlines()
    assert lines[2] == "Missing: Payee's IBAN, Approved by. To decide: Amount to pay."
    assert "Invoice number      INV-7 (from “INV-7”)" in lines
    assert "VAT contained       –" in lines
    assert any(line.startswith("Amount to pay       ? EUR 100.00 (from “100.00 EUR”); ? EUR 19.00") for line in lines)
