"""Find files of an image whose modes allow too much: setuid programs, and files that anyone may change.

Pure: reads the layers that ``image_archive.read_layers`` returns. Only the files that a container sees count. A later
layer's entry hides an earlier one, and a whiteout removes it. Each complaint names the layer that brought the file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from slipway.smoke.image_archive import Layer, Member

_SETUID, _SETGID, _STICKY, _OTHERS_WRITE = 0o4000, 0o2000, 0o1000, 0o002
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
#: The setuid and setgid programs of Debian's essential packages (login, mount, passwd, util-linux).
_DEBIAN = re.compile(r"/(usr/)?s?bin/(chage|chfn|chsh|expiry|gpasswd|mount|newgrp|passwd|su|umount|unix_chkpwd)")
_MOST_LINKS = 20
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Absolute path → the number of its layer (the lowest is 1) and its entry in that layer.
Tree = Mapping[str, tuple[int, Member]]


def merged(layers: Sequence[Layer]) -> Tree:
    """Return the files that a container sees."""
    tree: dict[str, tuple[int, Member]] = {}
    for number, layer in enumerate(layers, start=1):
        for gone in removed(layer):
            for path in [path for path in tree if is_in(path, gone)]:
                del tree[path]
        for member in layer.members:
            if not posixpath.basename(member.path).startswith(_WHITEOUT):
                tree[absolute(member.path)] = number, member
    return tree


def setuid_complaints(layers: Sequence[Layer], allowed: Collection[str] = ()) -> tuple[str, ...]:
    """Return one line per setuid or setgid program, except Debian's own and the ``allowed`` paths."""
    return tuple(
        f"layer {number} of {len(layers)}: {path}: {'setuid' if member.mode & _SETUID else 'setgid'}"
        f" ({member.mode:o}, {member.uid}:{member.gid})"
        for path, (number, member) in merged(layers).items()
        if member.kind == "f" and member.mode & (_SETUID | _SETGID)
        if path not in allowed and not _DEBIAN.fullmatch(path)
    )


def writable_complaints(layers: Sequence[Layer], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one line per file or folder that anyone may change, except sticky folders such as /tmp.

    Return also one line per program or script of ``config``'s Entrypoint and Cmd that the image's own user may change.
    """
    tree = merged(layers)
    told = [
        f"layer {number} of {len(layers)}: {path}: anyone may write ({member.mode:o})"
        for path, (number, member) in tree.items()
        if _open_to_all(member)
    ]
    for path in started(tree, config):
        number, member = tree[path]
        if not _open_to_all(member) and _may_write(member, str(config.get("User") or "0")):
            told.append(f"layer {number} of {len(layers)}: {path}: is run, and its user {config['User']} may write it")
    return tuple(told)


def started(tree: Tree, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files that Entrypoint and Cmd name: the program, found in PATH, and each absolute path after it."""
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    if not words:
        return ()
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    folders = environment.get("PATH", _DEFAULT_PATH).split(":") if "/" not in words[0] else [""]
    places = [[posixpath.join(folder, words[0]) for folder in folders]]
    places += [[word] for word in words[1:] if word.startswith("/")]
    here = str(config.get("WorkingDir") or "/")
    found = [next(filter(None, (find_file(tree, posixpath.join(here, path)) for path in some)), "") for some in places]
    return tuple(dict.fromkeys(filter(None, found)))


def find_file(tree: Tree, path: str) -> str:
    """Follow the links of ``path``, and return the path of the file; empty when there is no such file."""
    for _ in range(_MOST_LINKS):
        path = posixpath.normpath(path)
        link = next((above for above in _upwards(path) if above in tree and tree[above][1].kind == "l"), "")
        if not link:
            return path if path in tree and tree[path][1].kind == "f" else ""
        path = posixpath.join(posixpath.dirname(link), tree[link][1].target) + path[len(link) :]
    return ""


def _upwards(path: str) -> Iterator[str]:
    """Yield the folders above ``path``, topmost first, and the path: ``/a/b/c`` → ``/a``, ``/a/b``, ``/a/b/c``."""
    for end, character in enumerate(path[1:] + "/", start=1):
        if character == "/":
            yield path[:end]


def removed(layer: Layer) -> Iterator[str]:
    """Yield the paths of lower layers that this layer hides: whiteouts, and folders that it makes opaque."""
    for member in layer.members:
        folder, name = posixpath.split(absolute(member.path))
        if name == _OPAQUE:
            yield f"{folder.rstrip('/')}/"
        elif name.startswith(_WHITEOUT):
            yield posixpath.join(folder, name.removeprefix(_WHITEOUT))


def is_in(path: str, folder: str) -> bool:
    """Tell whether ``path`` is ``folder``, without its last slash, or lies below it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def absolute(path: str) -> str:
    """Return the path in a container of a layer's entry."""
    return posixpath.normpath(f"/{path}")


def _open_to_all(member: Member) -> bool:
    sticky = member.kind == "d" and member.mode & _STICKY
    return member.kind in "fd" and bool(member.mode & _OTHERS_WRITE) and not sticky


def _may_write(member: Member, user: str) -> bool:
    """Tell whether ``user`` (``uid[:gid]``, numbers) may write the file.

    The answer for root is False. Root may write any file; other checks judge images that run as root.
    """
    uid, _, gid = user.partition(":")
    if uid == "0":
        return False
    return bool((str(member.uid) == uid and member.mode & 0o200) or (str(member.gid) == gid and member.mode & 0o020))
