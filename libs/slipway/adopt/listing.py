"""List a repository's files, and recognise those that say how images are built: by name first, then by content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slipway.core.command import Command, Result

#: Folders of other people's files. slipway takes no Dockerfile in one of them.
_FOREIGN = frozenset({"node_modules", "site-packages", "vendor", "third_party", ".git", ".slipway"})
#: Folders that a repository without git leaves out, too: git would ignore them.
_MADE = frozenset({"__pycache__", ".nox", ".tox", ".venv", "venv"})
_DOCKERFILE = re.compile(
    r"(?:dockerfile|containerfile)(?:[._-](?P<after>[^/]+))?|[^/]+(?:\.(?:dockerfile|containerfile)|(?-i:D)ockerfile)",
    re.I,
)
#: Endings of files about Dockerfiles: ignore files, templates, patches, notes, requirements.
_BESIDE = re.compile(
    r"(?:^|[._-])(?:dockerignore|containerignore|j2|jinja2?|tmpl|template|tpl|in|erb|mustache|patch|diff|orig|bak|md|rst"
    r"|txt|lock|py|sh|ya?ml|json|toml|go|js|ts)$",
    re.I,
)
_COMPOSE = re.compile(r"(?:[^/]*[._-])?compose(?:[._-][^/]*)?\.ya?ml|build\.ya?ml", re.I)
_BAKE = re.compile(r"docker-bake(?:[._-][^/]*)?\.(?:hcl|json)", re.I)
_SCRIPT = re.compile(r"(?:gnu)?makefile|justfile|[^/]+\.(?:mk|mak|sh|bash)", re.I)
_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml")
_SERVICES = re.compile(r"^[{\s]*\"?(?:services|include)\"?\s*:", re.M)
_BUILT = re.compile(r"\b(?:build|extends)\"?\s*:")
#: In bytes. No Dockerfile and no script that a person wrote is larger.
_LARGEST = 500_000
#: A repository has fewer scripts of its own; more are data.
_MOST_SCRIPTS = 3_000

#: Runs a command to its end.
Run = Callable[[Command], Result]


@dataclass(frozen=True)
class Listing:
    """Hold the files of a repository that say how its images are built, as posix paths from the root, sorted.

    - ``source``: ``git``, or ``walk`` for a folder that git does not track.
    - ``count``: the number of all files.
    - ``dockerfiles``; ``compose`` and ``bake`` files; ``scripts`` that may run docker.
    - ``others``: files with ``Dockerfile`` in their name that are none, which a pattern must not name.
    - ``folders``: the folders in the root.
    """

    source: str
    count: int
    dockerfiles: tuple[str, ...] = ()
    compose: tuple[str, ...] = ()
    bake: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def list_repository(root: Path, run: Run) -> Listing:
    """List the files of ``root``: those that git tracks or would track, or without git all but what tools made."""
    listed = run(Command(("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=str(root)))
    if listed.ok:
        return recognise(listed.stdout.split("\0"), root, "git")
    return recognise(_walk(root), root, "walk")


def top_level(folder: Path, run: Run) -> Path:
    """Return the root of the git repository at ``folder``, or ``folder`` itself."""
    found = run(Command(("git", "rev-parse", "--show-toplevel"), cwd=str(folder)))
    return Path(found.stdout.removesuffix("\n")) if found.ok else folder


def recognise(files: Iterable[str], root: Path, source: str) -> Listing:
    """Sort ``files`` by what they say. A link to another Dockerfile of them is left out."""
    count = 0
    folders: set[str] = set()
    named: dict[str, list[str]] = {kind: [] for kind in ("dockerfiles", "compose", "bake", "scripts", "others")}
    for path in files:
        count += bool(path)
        folders.add(path[: max(path.find("/"), 0)])
        if kind := kind_of(path):
            named[kind].append(path)
    genuine = [path for path in named["dockerfiles"] if _is_dockerfile(root / path)]
    unique = set(_without_links(genuine, root))
    others = {*named["others"], *named["dockerfiles"]} - unique
    return Listing(
        source,
        count,
        tuple(sorted(unique)),
        tuple(sorted(path for path in named["compose"] if _builds(text_of(root / path)))),
        tuple(sorted(named["bake"])),
        tuple(sorted(named["scripts"], key=_by_depth)[:_MOST_SCRIPTS]),
        tuple(sorted(others)),
        tuple(sorted(folders - {""})),
    )


def kind_of(path: str) -> str:
    """Return the field of a listing to which the name of ``path`` belongs, or an empty string."""
    name = path.rpartition("/")[2]
    if "{" in path or "}" in path:  # of a template; no key of the table can name it
        return ""
    if "ockerfile" in name or "ontainerfile" in name or "OCKERFILE" in name:
        if _is_foreign(path):
            return ""
        named = _DOCKERFILE.fullmatch(name)
        return "dockerfiles" if named and not _BESIDE.search(named["after"] or "") else "others"
    for kind, form in (("compose", _COMPOSE), ("bake", _BAKE), ("scripts", _SCRIPT)):
        if form.fullmatch(name) and not _is_foreign(path):
            return kind
    return "scripts" if _WORKFLOW.fullmatch(path) else ""


def text_of(path: Path) -> str:
    """Return the text of a file of usual size; empty for any other, and for one that cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return ""
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _is_foreign(path: str) -> bool:
    return not _FOREIGN.isdisjoint(PurePosixPath(path).parts)


def _by_depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _is_dockerfile(path: Path) -> bool:
    """Tell whether the first instruction of a file is FROM or ARG, and no template fills it in."""
    lines = (line.strip() for line in text_of(path).splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.partition(" ")[0].upper() in ("FROM", "ARG") and "{{" not in first and "{%" not in first


def _without_links(paths: Collection[str], root: Path) -> Iterator[str]:
    """Yield the Dockerfiles without those that are links to another of them."""
    real = {path: os.path.realpath(root / path) for path in paths}
    plain = {real[path] for path in paths if not (root / path).is_symlink()}
    yield from (path for path in paths if not (root / path).is_symlink() or real[path] not in plain)


def _builds(text: str) -> bool:
    """Tell whether a YAML file has services, of which one may be built."""
    return bool(_SERVICES.search(text) and _BUILT.search(text))


def _walk(root: Path) -> Iterator[str]:
    left_out = _FOREIGN | _MADE
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in left_out)
        inside = os.path.relpath(folder, root)
        yield from (name if inside == "." else f"{inside}/{name}" for name in files)
