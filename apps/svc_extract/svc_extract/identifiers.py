"""Find IBANs, VAT numbers of the European Union, invoice numbers and e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svc_extract.findings import Finding

#: The length of an IBAN by country (SWIFT's IBAN registry).
IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d{2})",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 HR21 HU28 IE22 IL23 IS26 IT27 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 "
        "MC27 MD24 ME22 MK19 MT31 NL18 NO15 PK24 PL28 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 TR26 "
        "UA29 XK20",
    )
}

#: Patterns of a VAT number after its country code (European Commission, VIES: structure of VAT numbers).
#: They check only the format. Only VIES knows whether a number is registered.
VAT_FORMATS = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"(?:[A-Z]\d{7}[A-Z\d]|\d{8}[A-Z])",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z\d]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z\d+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(?:\d{12}|\d{9})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"\d{9}",
}

_IBAN_START = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(IBAN_LENGTHS)})\d{{2}}(?=[ ]?[A-Z0-9])")
_VAT = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"{country} ?{shape}" for country, shape in VAT_FORMATS.items())
    + r")(?![A-Za-z0-9])"
)
_VAT_IN_TRIPLES = re.compile(r"(?<![A-Za-z0-9])DE \d{3} \d{3} \d{3}(?! ?\d|[A-Za-z])")
_INVOICE = re.compile(
    r"(?i:(?<!\w)(?:invoice|bill|rechnung|rechnungs|facture)"
    r"(?:[ -]?(?:no|nr|number|num|nummer|id)\b\.?[ ]?:?|[ ]?[#№]|[ ]?n[°º][ ]?:?|[ ]?:))[ ]*[#№]?[ ]?"
    r"(?P<number>[A-Z0-9](?:[A-Z0-9/_.-]{0,38}[A-Z0-9])?)(?![\w@])"
)
_EMAIL = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+){0,8}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![\w@-])"
)


def find_identifiers(text: str) -> Iterator[Finding]:
    """Yield findings of the kinds ``iban``, ``vat_id``, ``invoice_number`` and ``email``.

    ``valid`` tells for an IBAN whether its checksum is correct.
    """
    yield from find_ibans(text)
    for pattern in (_VAT, _VAT_IN_TRIPLES):
        for match in pattern.finditer(text):
            yield _found("vat_id", match[0].replace(" ", ""), match.start(), match[0])
    for match in _INVOICE.finditer(text):
        if any(character.isdigit() for character in match["number"]):
            yield _found("invoice_number", match["number"], match.start("number"), match["number"])
    for match in _EMAIL.finditer(text):
        local, _, domain = match[0].rpartition("@")
        yield _found("email", f"{local}@{domain.lower()}", match.start(), match[0])


def find_ibans(text: str) -> Iterator[Finding]:
    """Yield IBANs that are written in one piece or in groups with single blanks between them."""
    for match in _IBAN_START.finditer(text):
        length = IBAN_LENGTHS[match[0][:2]]
        body = re.compile(rf"[A-Z0-9](?:[ ]?[A-Z0-9]){{{length - 1}}}(?![A-Za-z0-9])").match(text, match.start())
        if body:
            value = body[0].replace(" ", "")
            yield _found("iban", value, body.start(), body[0], valid=has_iban_checksum(value))


def has_iban_checksum(iban: str) -> bool:
    """Tell whether ``iban``, without blanks and in upper case, has a correct checksum.

    The checksum is ISO 7064 mod 97-10, as ISO 13616 applies it.
    """
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def _found(kind: str, value: str, start: int, text: str, *, valid: bool = True) -> Finding:
    return Finding(kind=kind, value=value, text=text, start=start, end=start + len(text), valid=valid)
