"""Test the findings in a text, case by case."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svc_extract.amounts import find_amounts
from svc_extract.dates import find_dates
from svc_extract.extract import extract
from svc_extract.identifiers import find_identifiers
from svc_extract.numbers import read_number

from servicekit.identifiers import has_iban_checksum

INVOICE = """Müller & Söhne GmbH, VAT DE123456789
Invoice No. INV-2026-0042 of 3 March 2026
Total: 1.234,56 € – payable by 02.04.2026
IBAN: DE89 3704 0044 0532 0130 00, questions to billing@Mueller.example.
"""


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("1.234,56 €", "1234.56", "EUR"),
        ("$1,234.56", "1234.56", "USD"),
        ("EUR 99", "99", "EUR"),
        ("CHF 1'234.50", "1234.50", "CHF"),
        ("1 234 567,89 PLN", "1234567.89", "PLN"),
        ("1\u00a0234,50\u00a0€", "1234.50", "EUR"),
        ("-12,50 €", "-12.50", "EUR"),
        ("$ −7", "-7", "USD"),
        ("US$5", "5", "USD"),
        ("£0.99", "0.99", "GBP"),
        ("1.234 €", "1234", "EUR"),
        ("0.125 €", "0.125", "EUR"),
        ("12.5 EUR", "12.5", "EUR"),
        ("99 Euro", "99", "EUR"),
        ("1,5 Mio. €", "1500000.0", "EUR"),
        ("EUR 2 million", "2000000", "EUR"),
        ("1,234,567.00 USD", "1234567.00", "USD"),
    ],
)
def test_an_amount_is_read(text: str, value: str, currency: str) -> None:
    sentence = f"You owe {text}."
    (finding,) = find_amounts(sentence)
    assert (finding.value, finding.currency, finding.text) == (value, currency, text)
    assert sentence[finding.start : finding.end] == text


@pytest.mark.parametrize(
    "text", ["1234", "1.23.4 €", "12,34,567.8 €", "EURO 5", "v1.2.3", "A$AP", "5 EURX", "$", "1.234,56"]
)
def test_text_that_is_not_an_amount_is_ignored(text: str) -> None:
    assert list(find_amounts(text)) == []


@given(cents=st.integers(min_value=0, max_value=10**12))
def test_a_number_reads_the_same_in_every_notation(cents: int) -> None:
    expected = Decimal(cents) / 100
    english = f"{expected:,.2f}"
    assert read_number(english) == expected
    assert read_number(english.translate(str.maketrans(",.", ".,"))) == expected
    assert read_number(english.translate(str.maketrans(",.", " ,"))) == expected
    assert read_number(english.replace(",", "'")) == expected


@pytest.mark.parametrize(
    ("text", "value", "alternatives"),
    [
        ("2026-03-03", "2026-03-03", ()),
        ("03.04.2026", "2026-04-03", ()),
        ("3. 4. 2026", "2026-04-03", ()),
        ("3 March 2026", "2026-03-03", ()),
        ("3rd of March 2026", "2026-03-03", ()),
        ("March 3, 2026", "2026-03-03", ()),
        ("3. März 2026", "2026-03-03", ()),
        ("03-Sep-2026", "2026-09-03", ()),
        ("29 Feb 2028", "2028-02-29", ()),
        ("04/03/2026", "2026-03-04", ("2026-04-03",)),
        ("03/03/2026", "2026-03-03", ()),
        ("25/12/2026", "2026-12-25", ()),
        ("12/25/2026", "2026-12-25", ()),
    ],
)
def test_a_date_is_read(text: str, value: str, alternatives: tuple[str, ...]) -> None:
    (finding,) = find_dates(f"Due on {text}.")
    assert (finding.value, finding.text, finding.alternatives) == (value, text, alternatives)
    assert finding.ambiguous == bool(alternatives)


@pytest.mark.parametrize("text", ["31.02.2026", "29 Feb 2026", "2026-13-01", "13/13/2026", "1.2.2026.4", "0042"])
def test_a_day_that_does_not_exist_is_ignored(text: str) -> None:
    assert list(find_dates(text)) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX", "iban", "DE89370400440532013000"),
        ("pay GB29NWBK60161331926819 now", "iban", "GB29NWBK60161331926819"),
        ("VAT: ATU12345678", "vat_id", "ATU12345678"),
        ("USt-IdNr. DE 123 456 789", "vat_id", "DE123456789"),
        ("BTW NL123456789B01", "vat_id", "NL123456789B01"),
        ("Invoice No. INV-2026-0042.", "invoice_number", "INV-2026-0042"),
        ("Invoice #4711", "invoice_number", "4711"),
        ("Rechnungsnummer: RE/2026/17", "invoice_number", "RE/2026/17"),
        ("Rechnungs-Nr. 2026-03-03", "invoice_number", "2026-03-03"),
        ("mail first.last+tag@Mail.Example.ORG.", "email", "first.last+tag@mail.example.org"),
    ],
)
def test_an_identifier_is_read(text: str, kind: str, value: str) -> None:
    (finding,) = extract(text, most=100)
    assert (finding.kind, finding.value, finding.valid) == (kind, value, True)
    assert text[finding.start : finding.end] == finding.text


@pytest.mark.parametrize(
    "text", ["Invoice of last month", "invoice number unknown", "DE12345678", "a@b", "@x.org", "XX00 1234"]
)
def test_text_that_is_not_an_identifier_is_ignored(text: str) -> None:
    assert list(find_identifiers(text)) == []


def test_a_mistyped_iban_is_found_and_said_to_be_invalid() -> None:
    (finding,) = extract("IBAN DE89 3704 0044 0532 0130 01", most=100)
    assert (finding.kind, finding.valid) == ("iban", False)


@given(st.integers(min_value=0, max_value=21), st.sampled_from("0123456789"))
def test_one_wrong_digit_breaks_the_checksum(position: int, digit: str) -> None:
    iban = "DE89370400440532013000"
    changed = iban[:position] + digit + iban[position + 1 :]
    if position >= 2 and changed != iban:
        assert not has_iban_checksum(changed)


def test_a_whole_invoice() -> None:
    assert [(finding.kind, finding.value) for finding in extract(INVOICE, most=100)] == [
        ("vat_id", "DE123456789"),
        ("invoice_number", "INV-2026-0042"),
        ("date", "2026-03-03"),
        ("amount", "1234.56"),
        ("date", "2026-04-02"),
        ("iban", "DE89370400440532013000"),
        ("email", "billing@mueller.example"),
    ]


@given(st.text(alphabet="0123456789.,'/- €$EURDE@abMarchInvoiceNo#\n", max_size=200))
def test_spans_are_true_sorted_and_apart(text: str) -> None:
    findings = extract(text, most=100)
    assert all(text[finding.start : finding.end] == finding.text for finding in findings)
    assert all(left.end <= right.start for left, right in itertools.pairwise(findings))
