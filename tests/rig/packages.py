"""Let a container install Python packages from where this machine does."""

from __future__ import annotations

import ast
import io
import os
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def reach(pip: Mapping[str, str]) -> list[str]:
    """Return the flags with which a container reaches the files and proxies that pip's configuration needs."""
    paths = sorted({path for value in pip.values() for path in local_paths(value)})
    mounts = [word for path in paths for word in ("--volume", f"{path}:{path}:ro")]
    return [*mounts, *(word for name in _PROXIES if name in os.environ for word in ("--env", name))]


def pip_configuration() -> Mapping[str, str]:
    """Return the output of ``pip config list`` without the settings of the environment."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = " ".join(str(ast.literal_eval(value)).split())
    return found


def local_paths(value: str) -> Iterator[str]:
    """Folders and files of this machine that a value names; the bundle of certificates is the container's own.

    The pages of an index in files link to packages beside it.
    """
    for word in value.split():
        path = Path(word.removeprefix("file://"))
        path = path.parent if word.startswith("file://") else path
        if path.is_absolute() and path.exists() and not path.is_relative_to("/etc/ssl"):
            yield str(path)


def packed(files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def put(container: str, folder: str, archive: bytes) -> None:
    script = (
        f"mkdir -p {shlex.quote(folder)} && tar --extract --file=- --no-same-owner --directory={shlex.quote(folder)}"
    )
    subprocess.run(["docker", "exec", "-i", container, "sh", "-c", script], input=archive, check=True)
