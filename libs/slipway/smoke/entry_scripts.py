"""Read the scripts that a container starts through the engine's archive, so that nothing in it has to run."""

from __future__ import annotations

import contextlib
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

from slipway.smoke.image_archive import Chunks

_MOST_LINKS = 5
_FIRST_LINE = 512
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def fault(client: Any, container: str) -> str:
    """Return the fault in the first line of a script that the container was to run, or an empty string.

    The kernel treats the CR of a Windows line end as a part of the interpreter's name.
    """
    for path in commanded(client.api.inspect_container(container)["Config"]):
        line = _first_line(client, container, path)
        if line.startswith(b"#!") and line.endswith(b"\r"):
            interpreter = line[2:-1].decode("utf-8", "replace").strip()
            return f"{path} ends its first line with CR LF, so {interpreter!r} with a CR is looked for"
    return ""


def commanded(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files that Entrypoint and Cmd may name.

    These are the program, in each folder of PATH, and the paths among the words.
    """
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    path = dict(entry.partition("=")[::2] for entry in config.get("Env") or ()).get("PATH", _DEFAULT_PATH)
    here = str(config.get("WorkingDir") or "/")
    found: dict[str, None] = {}
    for number, part in enumerate(part for word in words for part in word.split()):
        if "/" in part:
            found[posixpath.normpath(posixpath.join(here, part))] = None
        elif number == 0:
            found |= dict.fromkeys(posixpath.join(folder, part) for folder in path.split(":"))
    yield from found


def _first_line(client: Any, container: str, path: str) -> bytes:
    """Return the first line of a file in a container, running or not; empty when there is no such file."""
    pieces: Iterator[bytes] = iter(())
    for _ in range(_MOST_LINKS):
        try:
            pieces, stat = client.api.get_archive(container, path)
        except OSError:
            return b""
        if not stat.get("linkTarget"):
            break
        path = posixpath.join(posixpath.dirname(path), stat["linkTarget"])
    stream = cast(IO[bytes], Chunks(pieces))
    with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=stream, mode="r|") as archive:
        member = archive.next()
        content = archive.extractfile(member) if member and member.isreg() else None
        return content.read(_FIRST_LINE).partition(b"\n")[0] if content else b""
    return b""
