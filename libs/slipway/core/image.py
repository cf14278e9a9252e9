"""Hold the names and parts of images, as frozen values that are checked once, when slipway parses them.

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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from slipway.core.errors import UsageError, one_line, suggestion
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
INPUT_LABEL = "slipway.input"
TITLE_LABEL = "org.opencontainers.image.title"
#: The input digest without file modes. It shows whether two images differ only in modes.
MODELESS_LABEL = "slipway.input.modeless"
RUN_LABEL = "slipway.run"
#: Set on an image that was built without cache. Its value is the image's input digest: an image built on it inherits
#: the label, but has another input digest, and so does not count as built without cache.
FRESH_LABEL = "slipway.fresh"
CONTENT_PREFIX = "in-"


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


def kind_of(dockerfile: str) -> str:
    """Return ``service`` for a Dockerfile in apps/, else ``base``."""
    return "service" if dockerfile.startswith("apps/") else "base"


@dataclass(frozen=True)
class Image:
    """Hold one image of the stack: the node for one Dockerfile.

    - ``dockerfile``, ``context``: posix paths from the repository's root; context "." is the root itself.
    - ``parents``, ``roots``: images of this stack, and external references, as in the FROM lines and in their order.
    - ``links``: a FROM string that BuildKit resolves → the parent's name.
    - ``stages``: the base of each stage: a parent's name, else the stage's FROM.
    - ``args``: the build args. The ``content`` among them enter the image; the others only select the base of a stage.
    - ``frontend``: the image that reads the Dockerfile; empty for the engine's own frontend.
    - ``foundation``: the parent or root that the final stage builds on; empty for scratch.

    The build only mounts the other parents, or copies from them.
    """

    name: str
    dockerfile: str
    context: str = "."
    parents: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    args: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    frontend: str = ""
    foundation: str = ""

    @property
    def kind(self) -> str:
        return kind_of(self.dockerfile)


@dataclass(frozen=True)
class Stack:
    """Hold all images of the repository, parents before children."""

    images: tuple[Image, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Image]:
        return {image.name: image for image in self.images}

    def __getitem__(self, name: str) -> Image:
        """Return the image ``name``. Raises UsageError, with the nearest name, when there is none."""
        try:
            return self.by_name[name]
        except KeyError:
            hint = suggestion(name, self.by_name, f"known: {', '.join(self.by_name)}")
            raise UsageError(f"{one_line(name)}: matches no image ({len(self.images)} known)", hint=hint) from None

    def below(self, name: str) -> tuple[str, ...]:
        """Return the images below ``name``, lowest first, without those that its build only mounts."""
        image = self[name]
        if image.foundation not in image.parents:
            return ()
        return (*self.below(image.foundation), image.foundation)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class LocalImage:
    """Hold an image of the engine.

    ``size``: bytes of the unpacked layers, 0 if unknown. ``created``: seconds since 1970. ``tags`` and ``digests`` are
    full names. With containerd's image store, ``id`` is the digest of the image's manifest or index, as in a registry.
    With the classic store, ``id`` is the digest of its configuration. A listed image has no ``platform``
    (``linux/amd64``, ``linux/arm64/v8``) and no ``onbuild`` (its ONBUILD triggers). An inspected image has no
    ``created``.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    created: int = 0
    platform: str = ""
    onbuild: tuple[str, ...] = ()

    @property
    def input_digest(self) -> str:
        return self.labels.get(INPUT_LABEL, "")

    @property
    def built_without_cache(self) -> bool:
        """Tell whether slipway built the image without cache, as another image of the same inputs."""
        return self.labels.get(FRESH_LABEL) == self.input_digest != ""

    @property
    def is_known_by_manifest(self) -> bool:
        """Tell whether ``id`` is the digest of the manifest, as with containerd's store.

        That store gives a digest to every tagged image. Only with the classic store does a digest prove that a
        registry has the image.
        """
        return is_manifest(self.id, self.digests)

    def is_own(self, name: str) -> bool:
        """Tell whether slipway built the image as ``name``.

        An image that another program built inherits its parent's labels, but its title label then names the parent.
        """
        return bool(self.input_digest) and self.labels.get(TITLE_LABEL) == name


def is_manifest(image: str, digests: Iterable[str]) -> bool:
    """Tell whether an image's id is among its digests in registries, so that it names a manifest."""
    return any(digest.partition("@")[2] == image for digest in digests)


def content_tag(input_digest: str) -> str:
    """Return the tag of an input digest: ``in-`` and its first 12 hexadecimal digits."""
    return f"{CONTENT_PREFIX}{input_digest.removeprefix('sha256:')[:12]}"
