"""Say what the repository does not decide, each with the line that would decide it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.adopt.facts import Evidence, KnownImages, arg_defaults
from slipway.adopt.table import Table, Value, inline, quoted
from slipway.core.errors import PolicyError, Problem
from slipway.core.image import TARGET_CONTEXT, Image
from slipway.core.reference import HUB, Reference, names_registry
from slipway.stack.definition import name_of
from slipway.stack.discovery import Assembly

#: The value that only the user knows.
_OPEN = "…"
_SHOWN = 3


@dataclass(frozen=True)
class Question:
    """Hold one open question: its place, what is open, and the ``line`` that decides it, or a hint."""

    where: str
    what: str
    line: str


@dataclass(frozen=True)
class Asker:
    """Find the open questions about a repository that slipway read with the proposed ``table``."""

    table: Table
    assembly: Assembly
    evidence: Evidence
    texts: Mapping[str, str]
    exists: Callable[[str], bool]
    sends_git: Callable[[Image], bool]
    registry: str

    def questions(self) -> Iterator[Question]:
        yield from self._of_faults()
        yield from self._of_sources()
        yield from self._of_git()
        yield from self._of_commands()
        yield from self._of_bases()
        yield from self._of_registries()

    def _line(self, path: str, more: Mapping[str, Value]) -> str:
        """Return the row of one Dockerfile, with the values that it has already and ``more``."""
        row = next((row for row in self.table.rows if path in row.images), None)
        values = dict(row.values) if row else {}
        if row and row.pattern != path:
            values = {key: value for key, value in values.items() if key != "name"}
            name = row.images[path]
            values = {**({"name": name} if name != name_of(path) else {}), **values}
        for key, value in more.items():
            known = values.get(key, {})
            values[key] = value if isinstance(value, str) or isinstance(known, str) else {**known, **value}
        return f"{quoted(path)} = {inline(values)}"

    def _of_faults(self) -> Iterator[Question]:
        """Ask once for all images with the same fault, and show how policy lets all of them pass."""
        alike: dict[str, list[tuple[str, Problem]]] = {}
        refused: set[str] = set()
        for fault in self.assembly.stack.faults.values():
            for problem in () if fault.base else fault.error.problems:
                alike.setdefault(problem.what, []).append((fault.image.dockerfile, problem))
                if isinstance(fault.error, PolicyError):
                    refused.add(fault.image.name)
        if refused:
            line = 'policy = "note"  # adopt first, tighten later'
            yield Question(
                ", ".join(sorted(refused)[:_SHOWN]) + _more(refused), "policy refuses their Dockerfiles", line
            )
        for what, found in alike.items():
            (path, first), more = found[0], len(found) - 1
            where = (first.where or path) + (f" and {more} more" if more else "")
            yield Question(where, what, self._answer([dockerfile for dockerfile, _ in found], first))

    def _answer(self, paths: Sequence[str], problem: Problem) -> str:
        """Return the line that sets the ARGs which a FROM of ``paths`` needs, or the hint of the problem."""
        unset = [name for name, default in arg_defaults(self.texts.get(paths[0], "")).items() if not default]
        wanted = [name for name in unset if name in problem.what.split()] if "empty" in problem.what else []
        if not wanted:
            return problem.hint
        args = dict.fromkeys(wanted, _OPEN)
        row = next((row for row in self.table.rows if row.images.keys() >= set(paths)), None)
        return row.giving("args", args).bare if row and len(paths) > 1 else self._line(paths[0], {"args": args})

    def _of_sources(self) -> Iterator[Question]:
        """Ask for the context of an image whose sources are missing."""
        for image in filter(lambda image: image.name in self.assembly.readings, self.assembly.stack.known):
            sources = self.assembly.readings[image.name].sources
            missing = [
                (source.place(image.dockerfile), path)
                for source in sources
                for path in source.literal
                if not self.exists(posixpath.normpath(f"{image.context}/{path}"))
            ]
            if missing:
                named = ", ".join(dict.fromkeys(path for _, path in missing[:_SHOWN])) + _more(missing)
                what = f"no folder at or above it has {named}: something makes them first, or another folder is"
                line = self._line(image.dockerfile, {"context": _OPEN})
                yield Question(missing[0][0], f"{what} the context", line)

    def _of_git(self) -> Iterator[Question]:
        """Ask once whether images may hold ``.git``, which policy refuses."""
        sending = [image.dockerfile for image in self.assembly.stack if self.sends_git(image)]
        if sending:
            where = sending[0] + (f" and {len(sending) - 1} more" if len(sending) > 1 else "")
            line = f'.git in {sending[0]}.dockerignore, or in the table [allow]: "context-file:.git" = "why"'
            yield Question(where, "a COPY, ADD or mount sends .git, which policy refuses", line)

    def _of_commands(self) -> Iterator[Question]:
        """Ask whether several commands build several images of one Dockerfile."""
        for path in self.evidence.commands:
            trusted = self.evidence.trusted(path)
            forms = {(command.target, repr(sorted(command.args.items()))): command for command in trusted}
            if len(forms) < 2 or not any(path in row.images for row in self.table.rows):
                continue
            first, second, *_ = forms.values()
            name = next(row.images[path] for row in self.table.rows if path in row.images)
            tables = [
                inline({"name": f"{name}{ending}", **_own(command.target, command.args)})
                for ending, command in (("", first), (f"-{second.target or '2'}", second))
            ]
            what = f"{second.where} builds {path} with another target or other args"
            yield Question(first.where, what, f"{quoted(path)} = [{', '.join(tables)}]")

    def _of_bases(self) -> Iterator[Question]:
        """Ask whether a FROM that resembles an image of the repository means it: its owner or tag is another."""
        known = KnownImages(self.evidence, self.assembly)
        asked: set[str] = set()
        for image in self.assembly.stack:
            for base in image.roots:
                repository, named = Reference.read(base).repository, known.resembling(base)
                if not named or named == image.name or "@" in base or repository in asked:
                    continue
                asked.add(repository)
                use = self.assembly.readings[image.name].uses.get(base)
                where = f"{image.dockerfile}:{use.line}" if use else image.dockerfile
                what = f"{base} is a root image; it may be the image {named} of this repository"
                line = self._line(image.dockerfile, {"contexts": {base: f"{TARGET_CONTEXT}{named}"}})
                yield Question(where, what, line)

    def _of_registries(self) -> Iterator[Question]:
        """Ask for REGISTRY when build commands push to another one."""
        found: dict[str, str] = {}
        for commands in self.evidence.commands.values():
            for command in commands:
                for tag in () if command.in_tests else filter(names_registry, command.tags):
                    found.setdefault(Reference.read(tag).registry, command.where)
        for registry, where in found.items():
            if registry not in (HUB, self.registry):
                what = f"it builds for {registry}, and slipway for {self.registry}"
                yield Question(where, what, f".env: REGISTRY={registry}")


def _more(items: Collection[object]) -> str:
    return f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""


def _own(target: str, args: Mapping[str, str]) -> dict[str, Value]:
    return {**({"target": target} if target else {}), **({"args": args} if args else {})}
