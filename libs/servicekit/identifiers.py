"""Check the shapes and checksums of IBANs, VAT numbers and e-mail addresses."""

from __future__ import annotations

import re

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

#: Patterns of a VAT number after its country code: the European Union (European Commission, VIES: structure of VAT
#: numbers) and the United Kingdom. They check only the format. Only VIES and HMRC know whether a number is registered.
#: Romania has numbers of two to five digits, too, but a text such as ``RO 25`` is hardly ever one of them.
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
    "GB": r"(?:\d{12}|\d{9}|(?:GD|HA)\d{3})",
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
    "RO": r"\d{6,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"\d{9}",
}

#: An e-mail address. Each repetition is bounded, so that a search takes linear time.
EMAIL = (
    r"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+){0,8}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}"
)

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_VAT_ID = re.compile("|".join(f"{country}{shape}" for country, shape in VAT_FORMATS.items()), re.ASCII)
_EMAIL = re.compile(EMAIL)
#: The longest address that SMTP can carry (RFC 5321).
_LONGEST_EMAIL = 254


def is_iban(text: str) -> bool:
    """Tell whether ``text``, without blanks and in upper case, is an IBAN of its country's length with its checksum."""
    return bool(_IBAN.fullmatch(text)) and len(text) == IBAN_LENGTHS.get(text[:2]) and has_iban_checksum(text)


def has_iban_checksum(iban: str) -> bool:
    """Tell whether ``iban``, without blanks and in upper case, has a correct checksum.

    The checksum is ISO 7064 mod 97-10, as ISO 13616 applies it.
    """
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def is_vat_id(text: str) -> bool:
    """Tell whether ``text``, without blanks, has the format of a VAT number."""
    return _VAT_ID.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Tell whether ``text`` has the format of an e-mail address."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None
