"""Assemble the stack from its Dockerfiles. No other file declares an image, so nothing is declared twice.

``infra/docker/<name>.Dockerfile`` is a base, ``apps/<dir>/Dockerfile`` a service (``svc_ocr`` → ``svc-ocr``). A FROM
under ``REGISTRY/OWNER/`` at this stack's version is a parent; any other is a root image.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType

from slipway import dockerfile as reader
from slipway.core.errors import Problem, SlipwayError, UsageError, suggestion
from slipway.core.image import Image, Stack, kind_of
from slipway.core.reference import HUB, Reference
from slipway.stack import graph
from slipway.stack.given import kept_defaults, named_contexts

_NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
_READABLE: Mapping[str, SlipwayError] = MappingProxyType({})
#: The repository's root as a context.
ROOT = "."
#: The names that a registry accepts for a repository and buildx for a target.
_NAME = re.compile(r"[a-z0-9]+(?:(?:__?|-+)[a-z0-9]+)*")


@dataclass(frozen=True)
class Naming:
    """Hold the parts of this stack's image names.

    ``prefix``: ``registry/owner``, as in a full name. ``base_version`` and ``version``: the version tags of bases and
    services.
    """

    prefix: str
    base_version: str
    version: str

    @property
    def shared(self) -> bool:
        """Tell whether other publishers have images under this prefix: Docker Hub's official images."""
        return self.prefix == f"{HUB}/library"

    def version_of(self, kind: str) -> str:
        return self.base_version if kind == "base" else self.version


@dataclass(frozen=True)
class Assembly:
    """Hold the stack and the reading of each of its Dockerfiles, which covers all platforms.

    ``fitting``: image → the folders that contain all its sources, nearest first. The first of them is its context.
    """

    stack: Stack
    readings: Mapping[str, reader.Reading]
    fitting: Mapping[str, tuple[str, ...]]

    def without(self, errors: Mapping[str, SlipwayError]) -> Assembly:
        """Return the assembly in whose stack the images of ``errors`` are at fault."""
        return replace(self, stack=self.stack.without(errors)) if errors else self

    def is_tool(self, name: str) -> bool:
        """Tell whether an image starts nothing: neither it nor an image below it sets CMD or ENTRYPOINT.

        slipway assumes that a root image sets one.
        """
        foundation = self.stack[name].foundation
        if self.readings[name].entry or (foundation and foundation not in self.readings):
            return False
        return not foundation or self.is_tool(foundation)

    def user(self, name: str) -> str:
        """Return the USER that an image's Dockerfile sets, or the nearest one below it; empty when none does."""
        foundation = self.stack[name].foundation
        return self.readings[name].user or (self.user(foundation) if foundation in self.readings else "")

    @property
    def declared_args(self) -> frozenset[str]:
        return frozenset(arg for reading in self.readings.values() for arg in reading.args)


def name_of(path: str) -> str:
    """Return the name of a Dockerfile's image.

    ``infra/docker/base-ml.Dockerfile`` → ``base-ml``; ``apps/svc_ocr/Dockerfile`` → ``svc-ocr``.
    """
    folder, _, file = path.rpartition("/")
    if file == "Dockerfile":
        return folder.rpartition("/")[2].replace("_", "-")
    return file.removesuffix(".Dockerfile")


def assemble(
    texts: Mapping[str, str],
    *,
    naming: Naming,
    args: Mapping[str, str],
    contexts: Collection[str] = (),
    exists: Callable[[str], bool] = lambda path: False,
    platforms: Sequence[str] = ("linux/amd64",),
    builder: str = "",
    onbuild: Mapping[str, Sequence[str]] = _NOTHING,
    secrets: Collection[str] = (),
    unset: Collection[str] = (),
    unreadable: Mapping[str, SlipwayError] = _READABLE,
) -> Assembly:
    """Read every Dockerfile and assemble the stack.

    - ``texts``: the path of each Dockerfile → its text.
    - ``args``: the build args. ``unset``: those that the user did not set, so that an ARG's own default may remain.
    - ``contexts``: the names of the named contexts.
    - ``exists``: tells whether a path from the repository's root exists.
    - ``platforms``: the target platforms. ``builder``: the platform of the host that builds.
    - ``onbuild``: root image → its ONBUILD triggers.
    - ``secrets``: known values that must not appear in a Dockerfile.
    - ``unreadable``: the path of each Dockerfile without a text → the error.

    At fault in the stack are the images with broken Dockerfiles, colliding names or unknown parents, and those of a
    cycle.
    """
    problems: dict[str, list[Problem]] = {name_of(path): [*error.problems] for path, error in unreadable.items()}
    for path, problem in _collisions([*texts, *unreadable]):
        problems.setdefault(name_of(path), []).append(problem)
    known = {name_of(path): path for path in (*texts, *unreadable)}
    parsed: dict[str, reader.Dockerfile] = {}
    for path, text in texts.items():
        try:
            parsed[name_of(path)] = reader.parse(text, path=path)
        except UsageError as error:
            problems.setdefault(name_of(path), []).extend(error.problems)

    def triggers(base: str) -> Sequence[str]:
        parent = _parent(base, naming, known)
        return parsed[parent].sections[-1].onbuild if parent in parsed else onbuild.get(base, ())

    def read(dockerfile: reader.Dockerfile, platform: str, kept: Collection[str]) -> reader.Reading:
        return reader.read(
            dockerfile,
            {name: value for name, value in args.items() if name not in kept},
            contexts=named_contexts(dockerfile, contexts),
            platform=platform,
            builder=builder,
            triggers=triggers,
            secrets=secrets,
        )

    def parents(dockerfile: reader.Dockerfile, kept: Collection[str]) -> set[str]:
        bases = read(dockerfile, platforms[0], kept).bases
        return {parent for base in bases if (parent := _parent(base, naming, known))}

    defaults = {name: args[name] for name in unset}
    found: dict[str, dict[str, reader.Reading]] = {}
    kept: dict[str, frozenset[str]] = {}
    for name, dockerfile in parsed.items():
        kept[name] = kept_defaults(dockerfile, defaults, partial(parents, dockerfile))
        try:
            found[name] = {platform: read(dockerfile, platform, kept[name]) for platform in platforms}
        except UsageError as error:
            problems.setdefault(name, []).extend(error.problems)
    readings = {name: reader.united(list(of.values())) for name, of in found.items()}
    images = {name: Image(name, path) for name, path in known.items()}
    fitting = {name: fitting_folders(known[name], reading.sources, exists) for name, reading in readings.items()}
    for name, reading in readings.items():
        context = next(iter(fitting[name]), ROOT)
        image, more = _image(name, known[name], reading, naming, known, context)
        images[name] = replace(
            image,
            stages=MappingProxyType(_stages(found[name], image.links)),
            args=tuple(arg for arg in image.args if arg not in kept[name]),
            content=tuple(arg for arg in image.content if arg not in kept[name]),
        )
        problems.setdefault(name, []).extend(more)
    return Assembly(_ordered(images, problems), readings, fitting)


def _image(
    name: str,
    path: str,
    reading: reader.Reading,
    naming: Naming,
    known: Mapping[str, str],
    context: str,
) -> tuple[Image, list[Problem]]:
    links: dict[str, str] = {}
    roots: list[str] = []
    problems: list[Problem] = []
    for base in reading.bases:
        parent, _ = _internal(base, naming)
        if linked := _parent(base, naming, known):
            links[base] = linked
        elif not parent or parent in known or naming.shared:
            roots.append(base)
        else:
            use = reading.uses[base]
            hint = suggestion(parent, known, f"known: {', '.join(sorted(known))}")
            problems.append(Problem(f"{path}:{use.line}", f"{use.by} {base}: {parent} matches no image", hint))
    image = Image(
        name=name,
        dockerfile=path,
        context=context,
        parents=tuple(dict.fromkeys(links.values())),
        roots=tuple(roots),
        foundation=links.get(reading.foundation, reading.foundation),
        links=MappingProxyType(links),
        args=reading.args,
        content=tuple(arg for arg in reading.args if arg not in reading.naming),
        secrets=reading.secrets,
        ssh=tuple(dict.fromkeys(mount.id for mount in reading.mounts if mount.kind == "ssh")),
        contexts=tuple(dict.fromkeys(source.context for source in reading.named)),
        frontend=reading.frontend,
    )
    return image, problems


def _stages(found: Mapping[str, reader.Reading], links: Mapping[str, str]) -> dict[str, str]:
    """Return the base of each stage, by the stage's index, and by platform when there are several."""
    stages: dict[str, str] = {}
    for platform, reading in found.items():
        for stage in reading.stages:
            key = f"{stage.index} for {platform}" if len(found) > 1 else str(stage.index)
            of = f" for {stage.platform}" if stage.platform else ""
            stages[key] = links.get(stage.base, stage.base) + of
    return stages


def _parent(base: str, naming: Naming, known: Mapping[str, str]) -> str:
    """Return the image of this stack that a FROM names, or an empty string for a root image.

    The FROM must have this stack's version or no tag.
    """
    parent, tag = _internal(base, naming)
    wanted = naming.version_of(kind_of(known.get(parent, "")))
    return parent if parent in known and (not tag or tag == wanted) else ""


def _internal(base: str, naming: Naming) -> tuple[str, str]:
    """Return the image's name and its digest, else its tag, for a reference under this stack's prefix.

    Return two empty strings for any other reference.
    """
    found = Reference.read(base)
    if not found.repository.startswith(naming.prefix + "/"):
        return "", ""
    return found.repository.removeprefix(naming.prefix + "/"), found.digest or found.tag


def fitting_folders(
    dockerfile: str, sources: Sequence[reader.Source], exists: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the folders at or above ``dockerfile`` that contain every path of ``sources``, nearest first.

    Patterns do not count, because BuildKit allows a pattern that matches nothing. A file added in a folder farther up
    does not change the context, because the nearest folder remains the nearest. A Dockerfile that reads no files fits
    only the repository's root.
    """
    if not sources:
        return (ROOT,)
    named = {path for source in sources for path in source.literal}
    folders = map(str, PurePosixPath(dockerfile).parents)
    return tuple(folder for folder in folders if all(exists(posixpath.normpath(f"{folder}/{path}")) for path in named))


def _collisions(paths: Sequence[str]) -> Iterator[tuple[str, Problem]]:
    """Yield each Dockerfile that can name no image, or whose name another one has, with the problem."""
    first: dict[str, str] = {}
    for path in paths:
        folded = name_of(path).casefold()
        if not _NAME.fullmatch(name_of(path)):
            hint = "lower-case letters and digits, with - or _ between them"
            yield path, Problem(path, f"{name_of(path)!r} is not an image's name", hint)
        if folded in first:
            problem = Problem(path, f"the name {name_of(path)} is taken by {first[folded]}", "rename one of them")
            yield path, problem
            yield first[folded], problem
        first.setdefault(folded, path)


def _ordered(images: Mapping[str, Image], problems: Mapping[str, Sequence[Problem]]) -> Stack:
    """Return the stack in which the images with problems, and those of each cycle, are at fault."""
    parents, wrong = {name: image.parents for name, image in images.items()}, {**problems}
    while True:
        try:
            order = graph.order(parents)
        except graph.CycleError as error:
            where = images[error.path[0]].dockerfile
            problem = Problem(where, f"cycle: {error}", "change the FROM of one of them")
            for name in error.path:
                wrong[name], parents[name] = [*wrong.get(name, ()), problem], ()
        else:
            break
    stack = Stack(tuple(images[name] for name in order))
    return stack.without({name: UsageError.of(found) for name, found in wrong.items() if found})
