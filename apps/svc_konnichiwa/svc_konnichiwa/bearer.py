"""Judge the ``Authorization`` headers of a request by RFC 6750, "The OAuth 2.0 Authorization Framework: Bearer Token".

The functions are pure: header texts and the key in, a verdict out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import Enum

#: RFC 6750, section 2.1: the scheme, spaces, and a token in the characters that may encode it.
_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_SCHEME = re.compile(r"bearer(?: |$)", re.IGNORECASE)


class Verdict(Enum):
    """Name the outcome, with the status and the ``WWW-Authenticate`` challenge of RFC 6750, section 3.1."""

    GRANTED = (200, "")
    #: A request that tries no bearer token is not told an error code.
    NO_TOKEN = (401, "Bearer")
    WRONG_TOKEN = (401, 'Bearer error="invalid_token"')
    MALFORMED = (400, 'Bearer error="invalid_request"')

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def challenge(self) -> str:
        return self.value[1]


def judge(headers: Sequence[str], key: str) -> Verdict:
    """Return the verdict on the values of a request's ``Authorization`` headers."""
    if len(headers) > 1:
        return Verdict.MALFORMED
    header = headers[0].strip() if headers else ""
    if not _SCHEME.match(header):
        return Verdict.NO_TOKEN
    credentials = _CREDENTIALS.fullmatch(header)
    if not credentials:
        return Verdict.MALFORMED
    return Verdict.GRANTED if equals(credentials[1], key) else Verdict.WRONG_TOKEN


def is_token(text: str) -> bool:
    """Tell whether a bearer header can carry the text as its token."""
    return _CREDENTIALS.fullmatch(f"Bearer {text}") is not None


def equals(one: str, other: str) -> bool:
    """Compare two texts in a time that depends on neither their content nor the length of ``other``."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
