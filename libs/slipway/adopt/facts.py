"""Tell the values of images that the repository's own build commands and FROM lines decide."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from slipway.adopt.commands import BuildCommand
from slipway.adopt.rows import Fact
from slipway.adopt.table import Row
from slipway.config.images import Pattern, filled
from slipway.core.errors import UsageError
from slipway.core.image import TARGET_CONTEXT
from slipway.core.reference import Reference
from slipway.dockerfile import Dockerfile, parse
from slipway.dockerfile.words import shell_words
from slipway.stack.definition import image_name
from slipway.stack.discovery import Assembly

_T = TypeVar("_T", bound=Hashable)
#: A tag that names a release, and not the newest image of a branch: it has a digit, and does not say ``latest``.
_RELEASE = re.compile(r"(?!.*latest).*\d.*")
#: A variant of an image in its tag: ``latest-gpu``.
_SUFFIX = re.compile(r"(?:latest|main|master|dev)-([\w.-]+)")


@dataclass(frozen=True)
class Evidence:
    """Hold the build commands by Dockerfile, and the names that mean images of the repository.

    ``commands``: those of Makefiles and scripts, else those of tests and CI, which may build an image in other ways
    than users do. ``owners``: the owners of the repository's images. ``repository``: its own name.
    """

    repository: str = ""
    commands: Mapping[str, Sequence[BuildCommand]] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()

    @property
    def built(self) -> dict[str, str]:
        """Return each Dockerfile of a command, and the one name under which all its commands build it."""
        names = {path: _only(Reference.read(tag).name for tag in _tags(self.trusted(path))) for path in self.commands}
        return {path: name or "" for path, name in names.items()}

    @cached_property
    def publishers(self) -> Counter[tuple[str, str]]:
        """Return how many Dockerfiles each repository and suffix of tags belong to."""
        return Counter(_published(self.trusted(path)) for path in self.commands)

    def trusted(self, path: str) -> Sequence[BuildCommand]:
        """Return the commands for ``path`` that show how users build it."""
        return [command for command in self.commands.get(path, ()) if not command.in_tests]


def evidence_of(commands: Iterable[BuildCommand], owners: Collection[str], repository: str) -> Evidence:
    """Sort ``commands``. ``owners``: the owner of the repository itself; that of each built image counts, too."""
    found: dict[str, list[BuildCommand]] = {}
    for command in commands:
        found.setdefault(command.dockerfile, []).append(command)
    for path, of in found.items():
        found[path] = [command for command in of if not command.in_tests] or of
    named = {owner for of in found.values() for tag in _tags(of) if (owner := owner_of(tag))}
    return Evidence(repository, found, frozenset({*owners, *named}))


def owner_of(reference: str) -> str:
    """Return the path before an image's name: ``acme`` of ``ghcr.io/acme/api:v1``. Docker's own ``library`` is none."""
    owner = Reference.read(reference).path.rpartition("/")[0]
    return "" if owner == "library" else owner


def built_facts(row: Row, evidence: Evidence, texts: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    """Yield the values that build commands give to the images of ``row``: repository, target, args, named contexts."""
    for path, name in row.images.items():
        commands = evidence.trusted(path)
        source = commands[0].where if commands else ""
        repository, suffix = _published(commands)
        if repository and evidence.publishers[repository, suffix] == 1:
            template = _template(row, path, name, repository)
            yield path, Fact("repository", template, source, shared="{" in template)
            if suffix:
                yield path, Fact("tag", f"{{version}}-{suffix}", source)
        if target := _only(command.target for command in commands):
            yield path, Fact("target", target, source)
        if args := _args(texts.get(path, ""), commands):
            yield path, Fact("args", args, source)
        for context, value in _common(command.contexts for command in commands).items():
            yield path, Fact("contexts", {context: value}, source)


def linking_facts(row: Row, evidence: Evidence, assembly: Assembly) -> Iterator[tuple[str, Fact]]:
    """Yield a named context for each FROM that means an image of the repository, and that slipway does not link."""
    known, images = KnownImages(evidence, assembly), {image.name: image for image in assembly.stack.known}
    for path, name in row.images.items():
        image = images.get(name)
        for base in image.roots if image else ():
            if (parent := known.meant(base)) and parent != name:
                use = assembly.readings[name].uses.get(base)
                where = f"{path}:{use.line}" if use else path
                yield path, Fact("contexts", {base: f"{TARGET_CONTEXT}{parent}"}, where, shared="/" in base)


def context_facts(
    row: Row, evidence: Evidence, assembly: Assembly, folders: Collection[str], exists: Callable[[str], bool]
) -> Iterator[tuple[str, Fact]]:
    """Yield the context that build commands give to an image, where slipway would take another one.

    Without a command and without a folder above the Dockerfile that has its files, the context is the only one of
    ``folders`` that has them.
    """
    for path, name in row.images.items():
        commands = evidence.commands.get(path, ())
        context = _only(command.context for command in commands)
        reading, fitting = assembly.readings.get(name), assembly.fitting.get(name, ())
        if not reading or not reading.sources:
            continue
        if context and next(iter(fitting), "") != context:
            yield path, Fact("context", context, commands[0].where)
        elif not context and not fitting:
            sources = {one for source in reading.sources for one in source.literal}
            having = _only(folder for folder in folders if all(exists(f"{folder}/{one}") for one in sources))
            if having:
                yield path, Fact("context", having, "no other folder has its files")


@dataclass(frozen=True)
class KnownImages:
    """Find the image of the repository that a FROM means, by the names that its build commands and owners give."""

    evidence: Evidence
    assembly: Assembly

    @cached_property
    def _built(self) -> dict[str, str]:
        """Return the repository under which a command builds an image, without its registry → the image's name.

        Commands with other names, targets or args build other images: then only the image's own name counts.
        """
        found: dict[str, str] = {}
        for image in self.assembly.stack.known:
            commands = self.evidence.commands.get(image.dockerfile, ())
            references = [Reference.read(tag) for tag in _tags(commands)]
            builds = {(command.target, frozenset(command.args.items())) for command in commands}
            one = len(builds) == 1 or len({reference.name for reference in references}) == 1
            for reference in references:
                if one or image_name(reference.name) == image.name:
                    found[reference.path] = image.name
        return found

    def resembling(self, base: str) -> str:
        """Return the name of the image that ``base`` may mean, whatever its tag and its owner; empty if none."""
        reference = Reference.read(base)
        if found := self._built.get(reference.path, "") or self._below_an_owner(reference):
            return found
        name = image_name(reference.name)
        return name if owner_of(base) and any(image.name == name for image in self.assembly.stack.known) else ""

    def meant(self, base: str) -> str:
        """Return the name of the image that ``base`` means, or an empty string; a release is not the image itself."""
        reference = Reference.read(base)
        named = self._built.get(reference.path, "") or self._below_an_owner(reference)
        tags = {Reference.read(tag).tag for tag in self._tags_of(named)}
        released = reference.tag not in tags and _RELEASE.fullmatch(reference.tag)
        return "" if reference.digest or released else named

    def _below_an_owner(self, reference: Reference) -> str:
        """Return the image with the reference's name, which may begin with that of the repository."""
        if owner_of(str(reference)) not in self.evidence.owners:
            return ""
        names = [image.name for image in self.assembly.stack.known]
        last, prefix = image_name(reference.name), f"{image_name(self.evidence.repository)}-"
        longer = [name for name in names if last.startswith(prefix) and last.endswith(f"-{name}")]
        return last if last in names else max(longer, key=len, default="")

    def _tags_of(self, name: str) -> Iterator[str]:
        for image in self.assembly.stack.known:
            if image.name == name:
                yield from _tags(self.evidence.commands.get(image.dockerfile, ()))


def _published(commands: Sequence[BuildCommand]) -> tuple[str, str]:
    """Return the repository below an owner under which all commands build an image, and the suffix of its tags.

    ``acme/asr:latest-gpu`` has the suffix ``gpu``. Both are empty when the commands differ, or name no owner.
    """
    named = {Reference.read(tag) for tag in _tags(commands) if owner_of(tag)}
    repository = _only(reference.path for reference in named)
    found = {match[1] for reference in named if (match := _SUFFIX.fullmatch(reference.tag))}
    return repository or "", _only(found) or "" if repository else ""


def _template(row: Row, path: str, name: str, repository: str) -> str:
    """Return ``repository`` with the template of the row's names, where that gives the same text."""
    owner, _, last = repository.rpartition("/")
    values = {"name": name, **(Pattern(row.pattern).values(path) or {})}
    default = "{name}-{variant}" if "{variant}" in row.pattern else "{name}"
    template = str(row.values.get("name", default))
    return f"{owner}/{template if filled(template, values).lower() == last else last}"


def _args(text: str, commands: Sequence[BuildCommand]) -> dict[str, str]:
    """Return the build args that all commands give, and that the Dockerfile declares with another default."""
    common = _common(command.args for command in commands)
    if not common:
        return {}
    defaults = arg_defaults(text)
    return {name: value for name, value in common.items() if defaults.get(name, value) != value}


def arg_defaults(text: str) -> dict[str, str]:
    """Return each ARG of a Dockerfile and its default; none for a text that cannot be parsed."""
    try:
        dockerfile = parse(text)
    except UsageError:
        return {}
    return dict(reversed([_pair(word) for word in _declared(dockerfile)]))


def _declared(dockerfile: Dockerfile) -> Iterator[str]:
    inside = (one for section in dockerfile.sections for one in section.instructions)
    for instruction in (*dockerfile.globals, *inside):
        if instruction.name == "ARG":
            yield from shell_words(instruction.rest, dockerfile.escape)


def _pair(word: str) -> tuple[str, str]:
    name, _, default = word.partition("=")
    return name, default.strip("\"'")


def _tags(commands: Iterable[BuildCommand]) -> Iterator[str]:
    for command in commands:
        yield from (tag for tag in command.tags if image_name(Reference.read(tag).name))


def _only(values: Iterable[_T]) -> _T | None:
    """Return the value when all ``values`` are the same, else None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _common(mappings: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the entries that all ``mappings`` have."""
    first, *others = [*mappings] or [{}]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
