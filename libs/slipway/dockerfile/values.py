"""Define the results of reading a Dockerfile: its stages, their inputs, the facts of the image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from slipway.core.rules import Rule

_T = TypeVar("_T")
_GLOB = re.compile(r"[*?\[\\]")


def is_glob(pattern: str) -> bool:
    """Tell whether COPY matches ``pattern`` as a pattern."""
    return _GLOB.search(pattern) is not None


class Source(NamedTuple):
    """Hold the files that one instruction reads from a context.

    ``context``: the named context, or "" for the build context. ``paths``: expanded, posix, relative to the context's
    root, without a leading "/" or "./"; "" is everything. They may hold globs of Go's filepath.Match, and with
    ``parents`` also ``**`` and the ``/./`` pivot. ``excludes``: patterns as in .dockerignore, for paths below a copied
    directory; they never exclude a file that ``paths`` names. ``kind``: copy, add, mount, or from (a named context as
    FROM). ``onbuild``: the image whose ONBUILD reads it, or "" for the Dockerfile itself. ``modes``: the files' modes
    enter the image; an octal ``--chmod`` replaces them.
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
        """Return the place in ``dockerfile`` as a problem names it."""
        return _place(dockerfile, self.line, self.onbuild)

    def is_pattern(self, path: str) -> bool:
        """Tell whether COPY matches ``path``, one of ``paths``, as a pattern; a mount never does."""
        return self.kind != "mount" and is_glob(path)

    @property
    def literal(self) -> tuple[str, ...]:
        """Return the ``paths`` that must exist."""
        return tuple(path for path in self.paths if not self.is_pattern(path))


@dataclass(frozen=True)
class Stage:
    """Hold a stage. ``base``: its expanded FROM (reference, stage's name, or scratch). ``name`` is in lower case."""

    name: str
    index: int
    base: str
    platform: str
    line: int


class Mount(NamedTuple):
    """Hold a RUN's mount of a secret or of ssh's agent: ``kind`` is ``secret`` or ``ssh``."""

    kind: str
    id: str
    required: bool
    line: int


class Hazard(NamedTuple):
    """Hold a line that breaks a ``rule`` of policy, which is ``refused`` or only noted.

    ``onbuild``: the image whose ONBUILD holds the line, or "" for the Dockerfile itself.
    """

    line: int
    rule: Rule
    what: str
    hint: str
    refused: bool = True
    onbuild: str = ""

    def place(self, dockerfile: str) -> str:
        """Return the place in ``dockerfile`` as a problem names it."""
        return _place(dockerfile, self.line, self.onbuild)


class Use(NamedTuple):
    """Hold the line and instruction that name an image: ``FROM``, ``COPY --from`` or ``RUN --mount``."""

    line: int
    by: str


@dataclass(frozen=True)
class Reading:
    """Hold a Dockerfile read with its build args for one target. Stages that the target does not need add nothing.

    - ``bases``: the images it needs (FROM, COPY --from, mounts), in order of appearance; no stages, contexts or
      scratch.
    - ``uses``: each base → the place that names it first. ``young``: flags that not every frontend knows.
    - ``sources`` read the build context, ``named`` the named contexts.
    - ``args``: the declared ARGs that a build arg can set, sorted. ``naming``: those that only FROM lines use.
    - ``builder``: whether it reads the builder's platform (BUILDPLATFORM and similar).
    - ``runs_on``: the platforms of the stages that have a RUN.
    - ``remotes``: URLs and git repositories of ADD.
    - ``secrets``: ids of secret mounts. ``mounts``: these and the ssh mounts.
    - ``hazards``: lines that policy judges. ``weighed``: variables that policy judged instead of BuildKit's secrets
      check.
    - ``frontend``: the image that must read the file, or "" for the engine's own frontend.
    - Of the final stage, as far as this file tells: ``foundation``, the image that it stands on in the end, or "" for
      scratch and named contexts; ``foundation_context``, the named context that it stands on instead; ``user``;
      ``exposed`` (``8000/tcp``); ``entry``, whether it sets CMD or ENTRYPOINT; ``onbuild``, its triggers.

    An ARG that a stage declares is never in ``naming``: BuildKit puts it into the environment of each RUN below it,
    and into the image's history.
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
    foundation: str = field(default="", compare=False)
    foundation_context: str = field(default="", compare=False)
    user: str = ""
    healthcheck: bool = False
    exposed: tuple[str, ...] = ()
    entry: bool = False
    onbuild: tuple[str, ...] = ()
    uses: Mapping[str, Use] = field(default_factory=dict, compare=False)
    mounts: tuple[Mount, ...] = field(default=(), compare=False)
    young: tuple[Use, ...] = field(default=(), compare=False)
    runs_on: tuple[str, ...] = field(default=(), compare=False)


def united(readings: Sequence[Reading]) -> Reading:
    """Merge the readings of several platforms: all their inputs, and the final stage of the first."""
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
        runs_on=once(platform for reading in readings for platform in reading.runs_on),
        uses={base: use for reading in reversed(readings) for base, use in reading.uses.items()},
    )


def _place(dockerfile: str, line: int, onbuild: str) -> str:
    return f"{dockerfile}:{line}" + (f" (ONBUILD of {onbuild})" if onbuild else "")


def once(items: Iterable[_T]) -> tuple[_T, ...]:
    """Return ``items`` without repetitions, in their order."""
    return tuple(dict.fromkeys(items))
