"""A text is an IBAN, a VAT number or an e-mail address by its shape and its checksum."""

from __future__ import annotations

import pytest

from servicekit.identifiers import is_email, is_iban, is_vat_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DE89370400440532013000", True),
        ("GB29NWBK60161331926819", True),
        ("DE89370400440532013001", False),
        ("DE8937040044053201300", False),
        ("XX89370400440532013000", False),
        ("de89370400440532013000", False),
        ("DE89 3704 0044 0532 0130 00", False),
        ("", False),
    ],
)
def test_an_iban_has_its_countrys_length_and_a_checksum(text: str, expected: bool) -> None:
    assert is_iban(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ATU12345678", True),
        ("GB123456789", True),
        ("GBHA500", True),
        ("RO123456", True),
        ("RO25", False),
        ("DE12345678", False),
        ("US123456789", False),
        ("DE١٢٣٤٥٦٧٨٩", False),
    ],
)
def test_a_vat_number_has_its_countrys_format(text: str, expected: bool) -> None:
    assert is_vat_id(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b+c@mail.example.org", True),
        ("nope", False),
        ("a@b", False),
        ("@x.org", False),
        (f"{'a' * 250}@x.org", False),
    ],
)
def test_an_email_address_has_a_name_and_a_domain(text: str, expected: bool) -> None:
    assert is_email(text) is expected
