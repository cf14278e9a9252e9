"""Hold the names of images as values that are checked once, when slipway parses them.

A name means the same as in Docker, whose rules are those of the distribution project's ``reference`` package:

- A name is on Docker Hub unless its first part is ``localhost``, or has a dot, a colon or an upper-case letter.
- ``index.docker.io`` is ``docker.io``. On Docker Hub, ``x`` is ``library/x``.
- Every other host is a registry of its own, in exactly the given spelling: ``registry-1.docker.io``, with or without a
  port, in upper or lower case.

The engine lists images by their familiar names (``me/x:v1`` for ``docker.io/me/x:v1``). slipway expands them to full
names where it reads them, so within slipway an image has one name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway.core.errors import UsageError
from slipway.secrets.patterns import holds_login, without_login

_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])"
)
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: Most names that an engine lists, all outside Docker Hub: a registry with a port or a dot, a path, a tag or digest.
_FULL = re.compile(r"(?!(?:index\.)?docker\.io/)[^/@]*[.:][^/@]*/[^:@]+(?::[^@]+|@.+)")
#: Docker Hub's name in full names.
HUB = "docker.io"
_HUB_BEFORE = "index.docker.io"
_OFFICIAL = "library/"


def refuse_login(text: str, what: str = "") -> None:
    """Raise UsageError when ``text``, the value of the setting ``what``, holds a login.

    The error does not quote the login.
    """
    if holds_login(text):
        named = f"{what}={without_login(text)}" if what else without_login(text)
        raise UsageError(f"{named}: holds a login", hint="name the host alone: docker login and ssh keep logins")


def check_registry(text: str, setting: str = "REGISTRY") -> str:
    """Return ``text`` if it is ``host[:port]``. Raises UsageError that names the broken rule."""
    refuse_login(text, setting)
    if "://" in text:
        scheme, rest = text.split("://", 1)
        raise UsageError(
            f"{setting}={text}: a registry is host[:port]",
            hint=f"drop '{scheme}://': {setting}={rest.split('/')[0]}",
        )
    if "/" in text:
        raise UsageError(
            f"{setting}={text}: a registry is host[:port], without a path",
            hint=f"{setting}={text.split('/')[0]}, and the path goes into OWNER",
        )
    bracket, closed, rest = text.partition("]") if text.startswith("[") else ("", "", text)
    name, colon, port = rest.partition(":")
    host = f"{bracket}{closed}{name}"
    if not _HOST.fullmatch(host):
        raise UsageError(f"{setting}={text}: {host!r} is not a host name")
    if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise UsageError(f"{setting}={text}: port {port!r} is not 1 to 65535")
    if host.lower() in (HUB, _HUB_BEFORE) and text not in (HUB, _HUB_BEFORE):
        raise UsageError(
            f"{setting}={text}: Docker takes this for another registry than {HUB}", hint=f"{setting}={HUB}"
        )
    return text


def registry_name(text: str) -> str:
    """Return a registry's name as in full names: ``docker.io`` for ``index.docker.io``, others unchanged."""
    return HUB if text == _HUB_BEFORE else text


def check_path(text: str, setting: str = "OWNER") -> str:
    """Return ``text`` if it is a repository path of at most 200 characters: ``acme``, ``acme/images``.

    Raises UsageError.
    """
    if not _PATH.fullmatch(text) or len(text) > 200:
        hint = (
            f"{setting}={text.lower()}"
            if _PATH.fullmatch(text.lower())
            else "lower-case letters, digits, and . _ - between them"
        )
        raise UsageError(f"{setting}={text}: not a repository path", hint=hint)
    return text


def check_tag(text: str, setting: str = "BASE_VERSION") -> str:
    """Return ``text`` if it is a tag: 1 to 128 of ``A-Za-z0-9_.-``, the first not ``.`` or ``-``.

    Raises UsageError.
    """
    if not _TAG.fullmatch(text):
        mapped = text.replace("+", "_")
        hint = f"{setting}={mapped}" if _TAG.fullmatch(mapped) else "1 to 128 letters, digits, and _ . - (not first)"
        raise UsageError(f"{setting}={text}: not a tag", hint=hint)
    return text


@dataclass(frozen=True)
class Reference:
    """Hold an image's full name: ``registry/path:tag`` or ``registry/path@digest``."""

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", registry_name(self.registry))
        if self.registry == HUB and "/" not in self.path:
            object.__setattr__(self, "path", f"{_OFFICIAL}{self.path}")

    def __str__(self) -> str:
        suffix = f"@{self.digest}" if self.digest else f":{self.tag}" if self.tag else ""
        return f"{self.repository}{suffix}"

    @property
    def repository(self) -> str:
        return f"{self.registry}/{self.path}"

    @property
    def name(self) -> str:
        """Return the last part of the path: ``svc-ocr``."""
        return self.path.rpartition("/")[2]

    @property
    def full(self) -> Reference:
        """Return the reference with a tag or digest: Docker reads a name with neither as ``:latest``."""
        return self if self.tag or self.digest else self.tagged("latest")

    @property
    def context(self) -> str:
        """Return the key by which BuildKit looks up a named context that replaces this image.

        It is the familiar name (tag and digest included), without ``:latest``.
        """
        path = self.path
        if self.registry == HUB:
            official = path.startswith(_OFFICIAL) and path.count("/") == 1
            repository = path.removeprefix(_OFFICIAL) if official else path
        else:
            repository = self.repository
        text = f"{repository}{f':{self.tag}' if self.tag else ''}{f'@{self.digest}' if self.digest else ''}"
        return text.removesuffix(":latest")

    def tagged(self, tag: str) -> Reference:
        return Reference(self.registry, self.path, tag)

    @classmethod
    def read(cls, text: str) -> Reference:
        """Split ``text`` by Docker's rules, without checking the parts."""
        named, _, digest = text.partition("@")
        first, _, rest = named.partition("/")
        registry, path = (first, rest) if names_registry(text) else (HUB, named)
        path, _, tag = path.partition(":")
        return cls(registry, path, tag, digest)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse an image's name. Raises UsageError when Docker could not accept it."""
        refuse_login(text)
        if "://" in text:
            raise UsageError(f"{text}: a reference has no scheme", hint=text.partition("://")[2])
        named, at, digest = text.partition("@")
        if at and not _DIGEST.fullmatch(digest):
            raise UsageError(f"{text}: a digest is sha256: and 64 hexadecimal digits")
        found = cls.read(text)
        check_registry(found.registry)
        check_path(found.path, "path")
        if found.tag or named.endswith(":"):
            check_tag(found.tag, "tag")
        return found


def names_registry(text: str) -> bool:
    """Tell whether an image's name begins with a registry.

    Docker looks for any other name on Docker Hub.
    """
    first, slash, _ = text.partition("@")[0].partition("/")
    return bool(slash) and (first == "localhost" or "." in first or ":" in first or first != first.lower())


def full_name(text: str) -> str:
    """Return an image's full name: registry and path, then its digest, else its tag, else ``:latest``."""
    return text if _FULL.fullmatch(text) else str(Reference.read(text).full)
