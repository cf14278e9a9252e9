"""Hold the images that the repository defines, before slipway reads their Dockerfiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slipway.config.project import SecretSource

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_NO_SECRETS: Mapping[str, SecretSource] = MappingProxyType({})


@dataclass(frozen=True)
class Definition:
    """Hold one image: a Dockerfile, and the values with which slipway builds it.

    - ``name``: the image's name in the stack: lower-case letters, digits and ``-``.
    - ``dockerfile``: a posix path from the repository's root.
    - ``where``: the place that defines the image: ``compose.yaml:12``, ``pyproject.toml:30``, or the Dockerfile.
    - ``context``: a folder from the root; empty for the nearest folder that contains all sources.
    - ``target``: a stage; empty for the last one.
    - ``args``: build arg → value, for this image alone.
    - ``contexts``: named context → a folder from the root, ``docker-image://<reference>``, or ``target:<image>``.
    - ``secrets``: id → the source of the build secret, for this image.
    - ``platforms``: the target platforms; empty for PLATFORMS.
    - ``repository``, ``tag``: the parts of the image's reference; empty for ``OWNER/<name>`` and the stack's version.
    - ``aliases``: other references that mean this image in a FROM, such as ``image:`` of a compose service.
    """

    name: str
    dockerfile: str
    where: str = ""
    context: str = ""
    target: str = ""
    args: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    contexts: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    secrets: Mapping[str, SecretSource] = field(default_factory=lambda: _NO_SECRETS)
    platforms: tuple[str, ...] = ()
    repository: str = ""
    tag: str = ""
    aliases: tuple[str, ...] = ()
