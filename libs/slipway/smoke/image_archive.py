"""Find secrets in an image: keys, credentials and ``.env`` files in any layer, secrets in its history.

Pure: reads the tar stream of ``docker save`` from front to back, without unpacking it. A file that a later layer
deletes is still in the layer below. So slipway reads every layer, never the merged tree.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, NamedTuple, Protocol, cast

from slipway.core.errors import PolicyError
from slipway.secrets.patterns import secret_by_shape
from slipway.smoke.layer_content import decompressed
from slipway.smoke.package_files import LARGEST, describes_packages, kept

_BUFFER = 1 << 20
_SMALL = 16 * 1024
_LARGEST_KEY_FILE = 1 << 20
#: The largest manifest or configuration of an image.
_LARGEST_DOCUMENT = 4 << 20

_CREDENTIALS = re.compile(
    r"(^|/)(\.netrc|_netrc|\.pypirc|\.dockercfg|\.git-credentials|\.docker/config\.json|\.aws/credentials"
    r"|\.kube/config|kubeconfig|[^/]+\.kubeconfig|application_default_credentials\.json)$"
)
_ENV_FILE = re.compile(r"(^|/)\.env(rc|[._-](?!(?:example|sample|template)$)[^/]*)?$")
_SSH_KEY = re.compile(r"(^|/)id_(rsa|dsa|ecdsa|ed25519)(_sk)?$")
_KEY_NAME = re.compile(r"\.(pem|key|pk8|ppk|p8)$", re.IGNORECASE)
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-")

_SECRET_WORDS = frozenset(
    {
        "APIKEY",
        "CREDENTIAL",
        "CREDENTIALS",
        "PASS",
        "PASSPHRASE",
        "PASSWD",
        "PASSWORD",
        "PWD",
        "SECRET",
        "SECRETS",
        "TOKEN",
    }
)
_SECRET_KEYS = re.compile(r"(^|_)(ACCESS|API|ENCRYPTION|MASTER|PRIVATE|SECRET|SIGNING)_KEY(_|$)")
_POINTERS = ("_FILE", "_PATH", "_DIR", "_ID")
_HARMLESS = frozenset({"", "unset", "none", "false", "true", "0", "1"})
_ASSIGNMENT = re.compile(r"(?<![\w-])([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|\S*)")


class ArchiveStream(Protocol):
    """Define any object with ``read``: a file, a socket, ``Chunks``."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Finding:
    """Hold the path of a file that must not be in an image, the reason, and the sha256 of its content."""

    path: str
    why: str
    content: str = ""

    def __str__(self) -> str:
        return f"/{self.path}: {self.why}"


class Member(NamedTuple):
    """Hold one entry of a layer.

    ``path`` is as stored, without a leading slash. ``mode`` holds the permission bits. ``uid`` and ``gid`` are the
    owner. ``kind``: ``f`` file, ``d`` folder, ``l`` symbolic link, ``-`` anything else. ``target``: the path that a
    link points to.
    """

    path: str
    mode: int
    uid: int
    gid: int
    kind: str
    target: str = ""


@dataclass(frozen=True)
class Layer:
    """Hold one layer: its diff id as ``name``, its entries, and the forbidden files among them.

    ``texts``: the files that describe packages, by path, as ``package_files.kept`` returns them.
    """

    name: str
    members: tuple[Member, ...]
    findings: tuple[Finding, ...]
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(member.path for member in self.members)


class Chunks:
    """Make an iterator of byte pieces readable like a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        held, parts = len(self._rest), [self._rest]
        while size < 0 or held < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            held += len(piece)
            parts.append(piece)
        data = b"".join(parts)
        cut = len(data) if size < 0 else size
        self._rest = data[cut:]
        return data[:cut]


def read_layers(stream: ArchiveStream) -> dict[str, Layer]:
    """Return the layers of the images in a ``docker save`` stream by their diff ids, lowest first.

    Raises PolicyError when the stream holds no image, or when one of its layers cannot be read: a partial scan proves
    nothing.
    """
    found: dict[str, Layer] = {}
    links: dict[str, str] = {}
    documents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", bufsize=_BUFFER) as archive:
            for member in archive:
                if member.issym():
                    links[member.name] = _target(member)
                elif member.isfile() and (content := archive.extractfile(member)):
                    document = content.read() if member.size <= _LARGEST_DOCUMENT else b""
                    whole = io.BufferedReader(io.BytesIO(document)) if document else content
                    if layer := _read_layer(cast(io.BufferedReader, whole)):
                        found[member.name] = layer
                    else:
                        documents[member.name] = document
        manifest = json.loads(documents.get("manifest.json", "[]"))
        diff_ids = [json.loads(documents[image["Config"]])["rootfs"]["diff_ids"] for image in manifest]
    except (tarfile.TarError, EOFError, ValueError, LookupError) as error:
        raise PolicyError(f"the image's layers could not be read: {error}") from error
    if not manifest:
        raise PolicyError("the image's layers could not be read: the stream holds no manifest.json")
    return {
        diff_id: _named(found, links, name, diff_id)
        for image, names in zip(manifest, diff_ids, strict=True)
        for name, diff_id in zip(image["Layers"], names, strict=True)
    }


def forbidden(path: str) -> str:
    """Return the reason why no image may hold a file with the name ``path``, or an empty string.

    Only the name counts.
    """
    if _ENV_FILE.search(path):
        return "an environment file"
    if _SSH_KEY.search(path):
        return "an SSH private key by its name"
    if _CREDENTIALS.search(path):
        return "a credential file"
    return ""


def holds_private_key(path: str, content: bytes) -> bool:
    """Tell whether a file is a private key.

    A file with a key file's name counts if it holds a key anywhere. Any other file counts only if it begins with a
    key. Public certificates (CA bundles) are not private keys, and neither is a program that only mentions the words.
    """
    if _KEY_NAME.search(path):
        return _KEY.search(content) is not None
    return _KEY.match(content.lstrip()) is not None


def secrets_in_history(lines: Iterable[str], environment: Iterable[str]) -> tuple[str, ...]:
    """Return the variables of an image's history and of its ``Config.Env`` that look like secrets.

    ``lines``: the history, one line per instruction. ``environment``: ``Config.Env``. Each result names the place and
    the variable, never the value.
    """
    told: dict[str, None] = {}
    for line in lines:
        instruction = line.removeprefix("/bin/sh -c #(nop)").split(maxsplit=1)
        for name, value in _ASSIGNMENT.findall(line):
            if looks_secret(name, value.strip("\"'")):
                told[f"history: {instruction[0]} {name}"] = None
    for entry in environment:
        name, _, value = entry.partition("=")
        if looks_secret(name, value):
            told[f"environment: {name}"] = None
    return tuple(told)


def looks_secret(name: str, value: str) -> bool:
    """Tell whether ``name=value`` seems to hold a secret, by the name's words or the value's shape."""
    if secret_by_shape(value):
        return True
    if value.lower() in _HARMLESS or value.startswith("$"):
        return False
    name = name.upper()
    if name.endswith(_POINTERS):
        return False
    return not _SECRET_WORDS.isdisjoint(name.split("_")) or _SECRET_KEYS.search(name) is not None


def complaints(layers: Sequence[Layer], known: Collection[str] = (), allowed: Collection[str] = ()) -> tuple[str, ...]:
    """Return one line per forbidden file: the layer, the file, and the reason.

    ``known``: the sha256 of each file that the project lets into the image. ``allowed``: the absolute paths of others.
    """
    return tuple(
        f"layer {number} of {len(layers)}: {finding}"
        for number, layer in enumerate(layers, start=1)
        for finding in layer.findings
        if finding.content not in known and f"/{finding.path}" not in allowed
    )


def _read_layer(content: io.BufferedReader) -> Layer | None:
    """Read the layer in ``content``; return None when it is not a tar (a configuration, an index)."""
    members: list[Member] = []
    findings: list[Finding] = []
    texts: dict[str, str] = {}
    try:
        with (
            decompressed(content) as stream,
            tarfile.open(fileobj=stream, mode="r|*", bufsize=_BUFFER) as archive,
        ):
            for member in archive:
                path = member.name.removeprefix("./")
                members.append(_described(member, path))
                if describes_packages(path) and member.isreg() and (file := archive.extractfile(member)):
                    data = file.read(LARGEST)
                    texts[path] = kept(path, data.decode("utf-8", "replace"))
                    findings += _key(path, data)
                else:
                    findings += _inspect(archive, member, path)
    except (tarfile.ReadError, tarfile.CompressionError):
        return None
    return Layer("", tuple(members), tuple(findings), texts)


def _described(member: tarfile.TarInfo, path: str) -> Member:
    kind = "f" if member.isreg() or member.islnk() else "d" if member.isdir() else "l" if member.issym() else "-"
    return Member(path, member.mode & 0o7777, member.uid, member.gid, kind, member.linkname if kind == "l" else "")


def _inspect(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> Iterator[Finding]:
    if member.isdir():
        return
    if why := forbidden(path):
        small = member.isreg() and member.size <= _LARGEST_KEY_FILE
        content = archive.extractfile(member) if small else None
        yield Finding(path, why, hashlib.sha256(content.read()).hexdigest() if content else "")
    elif member.isreg() and member.size <= (_LARGEST_KEY_FILE if _KEY_NAME.search(path) else _SMALL):
        content = archive.extractfile(member)
        yield from _key(path, content.read() if content else b"")


def _key(path: str, content: bytes) -> Iterator[Finding]:
    if holds_private_key(path, content):
        yield Finding(path, "a private key", hashlib.sha256(content).hexdigest())


def _target(link: tarfile.TarInfo) -> str:
    """Return the name of the layer that a link points to.

    Older engines store a layer that occurs twice as a link to the first.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(link.name), link.linkname))


def _named(found: Mapping[str, Layer], links: Mapping[str, str], name: str, diff_id: str) -> Layer:
    layer = found.get(links.get(name, name))
    if layer is None:
        raise PolicyError(
            f"layer {name} could not be read: it is not a tar, plain or compressed with gzip, bzip2, xz or zstd",
            hint="invoke build --no-cache, which makes the layer again",
        )
    return replace(layer, name=diff_id)
