"""A run's id, directory and records; the lock that keeps two runs apart.

``.slipway/runs/<id>/``: plan.json, journal.jsonl, a log per image, run.json. All readable by their owner alone.
What cannot be written there raises UnwritableError, which names the path.
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
from slipway.errors import LockedError, written
from slipway.redact import Redactor
from slipway.secretfolder import Places, SecretFolder

_KEPT_RUNS = 20
#: Files: a manifest and its trees for each image, and of each image several.
_KEPT_INPUTS, _KEPT_OF_EACH = 500, 12


class Run:
    """One invocation. Everything written passes ``redact``."""

    def __init__(self, home: Path, redact: Redactor | None = None, places: Places = Places()) -> None:  # noqa: B008
        """``places``: where the run's secret files may lie."""
        self.id = secrets.token_hex(4)
        self.directory = home / "runs" / self.id
        self.redact = redact or Redactor()
        self._logs: dict[str, IO[str]] = {}
        self._secrets = SecretFolder(places)
        with written(self.directory):
            self.directory.mkdir(parents=True, mode=0o700)
        _prune(home / "runs", _KEPT_RUNS)

    def log(self, image: str, line: str) -> None:
        """Append a line to the image's log."""
        if image not in self._logs:
            self._logs[image] = self._open(f"{image}.log")
        self._append(image, self.redact(line))

    def log_path(self, image: str) -> str:
        """As a person would type it from the repository's root."""
        return f".slipway/runs/{self.id}/{image}.log"

    def journal(self, **entry: Any) -> None:
        """One line of what happened, with the time in seconds since 1970."""
        if "journal" not in self._logs:
            self._logs["journal"] = self._open("journal.jsonl")
        self._append("journal", json.dumps(self.redact.all({"at": round(time.time(), 3), **entry})))

    def write(self, name: str, content: Mapping[str, Any]) -> Path:
        """``name`` as JSON, whole or not at all."""
        path = self.directory / name
        scratch = path.with_suffix(".part")
        with written(path):
            with self._open(scratch.name) as file:
                file.write(json.dumps(self.redact.all(content), indent=1) + "\n")
            scratch.replace(path)
        return path

    def secret_file(self, name: str, content: str) -> Path:
        """A file only we can read, gone when the run is closed; see ``secretfolder``."""
        return self._secrets.write(name, content)

    def close(self) -> None:
        self._secrets.remove()
        for file in self._logs.values():
            with contextlib.suppress(OSError):  # a line that a full disk has not taken was told when it was written
                file.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, log: str, line: str) -> None:
        file = self._logs[log]
        with written(Path(file.name)):
            file.write(line + "\n")
            file.flush()

    def _open(self, name: str) -> IO[str]:
        path = self.directory / name
        with written(path):
            return open(path, "a", encoding="utf-8", errors="backslashreplace", opener=_for_owner)


def hide(home: Path) -> None:
    """Let git not see ``home``, whatever the repository's own .gitignore says."""
    own = home / ".gitignore"
    with written(own):
        if not own.exists():
            home.mkdir(exist_ok=True)
            try:
                own.write_text("*\n", "utf-8")
            except OSError:
                own.unlink(missing_ok=True)  # an empty one would count as the user's own
                raise


def sweep(home: Path) -> None:
    """Remove the files that killed runs were writing; a living run's stay. Raises nothing."""
    for scratch in (*home.glob("inputs/*.[0-9]*"), *home.glob("cache/*.[0-9]*")):
        with contextlib.suppress(OSError):
            if not lives(int(scratch.suffix[1:])):
                scratch.unlink(missing_ok=True)


@contextmanager
def lock(home: Path, name: str) -> Iterator[None]:
    """Hold ``name`` against other runs; the kernel lets go when we die. Raises LockedError: who, since when."""
    path = home / "locks" / name
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+b", buffering=0)  # what a full disk does not take is told once, not at the end again
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode("utf-8", "replace").strip() or "another run"
            raise LockedError(
                f"{name}: held by {holder}", hint="wait for it to end, then run the command again"
            ) from None
        with written(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
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
    with written(folder):
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
    with written(path):
        if path.exists():
            os.utime(path)
            return
        scratch = path.with_suffix(f".{os.getpid()}")
        with open(scratch, "w", encoding="utf-8", opener=_for_owner) as file:
            json.dump(content, file)
        scratch.replace(path)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


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
