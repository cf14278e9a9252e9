"""Keep the id, directory, records and secret files of a run.

The directory ``.slipway/runs/<id>/`` holds plan.json, journal.jsonl, a log per image, and run.json. Only their owner
can read them. Raises UnwritableError, with the path, when one cannot be written.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import IO, Any

from slipway.core.writing import replaced, written
from slipway.runs.files import for_owner, prune
from slipway.runs.secret_folder import Places, SecretFolder
from slipway.secrets.redactor import Redactor

_KEPT_RUNS = 20


class Run:
    """Keep the directory of one invocation. ``redact`` removes the secrets from its records and logs."""

    def __init__(self, home: Path, redact: Redactor | None = None, places: Places = Places()) -> None:  # noqa: B008
        """Create the run's directory, and remove the oldest runs.

        ``places``: the places for the run's secret files.
        """
        self.id = secrets.token_hex(4)
        self.directory = home / "runs" / self.id
        self.redact = redact or Redactor()
        self._logs: dict[str, IO[str]] = {}
        self._writing = Lock()
        self._secrets = SecretFolder(places)
        with written(self.directory):
            self.directory.mkdir(parents=True, mode=0o700)
        prune(home / "runs", _KEPT_RUNS)

    def log(self, image: str, line: str) -> None:
        """Append a line to the image's log. Several threads may do so together."""
        with self._writing:
            self._append(f"{image}.log", self.redact(line))

    def log_path(self, image: str) -> str:
        """Return the path of the image's log from the repository's root."""
        return f".slipway/runs/{self.id}/{image}.log"

    def journal(self, **entry: Any) -> None:
        """Append one event to the journal, with the time in seconds since 1970, and flush it to the disk.

        Several threads may do so together.
        """
        with self._writing:
            line = json.dumps(self.redact.all({"at": round(time.time(), 3), **entry}))
            file = self._append("journal.jsonl", line)
            with written(Path(file.name)):
                os.fdatasync(file.fileno())

    def write(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write ``content`` as JSON to the file ``name``, atomically, and flush it to the disk. Return its path."""
        path = self.directory / name
        with written(path), replaced(path) as scratch, self._open(scratch.name) as file:
            file.write(json.dumps(self.redact.all(content), indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return path

    def secret_file(self, name: str, content: str) -> Path:
        """Write a file that only this user can read. ``close`` removes it; see ``secret_folder``."""
        return self._secrets.write(name, content)

    def close(self) -> None:
        self._secrets.remove()
        for file in self._logs.values():
            with contextlib.suppress(OSError):  # the failed write of a line has already raised an error
                file.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, name: str, line: str) -> IO[str]:
        if name not in self._logs:
            self._logs[name] = self._open(name)
        file = self._logs[name]
        with written(Path(file.name)):
            file.write(line + "\n")
            file.flush()
        return file

    def _open(self, name: str) -> IO[str]:
        path = self.directory / name
        with written(path):
            return open(path, "a", encoding="utf-8", errors="backslashreplace", opener=for_owner)


def records(home: Path) -> list[dict[str, Any]]:
    """Return the run.json of each run that slipway still keeps, oldest first.

    Unreadable files are left out.
    """
    found: list[tuple[float, dict[str, Any]]] = []
    for path in home.glob("runs/*/run.json"):
        with contextlib.suppress(OSError, ValueError):
            found.append((path.stat().st_mtime, json.loads(path.read_text("utf-8"))))
    return [record for _, record in sorted(found, key=lambda entry: entry[0])]
