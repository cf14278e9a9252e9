"""Interpret replies of registries and token servers, and the errors of requests without a reply."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from slipway.core.objects import find_object
from slipway.core.problems import Known, Table
from slipway.engine import TOO_LARGE

if TYPE_CHECKING:
    from slipway.registry.transport import Reply

#: The causes of a missing reply.
NO_REPLY = Table(
    "urllib3, of a request to a registry",
    (
        Known("registry-proxy-silent", "ProxyError", "the proxy does not answer"),
        Known("registry-unreachable", "refused", "connection refused"),
        Known("registry-host-unknown", "Name or service not known|NameResolution", "host name not found"),
        Known("registry-timeout", "timed out", "timed out"),
    ),
    Known("registry-connection-lost", said="connection lost"),
)
LOGIN_FAILED = Known("registry-login-failed", said="login to {host} as {user} failed", hint="docker login {host}")
LOGIN_WANTED = Known("registry-login-wanted", said="the registry wants a login", hint="docker login {host}")
DENIED = Known("registry-denied", said="denied {who}", hint="docker login {host}, as a user who may push")
REFUSED_SIZE = Known("registry-too-large", said="413, too large for {host} or a proxy before it", hint=TOO_LARGE)
BUSY = Known("registry-busy", hint="invoke doctor")
UNAVAILABLE = Known("registry-unavailable", hint="invoke doctor")
REDIRECTS = Known("registry-foreign", said="{host} redirects without end", hint="invoke doctor")
FOREIGN = Known("registry-foreign", hint="invoke doctor")
PLAIN_LOGIN = Known(
    "login-unencrypted",
    said="the login would travel in plain HTTP",
    hint="TLS for {host}, or docker logout {host}",
)
PLAIN_REALM = Known("login-unencrypted", said="sends the login to {realm}, in plain HTTP", hint="a realm with https://")
#: slipway selects the row by the reply's status and headers.
REPLIES = Table(
    "a registry",
    (
        *(LOGIN_FAILED, LOGIN_WANTED, DENIED, REFUSED_SIZE, BUSY, UNAVAILABLE, REDIRECTS, FOREIGN),
        *(PLAIN_LOGIN, PLAIN_REALM),
    ),
    Known("registry-refused"),
)
#: In a challenge: the token is valid, but does not allow the request (RFC 6750, 3.1).
_TOO_LITTLE = 'error="insufficient_scope"'


def token_of(answer: Reply) -> str:
    """Return the token in a token server's answer; empty when there is none."""
    content = (find_object(answer.content) if answer.status < 400 else None) or {}
    return str(content.get("token") or content.get("access_token") or "")


def allows_too_little(reply: Reply) -> bool:
    """Tell whether a registry refuses a valid token because it does not allow the request."""
    return reply.status == 401 and _TOO_LITTLE in reply.headers.get("WWW-Authenticate", "")


def asked_wait(retry_after: str | None) -> float:
    """Return the seconds in a Retry-After header (RFC 9110, 10.2.3: seconds or a date); 0 for none."""
    if not retry_after:
        return 0.0
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
