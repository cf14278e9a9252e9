"""Store data that only saves time in the user's cache folder.

slipway works without it, and a checkout stays unchanged.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slipway.runs.files import prune

#: The number of checkouts, the last used ones, whose hashes slipway keeps.
_CHECKOUTS_KEPT = 50
#: The number of wheelhouses, the last used ones, that slipway keeps. Other tasks may use them.
_WHEELHOUSES_KEPT = 5


@dataclass(frozen=True)
class UserCache:
    """Find slipway's folder in ``home``, the user's cache folder.

    A relative ``home`` means that the user has no cache folder, and slipway then stores nothing.
    """

    home: str

    @property
    def _folder(self) -> Path | None:
        folder = Path(self.home, "slipway")
        return folder if folder.is_absolute() else None

    def hashes(self, root: Path) -> Path | None:
        """Return the file for the hashes of the checkout ``root``; None without a cache folder."""
        if not self._folder:
            return None
        real = os.path.realpath(root)
        return self._folder / "stat" / f"{Path(real).name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.json"

    def prune_hashes(self) -> None:
        """Remove the hashes of the checkouts that were not used recently."""
        with suppress(OSError):
            if self._folder:
                prune(self._folder / "stat", _CHECKOUTS_KEPT)

    def wheelhouses(self) -> Path | None:
        """Create and return the folder of the wheelhouses; None when that is impossible.

        Packages on the same device are linked into a wheelhouse, not copied.
        """
        if folder := self._made("wheelhouses"):
            with suppress(OSError):
                prune(folder, _WHEELHOUSES_KEPT)
        return folder

    def layers(self) -> Path | None:
        """Create and return a folder for the contents of images' layers; None when that is impossible."""
        return self._made("layers")

    def _made(self, name: str) -> Path | None:
        with suppress(OSError):
            if folder := self._folder and self._folder / name:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                return folder if os.access(folder, os.W_OK) else None
        return None
