"""Log in to a registry: answer its challenge with the user's login, and get a token."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import urlencode, urlsplit

from slipway.core.addresses import is_loopback
from slipway.core.errors import PolicyError
from slipway.engine import Credentials, FindLogin
from slipway.registry.replies import PLAIN_LOGIN, PLAIN_REALM, token_of
from slipway.registry.transport import LOGIN, Message, Reply, Transport, anywhere

#: The client id that slipway sends to a token server.
_CLIENT = "slipway"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryLogin:
    """Answer the challenges of the registry ``host``, whose requests go to ``url``.

    ``find`` is called once, when the registry requires a login. ``times``: the timeouts of a request to a token
    server, to connect and to receive the answer.
    """

    def __init__(self, host: str, url: str, find: FindLogin, times: tuple[float, float]) -> None:
        self._host = host
        self._url = url
        self._find = find
        self._times = times
        self._used: Credentials | None = None

    @property
    def user(self) -> str:
        """Return the user of the login that the registry required; empty when there was none."""
        login = self._used
        return login.username or "the token's owner" if login and (login.username or login.identity_token) else ""

    @cached_property
    def _found(self) -> Credentials | None:
        found = self._find(self._host)
        if found and self._url.startswith("http:") and not is_loopback(self._host):
            raise PolicyError.of([PLAIN_LOGIN.problem(self._host, host=self._host)])
        self._used = found
        return found

    def answer(self, transport: Transport, reply: Reply, scope: str) -> tuple[str, Reply]:
        """Answer a challenge (RFC 7235). Return the Authorization header and the reply.

        The header is empty when the login fails; the reply then gives the reason. A token server gets a GET for a
        password or no login, and a POST for an identity token (distribution's token specification and its OAuth2
        form). Raises PolicyError for a login that would travel unencrypted.
        """
        kind, _, rest = reply.headers.get("WWW-Authenticate", "").partition(" ")
        login = self._found
        basic = _basic(login) if login and login.username else ""
        if kind.lower() == "basic" and basic:
            return basic, reply
        challenge = dict(_CHALLENGE.findall(rest))
        realm = challenge.get("realm", "")
        if kind.lower() != "bearer" or urlsplit(realm).scheme not in ("http", "https"):
            return "", reply
        if login and not _is_safe(realm):
            raise PolicyError.of([PLAIN_REALM.problem(self._host, realm=realm)])
        asked = {"service": challenge.get("service", ""), "scope": scope}
        answer = transport.follow(self._question(realm, asked, login, basic), _is_safe if login else anywhere)
        if answer.status == 429 or answer.status >= 500:
            return "", answer
        token = token_of(answer)
        return (f"Bearer {token}" if token else ""), reply

    def _question(self, realm: str, asked: Mapping[str, str], login: Credentials | None, basic: str) -> Message:
        """Return the request for a token: a POST of an identity token, else a GET with the password or no login."""
        if login and login.identity_token:
            grant = {"grant_type": "refresh_token", "refresh_token": login.identity_token.reveal()}
            form = urlencode({**asked, **grant, "client_id": _CLIENT}).encode()
            return Message("POST", realm, self._times, {"Content-Type": "application/x-www-form-urlencoded"}, form)
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(asked)}"
        return Message("GET", url, self._times, {LOGIN: basic} if basic else {})


def _basic(login: Credentials) -> str:
    """Return the Authorization header with a password (RFC 7617, in UTF-8)."""
    return f"Basic {base64.b64encode(f'{login.username}:{login.password.reveal()}'.encode()).decode()}"


def _is_safe(url: str) -> bool:
    """Tell whether a login may travel to ``url``."""
    return urlsplit(url).scheme == "https" or is_loopback(urlsplit(url).netloc)
