"""What reading a Dockerfile gives: its stages, what they read, and the facts of the image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

_T = TypeVar("_T")
_GLOB = re.compile(r"[*?\[\\]")


def is_glob(pattern: str) -> bool:
    """Whether COPY matches ``pattern`` instead of taking it as it is written."""
    return _GLOB.search(pattern) is not None


@dataclass(frozen=True)
class Source:
    """What one instruction reads from a context.

    ``context``: "" is the build context, else the named context. ``paths`` are expanded, posix, relative to the
    context's root, without a leading "/" or "./"; "" is everything; they may hold globs of Go's filepath.Match, and
    with ``parents`` also ``**`` and the ``/./`` pivot. ``excludes`` are patterns as in .dockerignore, but of paths
    below a directory that is copied; a file that ``paths`` name is copied anyway. ``kind``: copy, add, mount, or from
    (a named context as FROM). ``onbuild``: the image whose ONBUILD reads it, or "" for the Dockerfile itself.
    ``modes``: whether the modes of what is read enter the image; an octal ``--chmod`` sets them all.
    """

    context: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    kind: str
    line: int
    parents: bool = False
    onbuild: str = ""
    modes: bool = True

    def place(self, dockerfile: str) -> str:
        """Where ``dockerfile`` says it, as a problem names it."""
        return _place(dockerfile, self.line, self.onbuild)

    def is_pattern(self, path: str) -> bool:
        """Whether ``path``, one of ``paths``, is matched; a mount takes it as it is written."""
        return self.kind != "mount" and is_glob(path)

    @property
    def literal(self) -> tuple[str, ...]:
        """Those of ``paths`` that must be there."""
        return tuple(path for path in self.paths if not self.is_pattern(path))


@dataclass(frozen=True)
class Stage:
    """``base``: the expanded FROM: a reference, the name of a stage, or scratch. ``name`` is in lower case."""

    name: str
    index: int
    base: str
    platform: str
    line: int


@dataclass(frozen=True)
class Mount:
    """A RUN's mount of a secret or of ssh's agent: ``kind`` is ``secret`` or ``ssh``."""

    kind: str
    id: str
    required: bool
    line: int


class Rule(StrEnum):
    """The rules of policy for Dockerfiles, by the code that errors name and ``[tool.slipway.allow]`` takes."""

    SECRET_NAME = "secret-name"
    SECRET_VALUE = "secret-value"
    KNOWN_SECRET = "known-secret"
    DOWNLOAD = "download"
    UNPINNED_ADD = "unpinned-add"
    FRONTEND = "frontend"
    EXTRA_INDEX = "extra-index"


@dataclass(frozen=True)
class Hazard:
    """Something said in ``line`` that a ``rule`` of policy is about; ``refused``, or only told to a person.

    ``onbuild``: the image whose ONBUILD says it, or "" for the Dockerfile itself.
    """

    line: int
    rule: Rule
    what: str
    hint: str
    refused: bool = True
    onbuild: str = ""

    def place(self, dockerfile: str) -> str:
        """Where ``dockerfile`` says it, as a problem names it."""
        return _place(dockerfile, self.line, self.onbuild)


@dataclass(frozen=True)
class Use:
    """Where an image is named, and by what: ``FROM``, ``COPY --from`` or ``RUN --mount``."""

    line: int
    by: str


@dataclass(frozen=True)
class Reading:
    """A Dockerfile read with its build args for one target. Stages the target does not need contribute nothing.

    ``bases``: the images needed (FROM, COPY --from, mounts), no stages, named contexts or scratch; first seen first.
    ``uses``: each of them → where it is named first. ``young``: flags that not every frontend knows.
    ``sources`` read the build context, ``named`` the named contexts. ``args``: the declared ARGs a build arg can set,
    sorted; ``naming``: those of them that only FROM lines use, so that they say what a stage stands on and nothing
    else. ``builder``: whether the platform of who builds is asked for (BUILDPLATFORM and its like). ``remotes``: URLs
    and git repositories of ADD. ``secrets``: ids of secret mounts; ``mounts``: those and the mounts of ssh.
    ``hazards``: what a policy is about; ``weighed``: the variables among them and those let pass that BuildKit's check
    for secrets warns of. ``frontend``: the image that is to read the file, or "" for the engine's own. The rest is of
    the final stage, as far as this file says: ``user``; ``exposed`` (``8000/tcp``); ``entry``, whether a CMD or
    ENTRYPOINT is set; ``onbuild``, its triggers.

    An ARG that a stage declares is no naming one, though nothing reads it: BuildKit puts it into the environment of
    each RUN below it, and into the image's history.
    """

    stages: tuple[Stage, ...] = ()
    bases: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    named: tuple[Source, ...] = ()
    args: tuple[str, ...] = ()
    naming: tuple[str, ...] = ()
    builder: bool = False
    remotes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    weighed: frozenset[str] = frozenset()
    frontend: str = ""
    user: str = ""
    healthcheck: bool = False
    exposed: tuple[str, ...] = ()
    entry: bool = False
    onbuild: tuple[str, ...] = ()
    uses: Mapping[str, Use] = field(default_factory=dict, compare=False)
    mounts: tuple[Mount, ...] = field(default=(), compare=False)
    young: tuple[Use, ...] = field(default=(), compare=False)


def united(readings: Sequence[Reading]) -> Reading:
    """One Dockerfile read for several platforms: all that any of them takes, and the final stage of the first."""
    if len(readings) == 1:
        return readings[0]
    content = {name for reading in readings for name in reading.args if name not in reading.naming}
    names = {name for reading in readings for name in reading.args}
    return replace(
        readings[0],
        stages=once(stage for reading in readings for stage in reading.stages),
        bases=once(base for reading in readings for base in reading.bases),
        sources=once(source for reading in readings for source in reading.sources),
        named=once(source for reading in readings for source in reading.named),
        args=tuple(sorted(names)),
        naming=tuple(sorted(names - content)),
        builder=any(reading.builder for reading in readings),
        remotes=once(remote for reading in readings for remote in reading.remotes),
        secrets=once(secret for reading in readings for secret in reading.secrets),
        mounts=once(mount for reading in readings for mount in reading.mounts),
        hazards=once(hazard for reading in readings for hazard in reading.hazards),
        weighed=frozenset(name for reading in readings for name in reading.weighed),
        uses={base: use for reading in reversed(readings) for base, use in reading.uses.items()},
    )


def _place(dockerfile: str, line: int, onbuild: str) -> str:
    return f"{dockerfile}:{line}" + (f" (ONBUILD of {onbuild})" if onbuild else "")


def once(items: Iterable[_T]) -> tuple[_T, ...]:
    """``items`` without what came before, in their order."""
    return tuple(dict.fromkeys(items))
