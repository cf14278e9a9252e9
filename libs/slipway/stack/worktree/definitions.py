"""What BuildKit is given to read of an image: its Dockerfile, and what to leave out of its context.

BuildKit takes ``<Dockerfile>.dockerignore`` before the context's ``.dockerignore``, wherever the Dockerfile lies. So
slipway writes both as they were planned into its own folder, with two rules more at the end: ``.slipway`` enters no
context. What is built is then the text that was planned, also where the Dockerfile is a link.
"""

from __future__ import annotations

from pathlib import Path

from slipway.core.writing import written

#: slipway's own folder.
OWN = ".slipway"
#: It is left out at any depth; the last rules count, so no ``!`` before them brings anything back. What is in it has a
#: rule of its own: of a file that a ``!`` names below a folder that is left out later, BuildKit makes an empty one.
_OWN_RULES = f"**/{OWN}\n**/{OWN}/**\n"
_FOLDER = f"{OWN}/dockerfiles"


def is_own(path: str) -> bool:
    """Whether ``path`` is slipway's own folder, or lies in one."""
    return OWN in path.split("/")


def define(root: Path, name: str, text: str, ignored: str) -> str:
    """The path, from ``root``, of the Dockerfile that BuildKit reads for the image ``name``.

    ``ignored``: the text of the ignore file that counts, without slipway's own rules. A file that says the same already
    is left alone: neither BuildKit nor rsync takes it for a new one.
    """
    path = f"{_FOLDER}/{name}.Dockerfile"
    _keep(root / path, text.encode("utf-8", "surrogateescape"))
    _keep(root / beside(path), f"{ignored}\n{_OWN_RULES}".encode("utf-8", "surrogateescape"))
    return path


def beside(dockerfile: str) -> str:
    """The ignore file of a Dockerfile's own."""
    return f"{dockerfile}.dockerignore"


def _keep(file: Path, content: bytes) -> None:
    with written(file):
        if file.is_file() and file.read_bytes() == content:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
