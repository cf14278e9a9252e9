"""Secrets taken out of text before it is shown, logged or quoted."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from slipway.command import Secret

#: Shorter values would blank out ordinary words.
_SHORTEST = 4
MASK = "***"


class Redactor:
    """Replaces every known secret, also base64, percent-encoded and JSON-escaped, by ``***``."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret.reveal())}
        longest_first = sorted(filter(lambda form: len(form) >= _SHORTEST, forms), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


def url_secrets(url: str) -> tuple[Secret, ...]:
    """User name (often a token) and password that stand in a URL, as written there and as they are sent."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    written = [part for part in (parts.password, parts.username) if part]
    return tuple(map(Secret, dict.fromkeys([*written, *map(unquote, written)])))


def _forms(value: str) -> set[str]:
    forms = {value, quote(value, safe=""), *(json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False))}
    data = value.encode()
    for lead in range(3):
        # Inside longer data base64 shifts by the bytes before it: keep the digits that depend on the value alone.
        encoded = base64.b64encode(b"\0" * lead + data).decode().rstrip("=")
        start = (0, 2, 3)[lead]
        end = len(encoded) - (1 if (lead + len(data)) % 3 else 0)
        forms |= {encoded[start:end], encoded[start:end].replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= max(_SHORTEST, len(value) // 2)}
