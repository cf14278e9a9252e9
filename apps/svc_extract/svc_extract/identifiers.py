"""Find IBANs, VAT numbers, invoice numbers and e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from servicekit.identifiers import EMAIL, IBAN_LENGTHS, VAT_FORMATS, has_iban_checksum
from svc_extract.findings import Finding

_IBAN_START = re.compile(rf"(?<![A-Za-z0-9])(?i:{'|'.join(IBAN_LENGTHS)})\d{{2}}(?=[ -]?[A-Za-z0-9])", re.ASCII)
_VAT = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"{country} ?{shape}" for country, shape in VAT_FORMATS.items())
    + r")(?![A-Za-z0-9])"
)
_VAT_IN_GROUPS = re.compile(
    r"(?<![A-Za-z0-9])(?:DE \d{3} \d{3} \d{3}|GB ?\d{3} (?:\d{4} \d{2}|\d{3} \d{3})(?: \d{3})?)(?! ?\d|[A-Za-z])"
)
_INVOICE = re.compile(
    r"(?i:(?<!\w)(?:invoice|bill|rechnungs?|facture)"
    r"(?:(?P<named>[ -]?(?:no|nr|number|num|nummer|id)\b\.?[ ]?:?|[ ]?[#№]|[ ]?n[°º][ ]?:?)"
    r"(?:[ ]?(?P<said>is|was|ist|lautet):?(?= ))?|[ ]?:))[ ]{0,4}[#№]?[ ]?"
    r"(?P<number>[A-Z0-9](?:[A-Z0-9/_.-]{0,38}[A-Z0-9])?)(?![\w@]|[.,]\d)"
)
#: After a quantity: ``20 years``, ``1200 EUR``, ``50 %``. The words listed may follow an invoice number.
_UNIT = re.compile(
    r" ?[€$£¥₹%]| (?:[A-Z]{3}\b|(?!(?:of|from|dated|for|to|and|is|has|vom|für|und|ist|du|de|pour)\b)[a-zäöüé])"
)
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")
_SHORTEST = 4
_EMAIL = re.compile(rf"(?<![\w.+%-]){EMAIL}(?![\w@-])")


def find_identifiers(text: str) -> Iterator[Finding]:
    """Yield findings of the kinds ``iban``, ``vat_id``, ``invoice_number`` and ``email``.

    ``valid`` tells for an IBAN whether its checksum is correct.
    """
    yield from find_ibans(text)
    for pattern in (_VAT, _VAT_IN_GROUPS):
        for match in pattern.finditer(text):
            yield _found("vat_id", match[0].replace(" ", ""), match.start(), match[0])
    for match in _INVOICE.finditer(text):
        if _is_invoice_number(match):
            yield _found("invoice_number", match["number"], match.start("number"), match["number"])
    for match in _EMAIL.finditer(text):
        local, _, domain = match[0].rpartition("@")
        yield _found("email", f"{local}@{domain.lower()}", match.start(), match[0])


def find_ibans(text: str) -> Iterator[Finding]:
    """Yield IBANs that are written in one piece or in groups with single blanks between them.

    An IBAN in lower case or with hyphens looks like many other texts, so it counts only with a correct checksum.
    """
    for start in _IBAN_START.finditer(text):
        length = IBAN_LENGTHS[start[0][:2].upper()]
        if body := _with_blanks(length).match(text, start.start()):
            value = body[0].replace(" ", "")
            yield _found("iban", value, body.start(), body[0], valid=has_iban_checksum(value))
        elif body := _in_fours(length).match(text, start.start()):
            value = body[0].replace(body["by"], "").upper()
            if has_iban_checksum(value):
                yield _found("iban", value, body.start(), body[0])


@cache
def _with_blanks(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z0-9](?:[ ]?[A-Z0-9]){{{length - 1}}}(?![A-Za-z0-9])")


@cache
def _in_fours(length: int) -> re.Pattern[str]:
    """Return the pattern of an IBAN in any case, in one piece or in groups of four, as banks print it."""
    groups = [f"[A-Za-z0-9]{{{min(4, length - start)}}}" for start in range(0, length, 4)]
    first, *others = groups
    return re.compile(rf"{first}(?P<by>[ -]?)" + "(?P=by)".join(others) + "(?![A-Za-z0-9])")


def _is_invoice_number(match: re.Match[str]) -> bool:
    """Tell whether the text is an invoice's number. After ``Invoice:`` alone, a quantity or a date may follow."""
    number = match["number"]
    if not any(character.isdigit() for character in number):
        return False
    if match["named"] and not match["said"]:
        return True
    if len(number) < _SHORTEST or _DATE.fullmatch(number):
        return False
    return not number.isdigit() or not _UNIT.match(match.string, match.end())


def _found(kind: str, value: str, start: int, text: str, *, valid: bool = True) -> Finding:
    return Finding(kind=kind, value=value, text=text, start=start, end=start + len(text), valid=valid)
