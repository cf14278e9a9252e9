"""Find the paths that an image names in its context, and report the missing ones.

BuildKit fails for a missing source. A pattern may match nothing when BuildKit received the folder that it searches.
The part before the first ``*``, ``?`` or ``[`` must then exist among the files that all sources together name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from slipway.core.errors import Problem, one_line, suggestion
from slipway.dockerfile import Source, is_glob
from slipway.dockerfile.ignore import Ignore
from slipway.stack.entries import Encoded
from slipway.stack.worktree.definitions import is_own
from slipway.stack.worktree.gitignore import GitIgnore
from slipway.stack.worktree.globs import matches

#: The reason why slipway does not send an existing source; the key tells whether the source is slipway's own.
_LEFT_OUT = {False: "is excluded by .dockerignore", True: "is slipway's own: it enters no image"}
#: The way to a file that git ignores: other steps of a CI job make it.
_MADE_FIRST = "git ignores it: make it before slipway builds the image"
#: The paths that all sources of an image name, from the context and with links resolved → the entries below each.
Sent = Mapping[str, Mapping[str, Encoded]]


@dataclass(frozen=True)
class Context:
    """Hold the folder in which slipway looks for an image's sources.

    ``path``: the folder, below ``root`` or absolute. ``ignore``: excludes files from it. ``git``: the files that git
    ignores.
    """

    root: Path
    path: str
    dockerfile: str
    ignore: Ignore
    git: GitIgnore

    @cached_property
    def base(self) -> str:
        return os.path.normpath(os.path.join(self.root, self.path))

    def named(self, source: Source, path: str) -> Iterator[str]:
        """Yield the paths that ``path``, one of the paths of ``source``, names."""
        if path in ("", "."):
            yield "."
        elif source.is_pattern(path):
            found = matches(self.base, path, deep=source.parents)
            yield from (hit for hit in found if not is_own(hit) and not self.ignore.excludes(hit))
        else:
            yield path

    def missing(self, sources: Sequence[Source]) -> list[Problem]:
        """Return a problem for each literal path that does not exist, or that is left out.

        When the context does not contain all of them, the problems name the paths that are missing in the folder with
        most of them.
        """
        named = {path: source.place(self.dockerfile) for source in sources for path in source.literal if path}
        here = self._having(self.path, named)
        if len(here) < len(named):
            nearest = max(self._folders, key=lambda folder: len(self._having(folder, named)))
            here = self._having(nearest, named)
            return [
                Problem(
                    where, f"source {one_line(path)} does not exist", self._elsewhere(path, nearest if here else ".")
                )
                for path, where in named.items()
                if path not in here
            ]
        return [
            Problem(where, f"source {one_line(path)} {_LEFT_OUT[is_own(path)]}")
            for path, where in named.items()
            if is_own(path) or (path != "." and self.ignore.excludes(path) and self.ignore.prunes(path))
        ]

    @property
    def _folders(self) -> list[str]:
        """Return the folders in which slipway looks for a context: the Dockerfile's own and those above it."""
        return list(map(str, PurePosixPath(self.dockerfile).parents))

    def _having(self, folder: str, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if os.path.lexists(os.path.join(self.root, folder, path))]

    def unmatched(self, empty: Iterable[tuple[Source, str]], sent: Sent) -> list[Problem]:
        """Return a problem for each pattern for which BuildKit would fail.

        ``empty``: the sources and their patterns that match nothing.
        """
        problems = []
        for source, path in empty:
            folder = _before_the_pattern(path, source.parents)
            if folder and not _is_sent(self._resolved(folder), sent):
                where = source.place(self.dockerfile)
                allowed = f"BuildKit allows that only where something else of {one_line(folder)} is sent"
                hint = _MADE_FIRST if self._is_made_first(self.path, folder) else allowed
                problems.append(Problem(where, f"source {one_line(path)} matches nothing", hint))
        return problems

    def _is_made_first(self, folder: str, path: str) -> bool:
        """Tell whether git ignores ``path``, seen from the context ``folder``."""
        inside = os.path.relpath(os.path.normpath(os.path.join(self.root, folder, path)), self.root)
        return not inside.startswith("..") and self.git.excludes(PurePosixPath(inside).as_posix())

    def _resolved(self, folder: str) -> str:
        real = os.path.realpath(os.path.join(self.base, folder))
        return os.path.relpath(real, os.path.realpath(self.base))

    def _elsewhere(self, path: str, blamed: str) -> str:
        """Return a hint for the missing ``path``: a folder that has it, else the folders slipway searched.

        The hint also suggests a similar name in the context ``blamed``.
        """
        if self._is_made_first(blamed, path):
            return _MADE_FIRST
        if having := [folder for folder in self._folders if self._having(folder, [path])]:
            return f"{folder_name(having[0])} has it, but not all the other sources: an image has one context"
        *most, last = map(folder_name, self._folders)
        looked = f"looked in {', '.join(most)} and {last}" if most else f"looked in {last}"
        parent, _, name = path.rpartition("/")
        try:
            beside = os.listdir(self.root / blamed / parent)
        except OSError:
            beside = []
        near = suggestion(name, beside, what=f"{parent}/" if parent else "")
        return f"{near} {looked}" if near else looked


def folder_name(folder: str) -> str:
    """Return the name of a context for messages."""
    return "the repository's root" if folder == "." else folder


def _before_the_pattern(path: str, parents: bool) -> str:
    """Return the folder in which BuildKit searches for the pattern; "" is the context itself.

    COPY --parents searches below its pivot.
    """
    if parents:
        path = path.partition("/./")[0] if "/./" in path else ""
    plain = []
    for part in path.split("/"):
        if is_glob(part):
            break
        plain.append(part)
    return "/".join(plain)


def _is_sent(folder: str, sent: Sent) -> bool:
    """Tell whether a path that is sent is ``folder``, lies below it, or contains it."""
    for path, listing in sent.items():
        if f"{path}/".startswith(f"{folder}/"):
            return True
        if path == "." or folder.startswith(f"{path}/"):
            inside = folder if path == "." else folder.removeprefix(f"{path}/")
            if any(f"{below}/".startswith(f"{inside}/") for below in listing):
                return True
    return False
