"""Tell whether a text is a value of a field's kind, as svc-extract writes values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from servicekit.identifiers import is_email, is_iban, is_vat_id

#: More digits are not an amount of money. A number such as 1e300000000 would fill the memory.
_AMOUNT = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_INVOICE_NUMBER = re.compile(r"[\w/.#-](?:[\w /.#-]{0,38}[\w/.#-])?")


def is_amount(text: str) -> bool:
    """Tell whether ``text`` is a decimal number such as ``-12.50``."""
    return _AMOUNT.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Tell whether ``text`` is an ISO date such as ``2026-03-31``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_invoice_number(text: str) -> bool:
    """Tell whether ``text`` has at most 40 letters and digits, and the signs between them."""
    return _INVOICE_NUMBER.fullmatch(text) is not None


#: Kind → whether a text is a value of this kind.
IS_VALUE: Mapping[str, Callable[[str], bool]] = {
    "amount": is_amount,
    "date": is_date,
    "iban": is_iban,
    "vat_id": is_vat_id,
    "invoice_number": is_invoice_number,
    "email": is_email,
    "text": bool,
}
