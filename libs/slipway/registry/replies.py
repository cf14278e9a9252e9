"""Read how a request ended: what a reply asks for or gives, and why there was none."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

#: In a challenge: the token is valid, and not for this (RFC 6750, 3.1).
_TOO_LITTLE = 'error="insufficient_scope"'


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what makes two URLs the same server's (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def token_of(answer: requests.Response) -> str:
    """The token that a token server hands out; empty when its answer holds none."""
    try:
        content = answer.json() if answer.ok else None
    except ValueError:
        return ""
    return str(content.get("token") or content.get("access_token") or "") if isinstance(content, dict) else ""


def allows_too_little(reply: requests.Response) -> bool:
    """Whether a registry refuses a token that is valid, and not for what was asked."""
    return reply.status_code == 401 and _TOO_LITTLE in reply.headers.get("WWW-Authenticate", "")


def asked_host(error: requests.exceptions.RequestException) -> str:
    """The host that was asked: the registry's own, or that of its token server."""
    return urlsplit(error.request.url or "").netloc if error.request else ""


def transport_cause(error: Exception) -> str:
    """Why no reply came, in a few words."""
    text = str(error)
    if "ProxyError" in text:
        return "the proxy does not answer"
    if "refused" in text:
        return "connection refused"
    if "Name or service not known" in text or "NameResolution" in text:
        return "host name not found"
    return "timed out" if "timed out" in text else "connection lost"


def asked_wait(retry_after: str | None) -> float:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3: seconds or a date); 0 for none."""
    if not retry_after:
        return 0.0
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
