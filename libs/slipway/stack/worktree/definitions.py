"""Write the files that BuildKit reads about an image: its Dockerfile and its ignore file.

BuildKit prefers ``<Dockerfile>.dockerignore`` to the context's ``.dockerignore``, wherever the Dockerfile is. slipway
writes both files as planned into its own folder. It appends two rules, which exclude ``.slipway`` from every context.
BuildKit then builds the planned text, even when the Dockerfile is a link.
"""

from __future__ import annotations

from pathlib import Path

from slipway.core.writing import written

#: The name of slipway's own folder.
OWN = ".slipway"
#: Exclude the folder at any depth. Later rules win, so no ``!`` before these includes it again. Its content needs a
#: separate rule: BuildKit creates an empty file when ``!`` names a file below a folder that a later rule excludes.
_OWN_RULES = f"**/{OWN}\n**/{OWN}/**\n"
_FOLDER = f"{OWN}/dockerfiles"


def is_own(path: str) -> bool:
    """Tell whether ``path`` is a folder of slipway's own, or lies in one."""
    return OWN in path.split("/")


def define(root: Path, name: str, text: str, ignored: str) -> str:
    """Write the Dockerfile and ignore file of the image ``name``; return the Dockerfile's path from ``root``.

    ``ignored``: the text of the ignore file that applies, without slipway's own rules. The function does not touch a
    file that has the same content already, so that neither BuildKit nor rsync treats it as new.
    """
    path = f"{_FOLDER}/{name}.Dockerfile"
    _keep(root / path, text.encode("utf-8", "surrogateescape"))
    _keep(root / beside(path), f"{ignored}\n{_OWN_RULES}".encode("utf-8", "surrogateescape"))
    return path


def beside(dockerfile: str) -> str:
    """Return the path of the ignore file that belongs to one Dockerfile."""
    return f"{dockerfile}.dockerignore"


def _keep(file: Path, content: bytes) -> None:
    with written(file):
        if file.is_file() and file.read_bytes() == content:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
