"""Log in to a registry: answer its challenge with the user's login, and get a token."""

from __future__ import annotations

import base64
import re
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from slipway.core.addresses import is_loopback
from slipway.core.errors import PolicyError
from slipway.engine import Credentials, FindLogin
from slipway.registry.replies import PLAIN_LOGIN, PLAIN_REALM, token_of

if TYPE_CHECKING:
    import requests

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

    def answer(self, session: requests.Session, reply: requests.Response, scope: str) -> tuple[str, requests.Response]:
        """Answer a challenge (RFC 7235). Return the Authorization header and the reply.

        The header is empty when the login fails; the reply then gives the reason. A token server gets a GET for a
        password or no login, and a POST for an identity token (distribution's token specification and its OAuth2
        form). Raises PolicyError for a login that would travel unencrypted.
        """
        kind, _, rest = reply.headers.get("WWW-Authenticate", "").partition(" ")
        login = self._found
        basic = (login.username, login.password.reveal()) if login and login.username else None
        if kind.lower() == "basic" and basic:
            return f"Basic {base64.b64encode(':'.join(basic).encode()).decode()}", reply
        challenge = dict(_CHALLENGE.findall(rest))
        realm = challenge.get("realm", "")
        if kind.lower() != "bearer" or not realm:
            return "", reply
        if login and urlsplit(realm).scheme != "https" and not is_loopback(urlsplit(realm).netloc):
            raise PolicyError.of([PLAIN_REALM.problem(self._host, realm=realm)])
        asked = {"service": challenge.get("service", ""), "scope": scope}
        times = self._times
        if login and login.identity_token:
            grant = {
                "grant_type": "refresh_token",
                "refresh_token": login.identity_token.reveal(),
                "client_id": _CLIENT,
            }
            answer = session.post(realm, data={**asked, **grant}, timeout=times)
        else:
            answer = session.get(realm, params=asked, auth=basic, timeout=times)
        if answer.status_code == 429 or answer.status_code >= 500:
            return "", answer
        token = token_of(answer)
        return (f"Bearer {token}" if token else ""), reply
