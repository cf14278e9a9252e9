"""Keep what only saves time in the user's cache folder. Nothing depends on it, and a checkout stays as it was."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slipway.runs.files import prune

#: The hashes of that many checkouts are kept, those used last.
_CHECKOUTS_KEPT = 50
#: A killed task leaves its wheelhouse. So many are kept, since other tasks may be using them.
_WHEELHOUSES_KEPT = 20


@dataclass(frozen=True)
class UserCache:
    """slipway's folder in ``home``, the user's cache folder. A relative ``home``, as of a user without one, is none."""

    home: str

    @property
    def _folder(self) -> Path | None:
        folder = Path(self.home, "slipway")
        return folder if folder.is_absolute() else None

    def hashes(self, root: Path) -> Path | None:
        """Return the file for the hashes of the checkout ``root``."""
        if not self._folder:
            return None
        real = os.path.realpath(root)
        return self._folder / "stat" / f"{Path(real).name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.json"

    def prune_hashes(self) -> None:
        """Remove the hashes of checkouts that were not used for long."""
        with suppress(OSError):
            if self._folder:
                prune(self._folder / "stat", _CHECKOUTS_KEPT)

    def wheelhouses(self) -> Path | None:
        """Return a folder for temporary wheelhouses, or None where there can be none.

        On one device with the packages they are linked there, not copied.
        """
        with suppress(OSError):
            if folder := self._folder and self._folder / "wheelhouses":
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                prune(folder, _WHEELHOUSES_KEPT)
                return folder if os.access(folder, os.W_OK) else None
        return None
