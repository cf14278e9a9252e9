"""Resolve the bases' requirements with uv on the configured index, and lock them again."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.config.pip import uv_variables
from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, UsageError, one_line
from slipway.plan.inputs import read_files
from slipway.release.drift import paths_read
from slipway.release.outdated import touched
from slipway.release.requirements import (
    Newer,
    RequirementCause,
    RequirementList,
    files_named,
    has_hashes,
    lock_words,
    loosened,
    newer,
    ordered,
    pins,
    python_of,
    repinned,
    requirement_lists,
)
from slipway.release.rewrite import Edit
from slipway.release.writing import ReadText, reading, write_edits
from slipway.tasks.session import Session

_SECONDS = 1800.0
_QUIET = ("--quiet", "--no-header", "--no-annotate", "--upgrade")
_LOCK = re.compile(r"requirements|constraints|\.lock$|^pylock.*\.toml$")
_UNFIT, _NOT_FOUND = 1, 127


@dataclass(frozen=True)
class Resolved:
    """Hold the lists of the bases' requirements, each after those that it names, and the newest versions that fit.

    ``texts``: each file that the lists name → its text. ``versions``: source → name → version.
    """

    lists: tuple[RequirementList, ...]
    texts: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    found: tuple[Newer, ...]


def resolve(session: Session, sizes: Mapping[str, int]) -> Resolved:
    """Resolve the lists as if each exact version were the lowest one. ``sizes``: image → bytes.

    Raises PrerequisiteError without uv or when the index does not answer, and UsageError when no versions fit.
    """
    read = reading(session.settings.root)
    images = tuple(session.repository.stack)
    lists = requirement_lists(_files(session), lambda path: read(path) is not None)
    texts = _closure(lists, read)
    lists = tuple(one for one in ordered(lists, texts) if pins(texts[one.source]))
    versions: dict[str, Mapping[str, str]] = {}
    found: list[Newer] = []
    with _copied(texts) as folder:
        for one in lists:
            _write(folder, one.source, loosened(texts[one.source]))
            told = _uv(session, one, ("pip", "compile", one.source, *_QUIET, *_python(session, one)), folder)
            versions[one.source] = pins(told)
            if one.lock != one.source:
                _write(folder, one.lock, told)
            before = texts.get(one.lock) or texts[one.source]
            found += newer(one.lock, before, versions[one.source], touched(images, one.images, sizes))
    return Resolved(lists, texts, versions, tuple(found))


def requirement_edits(session: Session, resolved: Resolved) -> tuple[Edit, ...]:
    """Return the edits of the lists, and of their locks unless the project has a command that locks them.

    uv writes the locks in a copy. A list with hashes of its own cannot get another version, and is noted.
    """
    texts, edits = resolved.texts, []
    changed = {one.path for one in resolved.found}
    with _copied(texts) as folder:
        for one in resolved.lists:
            if one.lock not in changed:
                continue
            if has_hashes(texts[one.source]):
                session.note(
                    f"{one.source}: it has hashes and no short list (.in), so slipway changes no version in it"
                )
                continue
            after = {one.source: repinned(texts[one.source], resolved.versions[one.source])}
            _write(folder, one.source, after[one.source])
            if one.lock != one.source and one.lock in texts and not session.settings.project.lock_command:
                _, *words = lock_words(one, texts[one.lock])
                _uv(session, one, words, folder)
                after[one.lock] = _text((folder / one.lock).read_bytes())
            edits += [Edit(path, texts[path], text) for path, text in after.items() if text != texts[path]]
    return tuple(edits)


def run_lock_command(session: Session, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Write the edits, run the project's own command that locks the requirements, and return what it changed, too.

    Raises PrerequisiteError when it fails; then all files that locks have are as before.
    """
    root, words = session.settings.root, session.settings.project.lock_command
    before = {path: (root / path).read_bytes() for path in _lock_files(root)}
    try:
        write_edits(root, edits)
        command = Command((_program(words[0]), *words[1:]), cwd=str(root), label=shlex.join(words))
        done = session.run(command, timeout=_SECONDS)
        if not done.ok:
            what = f"{shlex.join(words)}: {_last(done)}; the files are as before"
            raise PrerequisiteError(what, hint=shlex.join(words), code=RequirementCause.LOCKER)
    except BaseException:
        _restore(root, before)
        raise
    written = {edit.path for edit in edits}
    after = {path: (root / path).read_bytes() for path in _lock_files(root)}
    return tuple(
        Edit(path, _text(before.get(path, b"")), _text(content))
        for path, content in after.items()
        if path not in written and content != before.get(path)
    )


def _restore(root: Path, before: Mapping[str, bytes]) -> None:
    for path in set(_lock_files(root)) - before.keys():
        (root / path).unlink()
    for path, content in before.items():
        if not (root / path).exists() or (root / path).read_bytes() != content:
            (root / path).write_bytes(content)


def _files(session: Session) -> dict[str, Sequence[str]]:
    """Return the files that each base reads. Raises the error of a base whose files cannot be read."""
    bases = [image for image in session.repository.stack if image.kind == "base"]
    read = read_files(session.repository, bases)
    for error in read.errors.values():
        raise error
    return {image.name: sorted(paths_read(image, read.files[image.name], read.trees)[1]) for image in bases}


def _closure(lists: Sequence[RequirementList], read: ReadText) -> dict[str, str]:
    """Return the texts of the lists and locks, and of all files that they name."""
    texts: dict[str, str] = {}
    ahead = [path for one in lists for path in (one.source, one.lock)]
    while ahead:
        path = ahead.pop()
        if path not in texts and (text := read(path)) is not None:
            texts[path] = text
            ahead += files_named(path, text)
    return texts


@contextmanager
def _copied(texts: Mapping[str, str]) -> Iterator[Path]:
    """Yield a temporary folder with the files."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as scratch:
        for path, text in texts.items():
            _write(Path(scratch), path, text)
        yield Path(scratch)


def _write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))


def _python(session: Session, one: RequirementList) -> tuple[str, ...]:
    version = python_of(one.images[0], session.repository.stack.by_name)
    return ("--python-version", version) if version else ()


def _uv(session: Session, one: RequirementList, words: Sequence[str], folder: Path) -> str:
    """Run uv in a folder on the index of pip's configuration, and return its output."""
    no_index = ("--no-index",) if session.pip.no_index else ()
    variables = uv_variables(session.pip, session.ca_bundle)
    done = session.run(Command((_program("uv"), *words, *no_index), cwd=str(folder), env=variables), timeout=_SECONDS)
    if done.ok:
        return done.stdout
    if done.exit_code == _NOT_FOUND:
        raise PrerequisiteError("uv: not found; it resolves the requirements of the bases", hint="pip install uv")
    if done.exit_code == _UNFIT:
        raise UsageError(f"{one.source}: {_last(done)}", hint="change a line of it", code=RequirementCause.UNFIT)
    raise PrerequisiteError(f"{one.source}: {_last(done)}", hint="invoke doctor", code=RequirementCause.INDEX)


def _program(name: str) -> str:
    """Return the program beside this interpreter, even if its environment is not activated, else one on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _last(done: Result) -> str:
    """Return the first line of the cause that a failed program names, else its exit code."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("cause:", "Caused by:"))] or lines[-1:]
    return one_line(told[0].partition(": ")[2] or told[0]) if told else f"exit code {done.exit_code}"


def _lock_files(root: Path) -> list[str]:
    """Return the files that a command may write when it locks requirements, outside of hidden folders."""
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.relpath(Path(folder, name), root) for name in names if _LOCK.search(name)]
    return sorted(found)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
