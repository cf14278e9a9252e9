"""What reading a Dockerfile gives: its stages, what they read, and the facts of the image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """What one instruction reads from a context.

    ``context``: "" is the build context, else the named context. ``paths`` are expanded, posix, relative to the
    context's root, without a leading "/" or "./"; "" is everything; they may hold globs of Go's filepath.Match, and
    with ``parents`` also ``**`` and the ``/./`` pivot. ``excludes`` are patterns as in .dockerignore, but of paths
    below a directory that is copied; a file that ``paths`` name is copied anyway. ``kind``: copy, add, mount, or from
    (a named context as FROM).
    """

    context: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    kind: str
    line: int
    parents: bool = False


@dataclass(frozen=True)
class Stage:
    """``base``: the expanded FROM: a reference, the name of a stage, or scratch. ``name`` is in lower case."""

    name: str
    index: int
    base: str
    platform: str
    line: int


@dataclass(frozen=True)
class Reading:
    """A Dockerfile read with its build args for one target. Stages the target does not need contribute nothing.

    ``bases``: the images needed (FROM, COPY --from, mounts), no stages, named contexts or scratch; first seen first.
    ``sources`` read the build context, ``named`` the named contexts. ``args``: the declared ARGs a build arg can set,
    sorted. ``remotes``: URLs and git repositories of ADD. ``secrets``: ids of secret mounts. ``secret_args``: ARGs and
    ENVs whose name looks like a secret, with their line. The rest is of the final stage, as far as this file says:
    ``user``; ``exposed`` (``8000/tcp``); ``entry``, whether a CMD or ENTRYPOINT is set; ``onbuild``, its triggers.
    """

    stages: tuple[Stage, ...] = ()
    bases: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    named: tuple[Source, ...] = ()
    args: tuple[str, ...] = ()
    remotes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    secret_args: tuple[tuple[str, int], ...] = ()
    user: str = ""
    healthcheck: bool = False
    exposed: tuple[str, ...] = ()
    entry: bool = False
    onbuild: tuple[str, ...] = ()
