"""Make ``.slipway`` ready for a task that writes. A task that only reads writes nothing into the repository."""

from __future__ import annotations

import contextlib
from pathlib import Path

from slipway.core.process import lives
from slipway.core.writing import written
from slipway.runs import secret_folder
from slipway.runs.secret_folder import Places


def prepare_workspace(home: Path, places: Places) -> None:
    """Make ``home`` (``.slipway``), hide it from git, and remove what killed runs left in it and in ``places``.

    Raises UnwritableError.
    """
    hide(home)
    sweep(home)
    secret_folder.sweep(places)


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
    for scratch in home.glob("inputs/*.[0-9]*"):
        with contextlib.suppress(OSError):
            if not lives(int(scratch.suffix[1:])):
                scratch.unlink(missing_ok=True)
