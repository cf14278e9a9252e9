"""Find logins where docker's CLI keeps them (docker/cli, ``cli/config/configfile`` and ``cli/config/credentials``).

DOCKER_AUTH_CONFIG comes first. Next is the credential helper that ``credHelpers`` names for the registry, or
``credsStore`` for every registry; when it has no login, there is none. Without a helper, ``auths`` of config.json
counts. The key for Docker Hub's login is the URL of its first API version.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from slipway.core.command import Command, Result
from slipway.core.errors import RefusedError, one_line
from slipway.core.objects import Object, parse_object, part, read_object
from slipway.core.problems import Known, Table
from slipway.core.reference import HUB, registry_name
from slipway.secrets.secret import NO_SECRET, Secret

#: The key under which docker stores the login for Docker Hub.
HUB_KEY = "https://index.docker.io/v1/"
#: The output of a helper without a login, whose exit status is not 0 (docker-credential-helpers, ``credentials``).
_NONE_FOUND = "credentials not found in native keychain"
#: The user name by which a helper marks the secret as an identity token.
_TOKEN = "<token>"
_LONGEST_QUOTE = 200

_HELPER_MISSING = Known("login-helper-missing", hint="install {program}, or take it out of {where} in {file}")
_HELPER_FAILED = Known("login-helper-failed", hint="printf %s {key} | {program} get shows its error")
_ENTRY_UNREADABLE = Known(
    "login-unreadable", said="the entry in {where} is not the base64 of name:password", hint="docker login {registry}"
)
LOGINS = Table(
    "docker's configuration and its credential helpers", (_HELPER_MISSING, _ENTRY_UNREADABLE), _HELPER_FAILED
)


@dataclass(frozen=True)
class Credentials:
    """Hold a login: a name and a password, or an identity token.

    A token server accepts an identity token in place of name and password.
    """

    username: str = ""
    password: Secret = field(default=NO_SECRET)
    identity_token: Secret = field(default=NO_SECRET)

    def as_auth_config(self) -> dict[str, str]:
        """Return the login in the form of the engine's API.

        Empty strings mean "anonymous", which engines ≥ 28.3.3 require to be explicit.
        """
        if self.identity_token:
            return {"identitytoken": self.identity_token.reveal()}
        return {"username": self.username, "password": self.password.reveal()}


#: Finds the login for a registry; None when there is none. Raises RefusedError when the search fails.
FindLogin = Callable[[str], Credentials | None]


def anonymous(registry: str) -> None:
    """Return no login, for any registry."""


class RunHelper(Protocol):
    """Run a command to its end, or for ``timeout`` seconds: then its exit status is 124."""

    def __call__(self, command: Command, *, timeout: float) -> Result: ...


class Logins:
    """Find logins in docker's configuration ``folder`` and in ``given``, the value of DOCKER_AUTH_CONFIG.

    ``ask`` runs a credential helper for at most ``patience`` seconds: the helper may ask the user to unlock its store.
    Each registry is looked up once. ``learn`` receives each secret that is found.
    """

    def __init__(
        self,
        folder: Path,
        ask: RunHelper,
        *,
        given: str = "",
        learn: Callable[[Iterable[Secret]], None] = lambda secrets: None,
        patience: float = 60.0,
    ) -> None:
        self._file = folder / "config.json"
        self._ask = ask
        self._given = given
        self._learn = learn
        self._patience = patience
        self._known: dict[str, Credentials | RefusedError | None] = {}
        self._one = threading.Lock()

    def find(self, registry: str) -> Credentials | None:
        """Return the login for ``registry``; None when there is none.

        Raises RefusedError when a credential helper fails or an entry is unreadable.
        """
        with self._one:
            if registry not in self._known:
                self._known[registry] = self._looked_up(registry)
            found = self._known[registry]
        if isinstance(found, RefusedError):
            raise found
        return found

    def _looked_up(self, registry: str) -> Credentials | RefusedError | None:
        try:
            found = self._search(registry)
        except RefusedError as error:
            return error
        if found:
            self._learn((found.password, found.identity_token))
        return found

    def _search(self, registry: str) -> Credentials | None:
        key = HUB_KEY if registry == HUB else registry
        if entry := _entry(parse_object(self._given), key, registry):
            return _read_entry(entry, registry, "DOCKER_AUTH_CONFIG")
        config = read_object(self._file)
        if helper := part(config, "credHelpers").get(key):
            return self._helped(str(helper), key, registry, "credHelpers")
        if store := config.get("credsStore"):
            return self._helped(str(store), key, registry, "credsStore")
        entry = _entry(config, key, registry)
        return _read_entry(entry, registry, str(self._file)) if entry else None

    def _helped(self, helper: str, key: str, registry: str, where: str) -> Credentials | None:
        """Return the login that the credential helper ``helper`` has for ``key``."""
        program = f"docker-credential-{helper}"
        result = self._ask(Command((program, "get"), stdin=key.encode(), label=program), timeout=self._patience)
        if result.stdout.strip() == _NONE_FOUND:
            return None
        if result.ok and (answer := parse_object(result.stdout)).keys() >= {"Username", "Secret"}:
            user, secret = str(answer["Username"]), Secret(str(answer["Secret"]))
            if user == _TOKEN:
                return Credentials(identity_token=secret)
            return Credentials(user, secret) if user or secret else None
        missing = result.exit_code == 127 and result.stderr == f"{program}: not found"
        row = _HELPER_MISSING if missing else _HELPER_FAILED
        cause = f"{program} {self._failure(program, result)}"
        about = f"login to {registry}"
        raise RefusedError.of([row.problem(about, cause, key=key, program=program, where=where, file=self._file)])

    def _failure(self, program: str, result: Result) -> str:
        if result.exit_code == 124:
            return f"did not answer within {self._patience:.0f} s"
        if result.ok:  # not quoted: the output may hold the secret
            return "printed no login: no JSON with Username and Secret"
        if result.exit_code in (126, 127) and result.stderr.startswith(f"{program}: "):
            return f"cannot be run: {result.stderr.partition(': ')[2]}"
        words = " ".join((result.stdout.strip() or result.stderr.strip()).split())
        return f"failed: {one_line(words)[:_LONGEST_QUOTE] or f'exit code {result.exit_code}'}"


def _entry(config: Object, key: str, registry: str) -> Object:
    """Return the entry of ``auths`` under ``key``, else under another address of the registry."""
    entries = part(config, "auths")
    if key in entries:
        return part(entries, key)
    return next((part(entries, other) for other in entries if _registry_of(other) == registry), {})


def _registry_of(address: str) -> str:
    """Return the registry of an address: ``https://registry.example.com/v1/`` → ``registry.example.com``.

    Old versions of docker stored logins under such URLs.
    """
    return registry_name(urlsplit(address).netloc if "://" in address else address.partition("/")[0])


def _read_entry(entry: Object, registry: str, where: str) -> Credentials | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if auth := entry.get("auth"):
        try:
            user, colon, password = base64.b64decode(str(auth), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if not colon:
            raise RefusedError.of([_ENTRY_UNREADABLE.problem(f"login to {registry}", where=where, registry=registry)])
    token = Secret(str(entry.get("identitytoken") or ""))
    found = Credentials(user, Secret(password.strip("\0")), token)
    return found if found != Credentials() else None
