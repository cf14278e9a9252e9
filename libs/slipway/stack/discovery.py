"""Assemble the stack from the images that the repository defines, and from their Dockerfiles.

The Dockerfile tells an image's parents and inputs, so nothing is declared twice. ``parents`` tells which FROM means an
image of the stack; any other is a root image.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import MappingProxyType

from slipway import dockerfile as reader
from slipway.core.errors import Problem, SlipwayError, UsageError, suggestion
from slipway.core.image import IMAGE_CONTEXT, TARGET_CONTEXT, Image, Stack
from slipway.core.reference import Reference, names_registry
from slipway.stack import graph
from slipway.stack.definition import Definition, image_name
from slipway.stack.given import kept_defaults, named_contexts
from slipway.stack.parents import Naming, OwnImages

_NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
_READABLE: Mapping[str, SlipwayError] = MappingProxyType({})
#: The repository's root as a context.
ROOT = "."


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

    At fault in the stack are the images with broken Dockerfiles, colliding names or unknown parents, and those of a
    cycle.
    """
    problems: dict[str, list[Problem]] = {}
    for name, problem in _collisions(definitions, naming):
        problems.setdefault(name, []).append(problem)
    parsed: dict[str, reader.Dockerfile] = {}
    broken = dict(unreadable)
    for path, text in texts.items():
        try:
            parsed[path] = reader.parse(text, path=path)
        except UsageError as error:
            broken[path] = error
    own = OwnImages(definitions, naming)
    assembler = _Assembler(parsed, own, args, unset, contexts, builder, onbuild, secrets)
    images: dict[str, Image] = {}
    readings: dict[str, reader.Reading] = {}
    fitting: dict[str, tuple[str, ...]] = {}
    remarks: list[str] = []
    for one in definitions:
        images[one.name] = Image(one.name, one.dockerfile, kind="base" if one.base else "service")
        try:
            if one.dockerfile in broken:
                raise broken[one.dockerfile]
            found = assembler.read(one, platforms)
        except SlipwayError as error:
            problems.setdefault(one.name, []).extend(error.problems)
            continue
        reading = readings[one.name] = reader.united(list(found.values()))
        fitting[one.name] = _folders(one, reading, exists)
        images[one.name], more, told = assembler.image(one, reading, found, next(iter(fitting[one.name]), ROOT))
        problems.setdefault(one.name, []).extend(more)
        remarks += told
    bases = {base for name, reading in readings.items() for base in _stood_on(images[name], reading)}
    for one in definitions:
        kind = "base" if one.name in bases else images[one.name].kind
        images[one.name] = replace(images[one.name], kind=kind, reference=naming.reference(one, kind))
    return Assembly(_ordered(images, problems), readings, fitting, tuple(remarks))


@dataclass(frozen=True)
class _Assembler:
    """Read the Dockerfiles of definitions. The fields are the parameters of ``assemble``."""

    parsed: Mapping[str, reader.Dockerfile]
    own: OwnImages
    args: Mapping[str, str]
    unset: Collection[str]
    contexts: Collection[str]
    builder: str
    onbuild: Mapping[str, Sequence[str]]
    secrets: Collection[str]

    def read(self, one: Definition, platforms: Sequence[str]) -> dict[str, reader.Reading]:
        """Return the reading of the image's Dockerfile for each of its platforms. Raises UsageError."""
        kept = self.kept(one)
        return {platform: self._reading(one, platform, kept) for platform in one.platforms or platforms}

    def kept(self, one: Definition) -> frozenset[str]:
        """Return the ARGs that keep their own default."""
        defaults = {name: self.args[name] for name in self.unset if name not in one.args}

        def parents(kept: Collection[str]) -> set[str]:
            bases = self._reading(one, "linux/amd64", kept).bases
            return {parent for base in bases if (parent := self.own.meant(base, one.name))}

        return kept_defaults(self.parsed[one.dockerfile], defaults, parents)

    def given(self, one: Definition, kept: Collection[str]) -> dict[str, str]:
        """Return the build args of an image."""
        return {**{name: value for name, value in self.args.items() if name not in kept}, **one.args}

    def _reading(self, one: Definition, platform: str, kept: Collection[str]) -> reader.Reading:
        dockerfile = self.parsed[one.dockerfile]
        return reader.read(
            dockerfile,
            self.given(one, kept),
            target=one.target,
            contexts=(*named_contexts(dockerfile, set(self.contexts) - one.contexts.keys()), *one.contexts),
            platform=platform,
            builder=self.builder,
            triggers=lambda base: self._triggers(base, one),
            secrets=self.secrets,
        )

    def _triggers(self, base: str, by: Definition) -> Sequence[str]:
        """Return the ONBUILD triggers of ``base``: an image of the stack, a root image, or a named context."""
        content = by.contexts.get(base, "")
        if content.startswith(IMAGE_CONTEXT):
            base = content.removeprefix(IMAGE_CONTEXT)
        parent = content.removeprefix(TARGET_CONTEXT) if content.startswith(TARGET_CONTEXT) else ""
        parent = parent or self.own.meant(base, by.name)
        for one in self.own.definitions:
            if one.name == parent and one.dockerfile in self.parsed:
                sections = self.parsed[one.dockerfile].sections
                return next((each for each in sections if one.target and each.name == one.target), sections[-1]).onbuild
        return self.onbuild.get(base, ())

    def image(
        self, one: Definition, reading: reader.Reading, found: Mapping[str, reader.Reading], context: str
    ) -> tuple[Image, list[Problem], list[str]]:
        """Return the image of a definition, the problems of its FROMs, and remarks about them."""
        links: dict[str, str] = {}
        roots: list[str] = []
        problems: list[Problem] = []
        remarks: list[str] = []
        for base in reading.bases:
            if parent := self.own.meant(base, one.name):
                links[base] = parent
                continue
            roots.append(base)
            where = f"{one.dockerfile}:{reading.uses[base].line}"
            if (unknown := self.own.unknown(base)) and self.own.has_stack_version(base):
                problems.append(self._unknown(unknown, f"{reading.uses[base].by} {base}", where))
            elif unknown:
                remarks.append(f"{where}: {base} is a root image: no image here has the name {unknown}")
            elif (other := self.own.other_tag(base, one.name)) and self.own.naming.prefix in base:
                remarks.append(f"{where}: {base} is a root image: this stack builds {other} under another tag")
        contexts = {source.context: one.contexts.get(source.context, "") for source in reading.named}
        parents = dict.fromkeys(links.values())
        for name, content in contexts.items():
            if content.startswith(IMAGE_CONTEXT):
                reference = content.removeprefix(IMAGE_CONTEXT)
                if parent := self.own.meant(reference, one.name):
                    contexts[name] = f"{TARGET_CONTEXT}{parent}"
                else:
                    roots.append(reference)
            if contexts[name].startswith(TARGET_CONTEXT):
                parent = contexts[name].removeprefix(TARGET_CONTEXT)
                parents[parent] = None
                if parent not in {other.name for other in self.own.definitions} - {one.name}:
                    problems.append(self._unknown(parent, f"the context {name}", one.place))
        given = self.given(one, self.kept(one))
        image = Image(
            name=one.name,
            dockerfile=one.dockerfile,
            context=context,
            target=one.target,
            kind="base" if one.base else "service",
            parents=tuple(parents),
            roots=tuple(dict.fromkeys(roots)),
            foundation=_foundation(reading, links, contexts),
            links=MappingProxyType(links),
            stages=MappingProxyType(_stages(found, links)),
            args=MappingProxyType({name: given[name] for name in reading.args if name in given}),
            content=tuple(name for name in reading.args if name not in reading.naming),
            secrets=reading.secrets,
            ssh=tuple(dict.fromkeys(mount.id for mount in reading.mounts if mount.kind == "ssh")),
            contexts=MappingProxyType(contexts),
            allow=one.allow,
            platforms=one.platforms,
            frontend=reading.frontend,
        )
        return image, problems, remarks

    def _unknown(self, name: str, what: str, where: str) -> Problem:
        names = sorted(one.name for one in self.own.definitions)
        hint = suggestion(name, names, f"known: {', '.join(names)}")
        return Problem(where, f"{what}: {name} matches no image", hint)


def _folders(one: Definition, reading: reader.Reading, exists: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the folders that may be the image's context, the best first: the one that its definition names."""
    if one.context:
        return (posixpath.normpath(one.context),)
    return fitting_folders(one.dockerfile, reading.sources, exists)


def _foundation(reading: reader.Reading, links: Mapping[str, str], contexts: Mapping[str, str]) -> str:
    """Return the parent or root image that the final stage stands on; empty for scratch and for a folder."""
    content = contexts.get(reading.foundation_context, "")
    if content.startswith((TARGET_CONTEXT, IMAGE_CONTEXT)):
        return content.removeprefix(TARGET_CONTEXT).removeprefix(IMAGE_CONTEXT)
    return links.get(reading.foundation, reading.foundation)


def _stood_on(image: Image, reading: reader.Reading) -> Iterator[str]:
    """Yield the images of the stack on which stages of ``image`` stand, and not those that it only copies from."""
    yield from (image.links[stage.base] for stage in reading.stages if stage.base in image.links)
    if image.foundation in image.parents:
        yield image.foundation


def _stages(found: Mapping[str, reader.Reading], links: Mapping[str, str]) -> dict[str, str]:
    """Return the base of each stage, by the stage's index, and by platform when there are several."""
    stages: dict[str, str] = {}
    for platform, reading in found.items():
        for stage in reading.stages:
            key = f"{stage.index} for {platform}" if len(found) > 1 else str(stage.index)
            of = f" for {stage.platform}" if stage.platform else ""
            stages[key] = links.get(stage.base, stage.base) + of
    return stages


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
