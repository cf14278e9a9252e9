"""Recognize secrets by their form: a login in an address, a token of a well-known form."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from slipway.secrets.secret import Secret

MASK = "***"
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s\$\"'<>]+@", re.IGNORECASE)
_URL_LOGIN = re.compile(r"//[^/\s]*@")
#: A login before an address, with or without a scheme. The ``@`` of an image's digest does not end a login.
_LOGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)?(?P<user>[^/\s:@]*)(?::(?!//)(?P<password>.*))?@(?!sha\d+:)",
    re.IGNORECASE | re.DOTALL,
)
#: Schemes whose user name alone grants no access.
_NAMED_ONLY = ("ssh://", "git://", "git+ssh://")
_TOKENS_BEGIN = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "AKIA", "pypi-")
_TOKEN_SHAPES = re.compile(r"\b(gh[pousr]_\w{30}|github_pat_\w{20}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16}|pypi-\w{50})")


def secret_by_shape(text: str) -> bool:
    """Tell whether ``text`` holds a URL with a password, or a token of a well-known form."""
    if "@" in text and "://" in text and _URL_PASSWORD.search(text):
        return True
    # most texts hold no beginning of a token, and the pattern would try each of their words
    return any(beginning in text for beginning in _TOKENS_BEGIN) and bool(_TOKEN_SHAPES.search(text))


def without_passwords(text: str) -> str:
    """Mask the login of each URL in ``text`` that holds a password."""
    if "://" not in text:  # the pattern alone tries each word of a text
        return text
    return _URL_PASSWORD.sub(lambda match: f"{match[0].partition('//')[0]}//{MASK}@", text)


def without_logins(text: str) -> str:
    """Mask everything before an ``@`` in the host part of each URL in ``text``."""
    return _URL_LOGIN.sub(f"//{MASK}@", text)


def holds_login(value: str) -> bool:
    """Tell whether ``value``, an address of any kind, holds a password, or a user name that may be a token."""
    return _login(value) is not None


def without_login(value: str) -> str:
    """Mask the login in ``value``, an address of any kind."""
    found = _login(value)
    return f"{found['scheme'] or ''}{MASK}@{value[found.end() :]}" if found else without_logins(value)


def login_secrets(value: str) -> tuple[Secret, ...]:
    """Return the passwords and tokens in ``value``. A password may itself hold an ``@``."""
    found = _login(value)
    if not found:
        return ()
    text = found["user"] if found["password"] is None else found["password"]
    written = [text, *(text[: match.start()] for match in re.finditer("@", text))]
    return tuple(map(Secret, dict.fromkeys([*written, *map(unquote, written)])))


def url_secrets(url: str) -> tuple[Secret, ...]:
    """Return the user name (often a token) and the password of a URL, both as written and decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    written = [part for part in (parts.password, parts.username) if part]
    return tuple(map(Secret, dict.fromkeys([*written, *map(unquote, written)])))


def _login(value: str) -> re.Match[str] | None:
    found = _LOGIN.match(value)
    if not found:
        return None
    scheme, password = found["scheme"], found["password"]
    if password is None:
        return found if scheme and scheme.lower() not in _NAMED_ONLY else None
    return None if scheme and re.match(r"\d+/", password) else found  # a port, and an @ somewhere in a path
