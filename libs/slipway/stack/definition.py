"""Hold the images that the repository defines, before slipway reads their Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slipway.config.secret_source import SecretSource
from slipway.core.rules import Permission

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_NO_SECRETS: Mapping[str, SecretSource] = MappingProxyType({})
#: Folders that say only that they hold Dockerfiles.
_FOLDERS = ("docker", "dockerfile", "dockerfiles", "container", "containers")
_FILES = ("dockerfile", "containerfile")
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Definition:
    """Hold one image: a Dockerfile, and the values with which slipway builds it.

    - ``name``: the image's name in the stack: lower-case letters, digits and ``-``.
    - ``dockerfile``: a posix path from the repository's root.
    - ``where``: the place that defines the image: ``compose.yaml:12``, ``pyproject.toml:30``, or the Dockerfile.
    - ``base``: the image is a base even when no other image stands on it.
    - ``context``: a folder from the root; empty for the nearest folder that contains all sources.
    - ``target``: a stage; empty for the last one.
    - ``args``: build arg → value, for this image alone.
    - ``contexts``: named context → a folder from the root, ``docker-image://<reference>``, or ``target:<image>``.
    - ``secrets``: id → the source of the build secret, for this image.
    - ``allow``: the rules of policy that the image may break.
    - ``platforms``: the target platforms; empty for PLATFORMS.
    - ``repository``, ``tag``: the parts of the image's reference below REGISTRY, in which ``{version}`` stands for the
      stack's version; empty for ``OWNER/<name>`` and that version.
    - ``aliases``: other references that mean this image in a FROM, such as ``image:`` of a compose service.
    """

    name: str
    dockerfile: str
    where: str = ""
    base: bool = False
    context: str = ""
    target: str = ""
    args: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    contexts: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    secrets: Mapping[str, SecretSource] = field(default_factory=lambda: _NO_SECRETS)
    allow: tuple[Permission, ...] = ()
    platforms: tuple[str, ...] = ()
    repository: str = ""
    tag: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return the place that defines the image, for problems."""
        return self.where or self.dockerfile


def image_name(text: str) -> str:
    """Return ``text`` as an image's name: in lower case, with ``-`` for every run of other characters.

    The result is empty when ``text`` has neither a letter nor a digit.
    """
    return _OTHER.sub("-", text.lower()).strip("-")


def name_of(path: str) -> str:
    """Return the name of a Dockerfile's image, from its path.

    ``docker/base-ml.Dockerfile`` → ``base-ml``; ``docker/Dockerfile.cuda`` → ``cuda``; ``asr/Dockerfile.cuda`` →
    ``asr-cuda``; ``svc_ocr/Dockerfile`` → ``svc-ocr``; ``ui/docker/Dockerfile`` → ``ui``. The result is empty for a
    Dockerfile in the root.
    """
    folder, _, file = path.rpartition("/")
    before, dot, after = file.rpartition(".")
    if dot and after.lower() in _FILES:
        return image_name(before)
    first, dot, variant = file.partition(".")
    of = [name for name in folder.split("/") if name.lower() not in _FOLDERS][-1:]
    return image_name("-".join((*of, variant) if dot and first.lower() in _FILES else of))
