"""Watch the folders of a system's inputs. Only these: an ignored folder with many files costs nothing."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from slipway.core.errors import PrerequisiteError
from slipway.core.image import Image
from slipway.hosts.host import MountSource
from slipway.stack.digest import Manifest
from slipway.stack.entries import FileEntry, Kind, Trees

#: Milliseconds: a batch ends when nothing has changed for this long, and at the latest after so long. A change that
#: comes later, such as a formatter's, leads to the next build.
_QUIET_MS, _LONGEST_MS = 60, 1_600
_POLL_MS = 500
#: Folders that change without a change of the user's own files.
_UNWATCHED = (".git", ".slipway")


def watched_folders(images: Collection[Image], manifests: Mapping[str, Manifest], trees: Trees) -> frozenset[str]:
    """Return the folders, as paths from the repository's root, whose direct entries the images read."""
    return frozenset(folder for image in images for folder in _folders(image, manifests[image.name], trees))


def _folders(image: Image, manifest: Manifest, trees: Trees) -> Iterator[str]:
    yield posixpath.dirname(image.dockerfile) or "."
    for path, entry in manifest.files.items():
        yield from _of_entry(posixpath.normpath(posixpath.join(image.context, entry.via or path)), entry, trees)


def _of_entry(path: str, entry: FileEntry, trees: Trees) -> Iterator[str]:
    yield posixpath.dirname(path) or "."
    if entry.kind is Kind.TREE:
        yield path
        for below in trees.get(entry.content, ()):
            yield posixpath.normpath(posixpath.join(path, posixpath.dirname(below)))


def folders_of_mounts(sources: Iterable[MountSource]) -> frozenset[str]:
    """Return the folders, as absolute paths, whose direct entries the containers on a build host mount as copies."""
    return frozenset(folder for source in sources for folder in _of_mount(source.path))


def _of_mount(path: str) -> Iterator[str]:
    if not Path(path).is_dir():
        yield posixpath.dirname(path)
    for folder, below, _ in os.walk(path):
        yield folder
        below[:] = [name for name in below if name not in _UNWATCHED]


class Watcher:
    """Report that entries of ``folders`` changed. Changes count from the moment of its creation.

    ``poll``: look at the files twice a second; also where the system's limit of watches is reached, which ``polls``
    tells.
    """

    def __init__(self, root: Path, folders: Collection[str], *, poll: bool) -> None:
        paths = [str(root / folder) for folder in sorted(folders) if (root / folder).is_dir()]
        self.polls = poll
        try:
            self._notify = _notify(paths, poll=poll)
        except OSError as error:
            if poll:
                raise PrerequisiteError(f"watch: {error}", hint="invoke watch --poll") from None
            self.polls = True
            self._notify = _notify(paths, poll=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notify.close()

    def wait(self) -> frozenset[str]:
        """Wait for a batch of changes, and return the changed paths. Raises KeyboardInterrupt after a signal."""
        found = self._notify.watch(_LONGEST_MS, _QUIET_MS, 0, None)
        if not isinstance(found, set):
            raise KeyboardInterrupt
        return frozenset(path for _, path in found)


def _notify(paths: list[str], *, poll: bool) -> Any:
    from watchfiles._rust_notify import RustNotify

    return RustNotify(paths, False, poll, _POLL_MS, False, True)
