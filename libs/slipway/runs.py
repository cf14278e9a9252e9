"""A run's id, directory and records; the lock that keeps two runs apart.

``.slipway/runs/<id>/``: plan.json, journal.jsonl, a log per image, run.json. All readable by their owner alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from slipway.digest import PARTS, Manifest, Trees
from slipway.errors import LockedError
from slipway.redact import Redactor

_KEPT_RUNS = 20
#: Files: a manifest and its trees for each image, and of each image several.
_KEPT_INPUTS, _KEPT_OF_EACH = 500, 12


class Run:
    """One invocation. Everything written passes ``redact``."""

    def __init__(self, home: Path, redact: Redactor | None = None) -> None:
        self.id = secrets.token_hex(4)
        self.directory = home / "runs" / self.id
        self.redact = redact or Redactor()
        self._logs: dict[str, IO[str]] = {}
        self.directory.mkdir(parents=True, mode=0o700)
        # Held until the end, by the kernel's word: the files of a run whose directory is free can be swept.
        self._hold = os.open(self.directory, os.O_RDONLY)
        fcntl.flock(self._hold, fcntl.LOCK_EX)
        _prune(home / "runs", _KEPT_RUNS)

    def log(self, image: str, line: str) -> None:
        """Append a line to the image's log."""
        if image not in self._logs:
            self._logs[image] = self._open(f"{image}.log")
        self._logs[image].write(self.redact(line) + "\n")
        self._logs[image].flush()

    def log_path(self, image: str) -> str:
        """As a person would type it from the repository's root."""
        return f".slipway/runs/{self.id}/{image}.log"

    def journal(self, **entry: Any) -> None:
        """One line of what happened, with the time in seconds since 1970."""
        if "journal" not in self._logs:
            self._logs["journal"] = self._open("journal.jsonl")
        self._logs["journal"].write(json.dumps(self.redact.all({"at": round(time.time(), 3), **entry})) + "\n")
        self._logs["journal"].flush()

    def write(self, name: str, content: Mapping[str, Any]) -> Path:
        """``name`` as JSON, whole or not at all."""
        path = self.directory / name
        scratch = path.with_suffix(".part")
        with self._open(scratch.name) as file:
            file.write(json.dumps(self.redact.all(content), indent=1) + "\n")
        scratch.replace(path)
        return path

    def secret_file(self, name: str, content: str) -> Path:
        """A file only we can read, gone when the run is closed; a killed run's are gone after the next ``sweep``."""
        folder = self.directory / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
        return path

    def close(self) -> None:
        shutil.rmtree(self.directory / "secrets", ignore_errors=True)
        for file in self._logs.values():
            file.close()
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self, name: str) -> IO[str]:
        descriptor = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def hide(home: Path) -> None:
    """Let git not see ``home``, whatever the repository's own .gitignore says."""
    own = home / ".gitignore"
    if not own.exists():
        home.mkdir(exist_ok=True)
        own.write_text("*\n", "utf-8")


def sweep(home: Path) -> None:
    """Remove what killed runs left: their secret files, and files they were writing. A living run's stay."""
    for folder in home.glob("runs/*/secrets"):
        with contextlib.suppress(OSError):
            hold = os.open(folder.parent, os.O_RDONLY)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(hold)
    for scratch in (*home.glob("inputs/*.[0-9]*"), *home.glob("cache/*.[0-9]*")):
        if not lives(int(scratch.suffix[1:])):
            scratch.unlink(missing_ok=True)


@contextmanager
def lock(home: Path, name: str) -> Iterator[None]:
    """Hold ``name`` against other runs; the kernel lets go when we die. Raises LockedError: who, since when."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another run"
            raise LockedError(
                f"{name}: held by {holder}", hint="wait for it to end, then run the command again"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        file.flush()
        yield
        file.truncate(0)


def records(home: Path) -> list[dict[str, Any]]:
    """The run.json of each run that is still kept, oldest first; one that cannot be read is left out."""
    found: list[tuple[float, dict[str, Any]]] = []
    for path in home.glob("runs/*/run.json"):
        with contextlib.suppress(OSError, ValueError):
            found.append((path.stat().st_mtime, json.loads(path.read_text("utf-8"))))
    return [record for _, record in sorted(found, key=lambda entry: entry[0])]


def save_inputs(home: Path, made: Mapping[str, Manifest], trees: Trees, *, images: int) -> None:
    """Keep what images were built from (input digest → manifest), so that a later plan can say what changed.

    ``images``: how many the stack has; some builds of each of them are kept.
    """
    folder = home / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    for digest, manifest in made.items():
        named = set(_trees(manifest))
        for tree in named & trees.keys():
            _write_once(folder / f"{tree.removeprefix('tree:')}.json", dict(trees[tree]))
        content = {"dockerfile": manifest.dockerfile, **{part: dict(getattr(manifest, part)) for part in PARTS}}
        _write_once(folder / f"{digest.removeprefix('sha256:')}.json", content)
    _prune(folder, max(_KEPT_INPUTS, _KEPT_OF_EACH * images))


def load_inputs(home: Path, input_digest: str) -> tuple[Manifest | None, dict[str, dict[str, str]]]:
    """The manifest kept for a digest and the trees it names; None when it is not (or no longer) kept."""
    folder = home / "inputs"
    try:
        content = json.loads((folder / f"{input_digest.removeprefix('sha256:')}.json").read_text("utf-8"))
        manifest = Manifest(**content)
    except (OSError, ValueError, TypeError):
        return None, {}
    trees: dict[str, dict[str, str]] = {}
    for tree in _trees(manifest):
        with contextlib.suppress(OSError, ValueError):
            trees[tree] = json.loads((folder / f"{tree.removeprefix('tree:')}.json").read_text("utf-8"))
    return manifest, trees


def _trees(manifest: Manifest) -> Iterator[str]:
    """The trees that its files and contexts name."""
    for text in (*manifest.files.values(), *manifest.contexts.values()):
        yield from (word for word in text.split(" ") if word.startswith("tree:"))


def _write_once(path: Path, content: Mapping[str, Any]) -> None:
    if path.exists():
        os.utime(path)
        return
    scratch = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    scratch.replace(path)


def lives(process: int) -> bool:
    """Whether a process of this machine has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _prune(folder: Path, keep: int) -> None:
    """Leave the newest ``keep`` entries; another run may prune at the same moment."""
    stamps: dict[Path, float] = {}
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            stamps[entry] = entry.stat().st_mtime
    for entry in sorted(stamps, key=stamps.__getitem__, reverse=True)[keep:]:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
