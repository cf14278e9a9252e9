"""Choose the compose files and bake files that define images of the repository, as ``declarations`` names them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from slipway.adopt.commands import BuildCommand
from slipway.adopt.patterns import compress
from slipway.adopt.questions import Question
from slipway.adopt.rows import is_aside
from slipway.adopt.table import listed
from slipway.core.errors import UsageError
from slipway.stack.declared import Declared
from slipway.stack.definition import Definition

#: The number of Dockerfiles of the repository that a chosen file builds for each one of another repository.
_OWN_FOR_EACH_FOREIGN = 4
#: The names that compose and bake take by themselves, the likeliest first.
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_BAKE = ("docker-bake.hcl", "docker-bake.json")
_USUAL = (*_COMPOSE, *_BAKE)
#: The form of a file that they put over those of these names.
_OVERRIDDEN = (
    (re.compile(r"(?:docker-)?compose\.override\.ya?ml"), _COMPOSE),
    (re.compile(r"docker-bake\.override\.(?:hcl|json)"), _BAKE),
)

#: Reads files, each later one over those before it. Raises UsageError.
ReadDeclared = Callable[[Sequence[str]], Declared]


@dataclass(frozen=True)
class Choice:
    """Hold the declarations to propose.

    ``files``: paths and patterns, as ``declarations`` takes them. ``declared``: their images. ``commands``: the values
    that the other files give to Dockerfiles, as build commands give them. ``questions``: the files to decide about.
    """

    files: tuple[str, ...] = ()
    declared: Declared = field(default_factory=Declared)
    commands: tuple[BuildCommand, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class _Unit:
    """Hold a file with the one that overrides it, and their images whose Dockerfiles exist."""

    files: tuple[str, ...]
    built: tuple[Definition, ...]
    missing: int

    @property
    def dockerfiles(self) -> frozenset[str]:
        return frozenset(one.dockerfile for one in self.built)


def choose(
    files: Collection[str], is_file: Callable[[str], bool], read: ReadDeclared, settled: Collection[str] = ()
) -> Choice:
    """Choose the fewest of ``files`` that build all Dockerfiles which any of them builds, beside those ``settled``.

    A file that builds many Dockerfiles of other repositories is not chosen.
    """
    units, questions = _read(files, is_file, read)
    chosen: list[_Unit] = []
    covered = set(settled)
    ahead = [unit for unit in units if unit.missing * _OWN_FOR_EACH_FOREIGN <= len(unit.built)]
    while ahead:
        best = max(ahead, key=lambda unit: (len(unit.dockerfiles - covered), *_rank(unit.files[0])))
        if best.dockerfiles <= covered:
            break
        chosen.append(best)
        covered |= best.dockerfiles
        ahead.remove(best)
    chosen.sort(key=lambda unit: unit.files)
    others = [unit for unit in units if unit not in chosen]
    together = [file for unit in chosen for file in unit.files]
    if chosen and (variants := [unit.files[0] for unit in others if unit.dockerfiles & covered]):
        more = f" and {len(variants) - 1} more" if len(variants) > 1 else ""
        what = "builds Dockerfiles of the chosen files with values of its own"
        questions.append(Question(variants[0] + more, what, f"declarations = {listed([*together, variants[0]])}"))
    return Choice(
        tuple(_entries(chosen, files)),
        read(together) if together else Declared(),
        tuple(command for unit in others for command in _commands(unit)),
        tuple(questions),
    )


def _read(
    files: Collection[str], is_file: Callable[[str], bool], read: ReadDeclared
) -> tuple[list[_Unit], list[Question]]:
    units: list[_Unit] = []
    questions: list[Question] = []
    for group in _groups(files):
        try:
            found = read(group)
        except UsageError as error:
            questions += [Question(one.where or group[0], one.what, one.hint) for one in error.problems]
            continue
        built = tuple(one for one in found.definitions if one.name not in found.problems and is_file(one.dockerfile))
        if built:
            units.append(_Unit(group, built, len(found.definitions) - len(built)))
    return units, questions


def _groups(files: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Yield each file with the one that overrides it. Files of tests come only where there are no others."""
    own = {file for file in files if not is_aside(file) or file.startswith(".github/")} or set(files)
    overrides = {base: file for file in sorted(own) for base in _overridden(file) if base in own}
    for file in sorted(own - set(overrides.values())):
        yield (file, overrides[file]) if file in overrides else (file,)


def _overridden(file: str) -> Iterator[str]:
    """Yield the paths that ``file`` overrides where compose or bake reads both by itself."""
    folder, name = posixpath.split(file)
    for form, names in _OVERRIDDEN:
        yield from (posixpath.join(folder, usual) for usual in names if form.fullmatch(name))


def _rank(file: str) -> tuple[int, int, tuple[int, ...]]:
    """Return a key that is higher for a file with a usual name, near the root, and early in the alphabet."""
    name = posixpath.basename(file)
    usual = len(_USUAL) - _USUAL.index(name) if name in _USUAL else 0
    return usual, -file.count("/"), tuple(-ord(letter) for letter in file)


def _entries(chosen: Sequence[_Unit], files: Iterable[str]) -> Iterator[str]:
    """Yield the entries of ``declarations``: a pattern where it names chosen files only."""
    alone = [unit.files[0] for unit in chosen if len(unit.files) == 1]
    for named in compress(alone, set(files) - set(alone)):
        yield from named.paths if named.excluded else [named.pattern]
    yield from (file for unit in chosen if len(unit.files) > 1 for file in unit.files)


def _commands(unit: _Unit) -> Iterator[BuildCommand]:
    for one in unit.built:
        contexts = dict(one.contexts)
        yield BuildCommand(one.place, one.dockerfile, one.context, one.target, one.aliases, dict(one.args), contexts)
