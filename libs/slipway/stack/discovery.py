"""Assemble the stack from the images that the repository defines, and from their Dockerfiles.

The Dockerfile tells an image's parents and inputs, so nothing is declared twice. ``parents`` tells which FROM means an
image of the stack; any other is a root image.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from slipway import dockerfile as reader
from slipway.core.errors import Problem, SlipwayError, UsageError
from slipway.core.image import Image, Stack
from slipway.core.platform import in_order
from slipway.core.reference import Reference, full_name, names_registry
from slipway.stack import graph
from slipway.stack.built_on import BuiltOn, built_on
from slipway.stack.context import ROOT, folders_of
from slipway.stack.definition import Definition, image_name
from slipway.stack.parents import Naming, OwnImages
from slipway.stack.reader import DefinitionReader

_NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
_READABLE: Mapping[str, SlipwayError] = MappingProxyType({})
_RIGHT: Mapping[str, Sequence[Problem]] = MappingProxyType({})


@dataclass(frozen=True)
class Assembly:
    """Hold the stack and the reading of each of its images, which covers all platforms.

    ``fitting``: image → the folders that contain all its sources, nearest first. The first of them is its context.
    ``remarks``: lines for the user about FROMs that name this stack's repositories, but no image of it.
    """

    stack: Stack
    readings: Mapping[str, reader.Reading]
    fitting: Mapping[str, tuple[str, ...]]
    remarks: tuple[str, ...] = ()

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


def assemble(
    definitions: Sequence[Definition],
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
    wrong: Mapping[str, Sequence[Problem]] = _RIGHT,
) -> Assembly:
    """Read the Dockerfile of each definition and assemble the stack.

    - ``texts``: the path of each Dockerfile → its text.
    - ``args``: the build args. ``unset``: those that the user did not set, so that an ARG's own default may remain.
    - ``contexts``: the names of the named contexts that every image gets.
    - ``exists``: tells whether a path from the repository's root exists.
    - ``platforms``: the target platforms. ``builder``: the platform of the host that builds.
    - ``onbuild``: root image → its ONBUILD triggers.
    - ``secrets``: known values that must not appear in a Dockerfile.
    - ``unreadable``: the path of each Dockerfile without a text → the error.
    - ``wrong``: the name of each image whose definition has problems → the problems.

    At fault in the stack are the images with broken Dockerfiles, colliding names or unknown parents, and those of a
    cycle.
    """
    problems: dict[str, list[Problem]] = {name: [*found] for name, found in wrong.items()}
    for name, problem in _collisions(definitions, naming):
        problems.setdefault(name, []).append(problem)
    parsed, unparsed = _parsed(texts)
    broken = {**unreadable, **unparsed}
    own = OwnImages(definitions, naming)
    definition_reader = DefinitionReader(parsed, own, args, unset, contexts, builder, onbuild, secrets)
    images: dict[str, Image] = {}
    readings: dict[str, reader.Reading] = {}
    fitting: dict[str, tuple[str, ...]] = {}
    stood_on: set[str] = set()
    remarks: list[str] = []
    for one in definitions:
        images[one.name] = Image(one.name, one.dockerfile)
        if one.name in wrong:
            continue
        try:
            if one.dockerfile in broken:
                raise broken[one.dockerfile]
            given = definition_reader.given(one)
            found = definition_reader.read(one, given, platforms)
        except SlipwayError as error:
            problems.setdefault(one.name, []).extend(error.problems)
            continue
        reading = readings[one.name] = reader.united(list(found.values()))
        fitting[one.name] = folders_of(one, reading.sources, exists)
        below = built_on(one, reading, own)
        images[one.name] = _image(one, reading, below, found, given, next(iter(fitting[one.name]), ROOT))
        problems.setdefault(one.name, []).extend(below.problems)
        stood_on |= below.stood_on(reading)
        remarks += below.remarks
    for one in definitions:
        kind = "base" if one.base or one.name in stood_on else "service"
        images[one.name] = replace(images[one.name], kind=kind, reference=naming.reference(one, kind))
    return Assembly(_ordered(images, problems), readings, fitting, tuple(remarks))


def _parsed(texts: Mapping[str, str]) -> tuple[dict[str, reader.Dockerfile], dict[str, SlipwayError]]:
    """Return the Dockerfile of each path, and the error of each that cannot be parsed.

    Repositories keep copies of one Dockerfile, in a folder for each version of an image. slipway parses a text once.
    """
    parsed: dict[str, reader.Dockerfile] = {}
    errors: dict[str, SlipwayError] = {}
    known: dict[str, reader.Dockerfile] = {}
    for path, text in texts.items():
        try:
            same = known.get(text)
            parsed[path] = known[text] = replace(same, path=path) if same else reader.parse(text, path=path)
        except UsageError as error:
            errors[path] = error
    return parsed, errors


def _image(
    one: Definition,
    reading: reader.Reading,
    below: BuiltOn,
    found: Mapping[str, reader.Reading],
    given: Mapping[str, str],
    context: str,
) -> Image:
    """Return the image of a definition, without its kind and reference.

    ``found``: the readings for each platform, which ``reading`` unites. ``given``: the build args.
    """
    return Image(
        name=one.name,
        dockerfile=one.dockerfile,
        context=context,
        target=one.target,
        aliases=tuple(map(full_name, one.aliases)),
        parents=below.parents,
        roots=below.roots,
        foundation=below.foundation(reading),
        links=MappingProxyType(dict(below.links)),
        stages=MappingProxyType(_stages(found, below.links)),
        args=MappingProxyType({name: given[name] for name in reading.args if name in given}),
        content=tuple(name for name in reading.args if name not in reading.naming),
        secrets=reading.secrets,
        ssh=tuple(dict.fromkeys(mount.id for mount in reading.mounts if mount.kind == "ssh")),
        contexts=MappingProxyType(dict(below.contexts)),
        allow=one.allow,
        platforms=in_order(one.platforms),
        frontend=reading.frontend,
    )


def _stages(found: Mapping[str, reader.Reading], links: Mapping[str, str]) -> dict[str, str]:
    """Return the base of each stage, by the stage's index, and by platform when there are several."""
    stages: dict[str, str] = {}
    for platform, reading in found.items():
        for stage in reading.stages:
            key = f"{stage.index} for {platform}" if len(found) > 1 else str(stage.index)
            of = f" for {stage.platform}" if stage.platform else ""
            stages[key] = links.get(stage.base, stage.base) + of
    return stages


def _collisions(definitions: Sequence[Definition], naming: Naming) -> Iterator[tuple[str, Problem]]:
    """Yield each image without a name or reference of its own, with the problem."""
    names: dict[str, Definition] = {}
    references: dict[str, Definition] = {}
    for one in definitions:
        if one.name != image_name(one.name):
            hint = f'"{one.dockerfile}" = {{ name = "…" }} in [tool.slipway.images]'
            yield one.name, Problem(one.place, "its path gives the image no name", hint)
            continue
        for reference in _references(one, naming):
            if isinstance(reference, Problem):
                yield one.name, reference
            elif (other := references.setdefault(reference, one)).name != one.name:
                what = f"{other.name} has the reference {reference}, too"
                yield one.name, Problem(one.place, what, "give one of them another repository or tag")
        if (other := names.setdefault(one.name, one)) is not one:
            yield one.name, Problem(one.place, f"the name {one.name} is taken by {other.place}", "rename one of them")


def _references(one: Definition, naming: Naming) -> Iterator[str | Problem]:
    """Yield the reference of an image, or the reason why it gets none."""
    registry = Reference.read(one.repository).registry if names_registry(one.repository) else naming.registry
    if registry != naming.registry:
        what = f"the repository {one.repository} is not in {naming.registry}"
        yield Problem(one.place, what, f"REGISTRY={registry}, or a path without a registry")
        return
    try:
        yield str(Reference.parse(str(naming.reference(one, "base" if one.base else "service"))))
    except UsageError as error:
        yield Problem(one.place, error.message, error.hint)


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
