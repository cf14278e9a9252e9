"""Read the compose files and bake files that ``declarations`` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from slipway.config.declarations import Declaration
from slipway.config.images import Pattern
from slipway.core.command import Command, Result
from slipway.core.errors import Problem, UsageError, suggestion
from slipway.stack.declarations import bake_targets, built_services, name_images, read_compose, unread_keys
from slipway.stack.declarations.found import Found
from slipway.stack.declared import Declared
from slipway.stack.worktree import Worktree

#: In seconds. bake reads only files of this machine.
_BAKE_TIMEOUT = 60.0
#: bake's words for all targets, and for those that it builds by default.
_ALL, _DEFAULT = "*", "default"
#: In bytes.
_LARGEST = 10**7


class RunCommand(Protocol):
    """Run a command to its end."""

    def __call__(self, command: Command, *, timeout: float | None = None) -> Result: ...


@dataclass(frozen=True)
class Bake:
    """Ask buildx for the targets of bake files. ``words``: the words that run buildx."""

    run: RunCommand
    words: Sequence[str]

    def printed(self, declaration: Declaration, root: Path) -> str:
        """Return the JSON of the targets. Raises UsageError with bake's own words."""
        result = self._print(declaration, root, declaration.targets or (_DEFAULT,))
        if not result.ok and not declaration.targets and f"find target {_DEFAULT}" in result.stderr:
            result = self._print(declaration, root, (_ALL,))
        if result.ok:
            return result.stdout
        said = [line for line in result.stderr.splitlines() if line.strip()][-3:]
        what = f"buildx bake: {' '.join(said) or f'exit status {result.exit_code}'}"
        hint = "set the variables of bake in the environment, or name other files or targets in declarations"
        raise UsageError.of([Problem(declaration.files[0], what, hint)])

    def _print(self, declaration: Declaration, root: Path, targets: Sequence[str]) -> Result:
        """Print the targets without their ssh agents, which bake would look for."""
        files = (word for file in declaration.files for word in ("--file", file))
        words = ("bake", "--print", "--progress", "quiet", "--set", "*.ssh=", *files, *targets)
        return self.run(Command((*self.words, *words), cwd=str(root), label="read bake files"), timeout=_BAKE_TIMEOUT)


def read_declarations(
    declarations: Sequence[Declaration], place: str, worktree: Worktree, environment: Mapping[str, str], bake: Bake
) -> Declared:
    """Return the images that compose files and bake files define.

    ``place``: the ``file:line`` of the list. ``environment``: the variables of this process.

    Raises UsageError with the ``file:line`` for a file that is missing or that cannot be read, and with bake's own
    words for bake files that bake refuses.
    """
    expanded = [one for declaration in declarations for one in _expanded(declaration, worktree)]
    if missing := [problem for one in expanded for problem in _missing(one, worktree.root, place)]:
        raise UsageError.of(missing)
    found: list[Found] = []
    notes: list[Problem] = []
    for declaration in expanded:
        if declaration.is_bake:
            found += _targets(declaration, worktree, bake)
        else:
            composition = read_compose(declaration.files, lambda path: _text(worktree.root, path), environment)
            found += built_services(composition, declaration.files[0], str(worktree.root))
            notes += (*composition.notes, *unread_keys(composition))
    return name_images([_with_dockerfile(one, worktree) for one in found], notes)


def _with_dockerfile(one: Found, worktree: Worktree) -> Found:
    """Return the image, with a problem when its Dockerfile is missing."""
    path = one.definition.dockerfile
    if one.problems or worktree.exists(path):
        return one
    problem = Problem(one.definition.where, f"{one.key}: its Dockerfile {path} does not exist")
    return replace(one, problems=(problem,))


def _expanded(declaration: Declaration, worktree: Worktree) -> Iterator[Declaration]:
    """Yield a declaration for each file that a pattern names."""
    pattern = Pattern(declaration.files[0])
    paths = worktree.find(pattern) if pattern.placeholders else []
    yield from (replace(declaration, files=(path, *declaration.files[1:])) for path in paths)
    if not paths:
        yield declaration


def _missing(declaration: Declaration, root: Path, place: str) -> Iterator[Problem]:
    for file in declaration.files:
        if not (root / file).is_file():
            folder = (root / file).parent
            near = [path.relative_to(root).as_posix() for path in folder.iterdir()] if folder.is_dir() else []
            yield Problem(place, f"declarations: {file} does not exist", suggestion(file, near))


def _targets(declaration: Declaration, worktree: Worktree, bake: Bake) -> Sequence[Found]:
    """Return the targets that bake builds.

    A file without default targets also has targets that only others inherit. Their names begin with ``_``, or they
    have no Dockerfile.
    """
    texts = {file: _text(worktree.root, file) or "" for file in declaration.files}
    found = bake_targets(bake.printed(declaration, worktree.root), texts, str(worktree.root))
    linked = {key for one in found for key in one.links.values()}
    return [
        one
        for one in found
        if declaration.targets or one.key in linked or (not one.key.startswith("_") and _is_built(one, worktree))
    ]


def _is_built(target: Found, worktree: Worktree) -> bool:
    return bool(target.problems) or worktree.exists(target.definition.dockerfile)


def _text(root: Path, path: str) -> str | None:
    """Return the text of a file, or None when it is missing. Raises UsageError for a file that cannot be read."""
    file = root / path
    try:
        if not file.is_file():
            return None
        if file.stat().st_size > _LARGEST:
            raise UsageError.of([Problem(path, "is larger than 10 MB")])
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError.of([Problem(path, f"byte {error.start} is not UTF-8", "save the file as UTF-8")]) from None
    except OSError as error:
        raise UsageError.of([Problem(path, f"cannot be read: {error.strerror}")]) from None
