"""The folder of a run's secret files: for its owner alone, outside of all that builds are sent, gone with the run.

It lies in the user's runtime folder, which is memory, else in the state folder. A file in it is locked as long as the
run lives, so that ``sweep`` knows the folders of runs that were killed.
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
    """Where secret files may lie: in ``runtime`` when it is there and this user's, else in ``state``, which is made.

    ``sent`` gives the folders that builds may be sent; neither place counts when it lies below one of them.
    """

    runtime: str = ""
    state: str = ""
    sent: Callable[[], Iterable[Path]] = tuple
    user: int = field(default_factory=os.geteuid)

    def choose(self) -> Path:
        """Return the folder of all runs, made for its owner alone.

        Raises PrerequisiteError that says why there is none.
        """
        sent = [os.path.realpath(folder) for folder in self.sent()]
        lies_below = ""
        for place in self.candidates:
            if place.parent == Path(self.runtime) and not _is_own(place.parent, self.user):
                continue
            if below := next((top for top in sent if os.path.commonpath((os.path.realpath(place), top)) == top), ""):
                lies_below = f"{place}: lies in {below}, which builds are sent: no secret file is written there"
                continue
            return _made(place, self.user)
        raise PrerequisiteError(lies_below or "secret files of a run: this user has no home folder", hint=_HINT)

    @property
    def candidates(self) -> tuple[Path, ...]:
        """The folder of all runs in each place. A relative path counts as none, as the XDG specification has it."""
        return tuple(Path(place, _NAME) for place in (self.runtime, self.state) if Path(place).is_absolute())


class SecretFolder:
    """One run's secret files. The folder is made with the first of them."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._folder: Path | None = None
        self._hold = -1

    def write(self, name: str, content: str) -> Path:
        """Write a file that only this user can read; it is there until ``remove``. Raises PrerequisiteError."""
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
                self._folder.parent.rmdir()  # other runs may be using it
            self._folder = None


def sweep(places: Places) -> None:
    """Remove the secret files of runs that were killed; those of living runs stay. Raises nothing."""
    for place in places.candidates:
        if _is_own(place, places.user):
            with contextlib.suppress(OSError):
                for folder in place.iterdir():
                    with contextlib.suppress(OSError):
                        _sweep(folder)
                place.rmdir()  # when no run is living


def _sweep(folder: Path) -> None:
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
    """A new folder in ``home``, and the open file whose lock says that this process lives."""
    while True:
        with written(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                folder = Path(tempfile.mkdtemp(dir=home, prefix=""))
                hold = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            except FileNotFoundError:  # another run has ended, or swept, in this very moment
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
    """Whether it is a folder, not a link to one, and the user's."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user
