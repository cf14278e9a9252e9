"""What an image is called and made of. Frozen values; parsed once, then trusted.

A name means what it means to Docker, whose rules are those of the distribution project's ``reference`` package:

- a name is on Docker Hub unless its first part is ``localhost``, or has a dot, a colon or an upper-case letter;
- ``index.docker.io`` is ``docker.io``, and on it ``x`` is ``library/x``;
- every other host is a registry of its own, spelled as it is given: ``registry-1.docker.io``, with a port or
  without, in capitals or not.

The engine lists images by their familiar names (``me/x:v1`` for ``docker.io/me/x:v1``). slipway's edges turn those into
the full ones, so within slipway one image has one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
#: Docker Hub, as Docker's full names call it.
HUB = "docker.io"
_HUB_BEFORE = "index.docker.io"
_OFFICIAL = "library/"
INPUT_LABEL = "slipway.input"
TITLE_LABEL = "org.opencontainers.image.title"
#: What the input digest would be if no mode counted: tells whether two images differ in modes alone.
MODELESS_LABEL = "slipway.input.modeless"
RUN_LABEL = "slipway.run"
#: On what was built without cache: its input digest, so that an image which stands on it does not count as such.
FRESH_LABEL = "slipway.fresh"
CONTENT_PREFIX = "in-"


def refuse_login(text: str, what: str = "") -> None:
    """Raise UsageError, which does not quote the login, when ``text`` (the value of setting ``what``) holds one."""
    if holds_login(text):
        named = f"{what}={without_login(text)}" if what else without_login(text)
        raise UsageError(f"{named}: holds a login", hint="name the host alone: docker login and ssh keep logins")


def check_registry(text: str, setting: str = "REGISTRY") -> str:
    """``host[:port]``; raises UsageError that names the rule which ``text`` breaks."""
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
        raise UsageError(f"{setting}={text}: {host!r} is no host name")
    if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise UsageError(f"{setting}={text}: port {port!r} is not 1 to 65535")
    if host.lower() in (HUB, _HUB_BEFORE) and text not in (HUB, _HUB_BEFORE):
        raise UsageError(
            f"{setting}={text}: Docker takes this for another registry than {HUB}", hint=f"{setting}={HUB}"
        )
    return text


def registry_name(text: str) -> str:
    """A registry as Docker's full names call it: ``docker.io`` for ``index.docker.io``, any other as it is."""
    return HUB if text == _HUB_BEFORE else text


def check_path(text: str, setting: str = "OWNER") -> str:
    """A repository path such as ``acme`` or ``acme/images``, at most 200 characters; raises UsageError."""
    if not _PATH.fullmatch(text) or len(text) > 200:
        hint = (
            f"{setting}={text.lower()}"
            if _PATH.fullmatch(text.lower())
            else "lower-case letters, digits, and . _ - between them"
        )
        raise UsageError(f"{setting}={text}: not a repository path", hint=hint)
    return text


def check_tag(text: str, setting: str = "BASE_VERSION") -> str:
    """A tag: 1 to 128 of ``A-Za-z0-9_.-``, not beginning with ``.`` or ``-``; raises UsageError."""
    if not _TAG.fullmatch(text):
        mapped = text.replace("+", "_")
        hint = f"{setting}={mapped}" if _TAG.fullmatch(mapped) else "1 to 128 letters, digits, and _ . - (not first)"
        raise UsageError(f"{setting}={text}: not a tag", hint=hint)
    return text


@dataclass(frozen=True)
class Reference:
    """``registry/path:tag`` or ``registry/path@digest``, as Docker spells a name out in full."""

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
        """The last part of the path: ``svc-ocr``."""
        return self.path.rpartition("/")[2]

    @property
    def full(self) -> Reference:
        """With a tag: Docker reads a name that has neither tag nor digest as ``:latest``."""
        return self if self.tag or self.digest else self.tagged("latest")

    @property
    def context(self) -> str:
        """The key under which BuildKit looks for a named context that stands in for this image.

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
        return replace(self, tag=tag, digest="")

    @classmethod
    def read(cls, text: str) -> Reference:
        """The parts of ``text`` as Docker tells them apart, none of them checked."""
        named, _, digest = text.partition("@")
        first, _, rest = named.partition("/")
        registry, path = (first, rest) if names_registry(text) else (HUB, named)
        path, _, tag = path.partition(":")
        return cls(registry, path, tag, digest)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises UsageError unless Docker could take ``text`` for an image's name."""
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
    """Whether an image's name begins with its registry. Docker looks for any other on Docker Hub."""
    first, slash, _ = text.partition("@")[0].partition("/")
    return bool(slash) and (first == "localhost" or "." in first or ":" in first or first != first.lower())


def full_name(text: str) -> str:
    """An image's name as Docker spells it out: registry and path, then its digest, else its tag, else ``:latest``."""
    return str(Reference.read(text).full)


def kind_of(dockerfile: str) -> str:
    """``service`` for a Dockerfile in apps/, else ``base``."""
    return "service" if dockerfile.startswith("apps/") else "base"


@dataclass(frozen=True)
class Image:
    """A node: one Dockerfile.

    ``dockerfile`` and ``context`` are posix paths from the repository's root (context "." is the root).
    ``parents`` are images of this stack, ``roots`` external references; both as the FROM lines give them, in order.
    ``links`` maps the FROM string BuildKit resolves to the parent's name. ``stages`` says what each stage stands on:
    a parent's name, else its FROM. ``args`` are given to the build; those of them that are ``content`` enter the
    image, the others only say what a stage stands on. ``frontend`` is the image that is to read the Dockerfile; empty
    for the engine's own.
    ``foundation`` is the parent or the root that the final stage stands on, empty for scratch. Builds mount the other
    parents or copy from them.
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
    """All images of the repository, parents before children."""

    images: tuple[Image, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Image]:
        return {image.name: image for image in self.images}

    def __getitem__(self, name: str) -> Image:
        """Raises UsageError with the nearest name when there is no such image."""
        try:
            return self.by_name[name]
        except KeyError:
            hint = suggestion(name, self.by_name, f"known: {', '.join(self.by_name)}")
            raise UsageError(f"{one_line(name)}: matches no image ({len(self.images)} known)", hint=hint) from None

    def below(self, name: str) -> tuple[str, ...]:
        """Return the images that ``name`` stands on, lowest first, without what its build only mounts."""
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
    """An image in the engine. ``size``: bytes of its unpacked layers, 0 if unknown; ``created``: seconds since 1970.

    With containerd's image store ``id`` is the digest of its manifest or index, as in a registry; with the classic
    store it is its configuration's. ``tags`` and ``digests`` are full names. A listed image has no ``platform``
    (``linux/amd64``, ``linux/arm64/v8``) and no ``onbuild`` (its triggers), an inspected one no ``created``.
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
    def fresh(self) -> bool:
        """Whether it was built without cache, to be another image of the same inputs."""
        return self.labels.get(FRESH_LABEL) == self.input_digest != ""

    @property
    def is_known_by_manifest(self) -> bool:
        """Whether ``id`` is its manifest's digest, as with containerd's store.

        That store gives every tagged image a digest; only with the classic one does it prove that a registry has it.
        """
        return any(digest.partition("@")[2] == self.id for digest in self.digests)

    def is_own(self, name: str) -> bool:
        """Whether slipway built it as ``name``: an image built by other means inherits its parent's labels."""
        return bool(self.input_digest) and self.labels.get(TITLE_LABEL) == name


def content_tag(input_digest: str) -> str:
    """``in-`` and the first 12 hexadecimal digits of an input digest."""
    return f"{CONTENT_PREFIX}{input_digest.removeprefix('sha256:')[:12]}"
