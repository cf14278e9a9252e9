"""Keep a run's secret files in a folder that only this user can enter, and remove it with the run.

The folder lies outside every folder that slipway may send to builds. It lies in the user's runtime folder, which is in
memory, else in the state folder. The run holds a lock on a file in it, so ``remove_orphans`` recognizes the folders of
killed runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from slipway.core.errors import PrerequisiteError
from slipway.core.writing import written

_NAME = "slipway"
_LOCK = "lock"
_HINT = "XDG_STATE_HOME=<a folder of your own, outside of the repository>"


@dataclass(frozen=True)
class Places:
    """Hold the places for secret files: ``runtime`` if it exists and is this user's, else ``state``.

    slipway creates ``state`` if it is missing. ``sent`` returns the folders that slipway may send to builds; a place
    below one of them does not count.
    """

    runtime: str = ""
    state: str = ""
    sent: Callable[[], Iterable[Path]] = tuple
    user: int = field(default_factory=os.geteuid)

    def choose(self) -> Path:
        """Return the folder of all runs, created for this user only.

        Raises PrerequisiteError, with the cause, when no place is usable, and UnwritableError.
        """
        sent = [os.path.realpath(folder) for folder in self.sent()]
        lies_below = ""
        for place in self.candidates:
            if place.parent == Path(self.runtime) and not _is_own(place.parent, self.user):
                continue
            if below := next((top for top in sent if os.path.commonpath((os.path.realpath(place), top)) == top), ""):
                lies_below = f"{place}: lies in {below}, which builds can read; slipway writes no secret file into it"
                continue
            return _made(place, self.user)
        raise PrerequisiteError(lies_below or "secret files of a run: this user has no home folder", hint=_HINT)

    @property
    def candidates(self) -> tuple[Path, ...]:
        """Return the folder of all runs in each place.

        A relative path does not count, as in the XDG specification.
        """
        return tuple(Path(place, _NAME) for place in (self.runtime, self.state) if Path(place).is_absolute())


class SecretFolder:
    """Hold the secret files of one run. The folder is created with the first file."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._folder: Path | None = None
        self._hold = -1

    def write(self, name: str, content: str) -> Path:
        """Write a file that only this user can read, and that exists until ``remove``.

        Raises PrerequisiteError when there is no place for it, and UnwritableError.
        """
        if not self._folder:
            self._folder, self._hold = _new(self._places.choose())
        path = self._folder / name
        with written(path):
            path.touch(mode=0o600)
            path.write_text(content, "utf-8")
        return path

    def remove(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._hold)
            with contextlib.suppress(OSError):
                self._folder.parent.rmdir()  # fails while other runs use it
            self._folder = None


def remove_orphans(places: Places) -> None:
    """Remove the secret files of killed runs, not those of running ones. Raises nothing."""
    for place in places.candidates:
        if _is_own(place, places.user):
            with contextlib.suppress(OSError):
                for folder in place.iterdir():
                    with contextlib.suppress(OSError):
                        _remove_orphan(folder)
                place.rmdir()  # fails while a run uses it


def _remove_orphan(folder: Path) -> None:
    try:
        hold = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        folder.rmdir()  # the run was killed before it wrote anything
        return
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(hold)


def _new(home: Path) -> tuple[Path, int]:
    """Create a folder in ``home``. Return it with an open file, whose lock shows that this process runs."""
    while True:
        with written(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                folder = Path(tempfile.mkdtemp(dir=home, prefix=""))
                hold = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            except FileNotFoundError:  # another run removed the folder at this moment
                continue
            fcntl.flock(hold, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, hold
        os.close(hold)


def _made(home: Path, user: int) -> Path:
    with written(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        if not home.is_symlink():
            home.mkdir(mode=0o700, exist_ok=True)
    if not _is_own(home, user):
        raise PrerequisiteError(f"{home}: is not a folder of this user's own", hint=f"ls -ld {home}")
    if stat.S_IMODE(home.lstat().st_mode) & 0o077:
        raise PrerequisiteError(f"{home}: others may enter it", hint=f"chmod 700 {home}")
    return home


def _is_own(folder: Path, user: int) -> bool:
    """Tell whether ``folder`` is a directory, not a link to one, and belongs to the user."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user
