"""Tell whether git ignores a path: such a file is made from others, so a build cannot read it before it is made."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class GitIgnore:
    """Hold the ``.gitignore`` files of the repository at ``root``. slipway reads each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._specs = cache(self._read)

    def excludes(self, path: str) -> bool:
        """Tell whether git ignores ``path``, a file or a folder.

        ``path``: a posix path from the root; it need not exist. As in git, the nearest file that says something
        decides.
        """
        for folder in PurePosixPath(path).parents:
            if not (spec := self._specs(folder)):
                continue
            inside = PurePosixPath(path).relative_to(folder).as_posix()
            found = [spec.check_file(form).include for form in (inside, f"{inside}/")]
            said = [one for one in found if one is not None]
            if said:
                return any(said)
        return False

    def _read(self, folder: PurePosixPath) -> GitIgnoreSpec | None:
        """Return the patterns of one folder, or None when it has none that slipway can read."""
        from pathspec import GitIgnoreSpec

        try:
            text = (self._root / folder / ".gitignore").read_text("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return None
        return GitIgnoreSpec.from_lines(text.splitlines())
