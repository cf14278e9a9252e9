"""Refuse mounts whose files on this machine are missing or cannot be read, before anything starts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from slipway.compose.mounts import Mount
from slipway.core.errors import Problem, one_line
from slipway.hosts.host import MountKind, MountSource

#: In bytes: the size of a long key.
_LARGEST_SECRET = 16_384


def sent(mounts: Iterable[Mount], root: str) -> tuple[MountSource, ...]:
    """Return the sources that a build host gets, without duplicates.

    A bind mount outside of the repository ``root`` means a path of the build host. Secrets and configs always come from
    this machine.
    """
    found = (mount.source for mount in mounts)
    return tuple(dict.fromkeys(one for one in found if one.kind is not MountKind.BIND or _is_within(one.path, root)))


def unusable(
    mounts: Iterable[Mount], sources: Iterable[MountSource], file: str, root: str, users: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield a problem for each mount whose source is missing, or that the user may not read.

    ``sources``: those that slipway reads, to send them. Otherwise the engine reads them, which may read every file:
    then a secret is refused that neither this user nor the container's user may read, and a bind mount is refused only
    where it is missing and the engine does not make it. ``file``: the compose file. ``users``: service → the user of
    its image.
    """
    read = frozenset(sources)
    for mount in mounts:
        path, place = mount.source.path, f"{file}: {mount.service}"
        shown = one_line(os.path.relpath(path, root) if _is_within(path, root) else path)
        is_sent = mount.source in read
        if mount.source.kind is MountKind.BIND and not is_sent and mount.made:
            continue
        error = _refusal(path)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            hint = "create it, or correct its path in the compose file"
            yield Problem(place, f"{mount}: {shown} is missing", hint, "file-missing")
        elif error and (is_sent or _is_closed(mount, users)):
            yield Problem(place, f"{mount}: {shown}: {error.strerror}", f"ls -l {shown}", "file-unreadable")


def secret_texts(mounts: Iterable[Mount]) -> Iterator[str]:
    """Yield the contents of the secrets' files, as far as this user may read them. A large file is not one secret."""
    for path in dict.fromkeys(mount.source.path for mount in mounts if mount.source.kind is MountKind.SECRET):
        with suppress(OSError):
            if Path(path).stat().st_size <= _LARGEST_SECRET:
                yield Path(path).read_text("utf-8", "replace").strip()


def _is_closed(mount: Mount, users: Mapping[str, str]) -> bool:
    """Tell whether the user of the container may not read the file of a secret or config, as far as slipway knows."""
    if mount.source.kind is MountKind.BIND:
        return False
    user = (mount.user or users.get(mount.service, "")).partition(":")[0]
    try:
        status = Path(mount.source.path).stat()
    except OSError:
        return True
    owns = user.isdecimal() and user != "0" and status.st_uid == int(user)
    return not (status.st_mode & stat.S_IROTH or (owns and status.st_mode & stat.S_IRUSR))


def _refusal(path: str) -> OSError | None:
    """Return the error of reading a file or listing a folder; None when this user may do that."""
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
        elif stat.S_ISREG(status.st_mode):
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error
    return None


def _is_within(path: str, root: str) -> bool:
    """Tell whether a path, by its name or by the links on its way, lies in ``root``, a resolved path."""
    return any(f"{one}/".startswith(f"{root}/") for one in (path, os.path.realpath(path)))
