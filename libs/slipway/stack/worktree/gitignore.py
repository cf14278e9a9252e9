"""Tell whether git ignores a path: such a file is made from others, so a build cannot read it before it is made."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def is_ignored(root: Path, path: str) -> bool:
    """Tell whether the ``.gitignore`` files of the repository at ``root`` exclude ``path``, a file or a folder.

    ``path``: a posix path from ``root``; it need not exist. As in git, the nearest file that says something decides.
    """
    from pathspec import GitIgnoreSpec

    for folder in PurePosixPath(path).parents:
        try:
            text = (root / folder / ".gitignore").read_text("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            continue
        spec, inside = GitIgnoreSpec.from_lines(text.splitlines()), PurePosixPath(path).relative_to(folder).as_posix()
        found = [spec.check_file(form).include for form in (inside, f"{inside}/")]
        said = [one for one in found if one is not None]
        if said:
            return any(said)
    return False
