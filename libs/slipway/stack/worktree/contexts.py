"""Name the contexts that BuildKit receives.

BuildKit stores the files of a context under the last part of the context's path. It treats a file of equal size and
mtime as unchanged, so it would build old bytes. slipway therefore sends each context under a name of its own,
``.slipway/context/…``. It changes the name whenever a file has new content with an equal size and mtime.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from slipway.core.errors import Problem, UsageError
from slipway.core.writing import written


def is_within(real: str, top: str) -> bool:
    """Tell whether ``real`` is ``top`` or below it. Both are resolved paths."""
    return f"{real}/".startswith(top if top.endswith("/") else f"{top}/")


def plain_name(path: str) -> str:
    """Return a context's path as one word of printable ASCII: buildx puts the word into a header of gRPC.

    A path with other characters gets a word of its own.
    """
    text = "-".join(PurePosixPath(path).parts)
    return text if text.isascii() and text.isprintable() else hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def name_context(root: Path, path: str, salt: str) -> str:
    """Create the name of the context ``path`` for this ``salt``; return it as a path from the root.

    ``path``: a folder, from the root. The caller must hold the build lock, because the function removes the names of
    former salts. It resolves the name again immediately before BuildKit receives the context. Raises UsageError unless
    the name leads to that folder, inside the repository.
    """
    folder = root / ".slipway/context"
    link = folder / "-".join(filter(None, (plain_name(path), salt)))
    with written(link):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.iterdir():
            if not stale.name.endswith(salt):
                stale.unlink(missing_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.join("../..", path))
    sent = os.path.realpath(link)
    if sent != os.path.realpath(root / path) or not is_within(sent, os.path.realpath(root)):
        raise UsageError.of([Problem(path, f"the context leaves the repository: {sent}", "nothing of it was sent")])
    return link.relative_to(root).as_posix()
