"""Prepare ``.slipway`` for a task that writes. A task that only reads writes nothing into the repository."""

from __future__ import annotations

import contextlib
from pathlib import Path

from slipway.core.process import lives
from slipway.core.writing import written
from slipway.runs import secret_folder
from slipway.runs.secret_folder import Places


def prepare_workspace(home: Path, places: Places) -> None:
    """Create ``home`` (``.slipway``), hide it from git, and remove the leftovers of killed runs.

    The leftovers are in ``home`` and in ``places``. Raises UnwritableError.
    """
    hide(home)
    remove_orphans(home)
    secret_folder.remove_orphans(places)


def hide(home: Path) -> None:
    """Make git ignore ``home``, whatever the repository's own .gitignore says. Raises UnwritableError."""
    own = home / ".gitignore"
    with written(own):
        if not own.exists():
            home.mkdir(exist_ok=True)
            try:
                own.write_text("*\n", "utf-8")
            except OSError:
                own.unlink(missing_ok=True)  # the next run would keep an empty file as the user's own
                raise


def remove_orphans(home: Path) -> None:
    """Remove the unfinished files of killed runs, not those of running ones. Ignores file system errors.

    Such a file ends in the number of its process. Anything with another name stays.
    """
    for scratch in home.glob("inputs/*.[0-9]*"):
        process = scratch.suffix[1:]
        with contextlib.suppress(OSError):
            if process.isdecimal() and not lives(int(process)):
                scratch.unlink(missing_ok=True)
