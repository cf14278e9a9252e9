"""The names under which BuildKit is sent contexts.

BuildKit keeps what it was sent of a context under the last part of the context's path, and takes a file of equal size
and mtime for unchanged: it would build old bytes. So it gets a context under a name of its own, ``.slipway/context/…``,
and a new name whenever such a file turns up.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from slipway.core.errors import Problem, UsageError
from slipway.core.writing import written


def is_within(real: str, root: str | Path) -> bool:
    """Whether the resolved path ``real`` is ``root`` or below it."""
    top = os.path.realpath(root)
    return os.path.commonpath((real, top)) == top


def name_context(root: Path, path: str, salt: str) -> str:
    """The name, from the root, of the context ``path`` (a folder from the root) while ``salt`` stays.

    Only for who holds the build lock: names of former salts are removed. What the name stands for is looked at again
    here, right before it is sent: raises UsageError unless it is that folder, inside the repository.
    """
    folder = root / ".slipway/context"
    link = folder / "-".join((*PurePosixPath(path).parts, salt))
    with written(link):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.iterdir():
            if not stale.name.endswith(salt):
                stale.unlink(missing_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.join("../..", path))
    sent = os.path.realpath(link)
    if sent != os.path.realpath(root / path) or not is_within(sent, root):
        raise UsageError.of([Problem(path, f"the context leaves the repository: {sent}", "nothing of it was sent")])
    return link.relative_to(root).as_posix()
