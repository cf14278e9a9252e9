"""Images as the engine saves them: their configuration, and the files of each of their layers."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from slipway.core.image import FRESH_LABEL, INPUT_LABEL, MODELESS_LABEL, TITLE_LABEL

#: The labels that slipway and compose set themselves begin so.
_OWN_LABELS = (INPUT_LABEL, TITLE_LABEL, MODELESS_LABEL, FRESH_LABEL, "com.docker.compose.")


class Entry(NamedTuple):
    """Hold one entry of a layer, without its time: BuildKit sets the times of folders and of changed files."""

    path: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    link: str
    content: str


@dataclass(frozen=True)
class SavedImage:
    """Hold an image without the labels of slipway and compose, and without the times of its files."""

    platform: str
    config: Mapping[str, Any]
    layers: tuple[tuple[Entry, ...], ...]


def saved_images(references: Iterable[str]) -> dict[str, SavedImage]:
    """Return the images of the engine with these references."""
    wanted = {_full(reference): reference for reference in references}
    done = subprocess.run(["docker", "save", *wanted.values()], capture_output=True, check=True, timeout=120)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:

        @cache
        def layer(name: str) -> tuple[Entry, ...]:
            with tarfile.open(fileobj=io.BytesIO(_member(archive, name))) as content:
                return tuple(sorted(_entry(content, member) for member in content))

        return {
            wanted[_full(tag)]: _image(json.loads(_member(archive, image["Config"])), map(layer, image["Layers"]))
            for image in json.loads(_member(archive, "manifest.json"))
            for tag in image["RepoTags"] or ()
            if _full(tag) in wanted
        }


def _image(saved: Mapping[str, Any], layers: Iterable[tuple[Entry, ...]]) -> SavedImage:
    config = {key: value for key, value in saved["config"].items() if value}
    labels = {name: value for name, value in config.pop("Labels", {}).items() if not name.startswith(_OWN_LABELS)}
    platform = f"{saved['os']}/{saved['architecture']}"
    return SavedImage(platform, {**config, "Labels": labels}, tuple(layers))


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    file = archive.extractfile(member) if member.isreg() else None
    content = hashlib.sha256(file.read()).hexdigest() if file else ""
    return Entry(member.name, member.type, member.mode, member.uid, member.gid, member.linkname, content)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file, name
    return file.read()


def _full(reference: str) -> str:
    """Return a reference as every image store writes it: without Docker Hub's name."""
    return reference.removeprefix("docker.io/").removeprefix("library/")
