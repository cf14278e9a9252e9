"""Read the paths of a context: an entry for each, with the hash of its content.

The reader marks the files that mostly hold a secret (``.env``, keys, credential files, ``.git``). The plan decides
whether they may enter an image.
"""

from __future__ import annotations

import os
import re
import stat

from slipway.core.errors import Problem, UsageError, one_line
from slipway.dockerfile.ignore import Ignore
from slipway.stack.entries import Encoded, FileEntry, Kind, decode, encode_file
from slipway.stack.worktree.contexts import is_within
from slipway.stack.worktree.definitions import OWN, is_own
from slipway.stack.worktree.files import FoundFiles, is_text
from slipway.stack.worktree.statcache import StatCache, attributes

_MARKED = re.compile(
    r"(?:^|/)(?:\.env(?:rc|[._-](?!(?:example|sample|template)$)[^/]*)?"
    r"|[^/]*\.(?:pem|key|p8|pk8|p12|pfx|ppk|kubeconfig)|kubeconfig|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?"
    r"|[._]netrc|\.pypirc|\.dockercfg|\.git-credentials|\.git|\.aws|\.ssh|\.docker/config\.json|\.kube/config)"
    r"(?:$|/)",
    re.IGNORECASE,
)
_IN_GIT = re.compile(r"(?:^|/)\.git(?=/)", re.IGNORECASE)
#: The longest part of a file's folder that the pattern above can match, in characters: ``/.docker/``.
_LONGEST_FOLDER = 9


class EntryReader:
    """Read paths into entries. slipway walks each folder once, and hashes only files that ``cache`` does not know.

    ``git``: whether a folder ``.git`` may enter an image. Otherwise the reader marks it and does not open its files.
    """

    def __init__(self, cache: StatCache, *, git: bool = False) -> None:
        self._cache, self._git = cache, git
        self._trees: dict[tuple[str, Ignore, bool], FoundFiles] = {}

    def entry(
        self, base: str, path: str, ignore: Ignore, where: str, modes: bool = True
    ) -> tuple[FileEntry, FoundFiles]:
        """Return the entry of ``path`` in the context ``base``, a resolved path, and the files found below it.

        The function follows links, as COPY does, and records them in the entry. ``modes``: whether modes count.
        """
        real = os.path.realpath(os.path.join(base, path))
        inside = os.path.relpath(real, base)
        if not is_within(real, base):
            raise UsageError.of([Problem(where, f"source {path} leaves the context: {real}")])
        if is_own(inside):
            raise UsageError.of([Problem(where, f"source {one_line(path)} leads into .slipway: it enters no image")])
        via = "" if inside == os.path.normpath(path) else inside
        try:
            status = os.lstat(real)
            if stat.S_ISDIR(status.st_mode):
                found = self._tree(base, "" if inside == "." else inside, ignore, where, modes)
                entry = FileEntry(Kind.TREE, status.st_mode, found.digest, attributes(real), via)
            else:
                found = FoundFiles()
                text = self._file(real, inside, status, where, found)
                found.odd = [] if is_text(inside, text) else [inside]
                if _MARKED.search(inside):
                    _mark(inside, text, found)
                entry = decode(text)._replace(via=via)
            return entry if modes else entry.without_mode(), found
        except OSError as error:
            shown = one_line(os.path.relpath(os.fsdecode(error.filename or real), base))
            raise UsageError.of([Problem(where, f"{shown} cannot be read: {error.strerror}")]) from None

    def _tree(self, base: str, folder: str, ignore: Ignore, where: str, modes: bool) -> FoundFiles:
        """Return a folder's listing, with names relative to the folder, and the sha256 of the listing.

        slipway walks each folder once in a run.
        """
        key = (os.path.join(base, folder), ignore, modes)
        if key in self._trees:
            return self._trees[key]
        if not modes:
            self._trees[key] = self._tree(base, folder, ignore, where, True).without_modes()
            return self._trees[key]
        found = self._walked(base, folder, ignore, where)
        found.odd = [path for path, text in found.listing.items() if not is_text(path, text)]
        skip = len(folder) + 1 if folder else 0
        found.listing = {path[skip:]: text for path, text in found.listing.items()}
        self._trees[key] = found.sealed()
        return self._trees[key]

    def _walked(self, base: str, folder: str, ignore: Ignore, where: str) -> FoundFiles:
        found = FoundFiles()
        ahead = [folder]
        while ahead:
            inside = ahead.pop()
            if found.marked and not self._git and _git_folder(inside) in found.marked:
                continue
            prefix, excludes, marked = f"{inside}/" if inside else "", ignore.below(inside), _MARKED.search(inside)
            tail = max(0, len(prefix) - _LONGEST_FOLDER)
            with os.scandir(os.path.join(base, inside)) as entries:
                for entry in entries:
                    if entry.name == OWN:
                        found.beside_own = True
                        continue
                    path = prefix + entry.name
                    excluded = excludes(path)
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        if not excluded:
                            read = FileEntry(Kind.FOLDER, status.st_mode, "", attributes(entry.path))
                            found.listing[path] = read.encode()
                        if not (excluded and ignore.prunes(path)):
                            ahead.append(path)
                    elif not excluded:
                        suspect = marked or _MARKED.search(path, tail)
                        if suspect and not self._git and (git := _git_folder(path)):
                            found.marked[git] = ""
                            break
                        found.listing[path] = self._file(entry.path, path, status, where, found)
                        if suspect:
                            _mark(path, found.listing[path], found)
        return found

    def _file(self, full: str, path: str, status: os.stat_result, where: str, found: FoundFiles) -> Encoded:
        mode = status.st_mode
        if stat.S_ISREG(mode):
            found.size += status.st_size
            return encode_file(mode, self._cache.sha256(full, status))
        if not stat.S_ISLNK(mode):
            problem = Problem(where, f"{one_line(path)} is neither file, folder nor link", "it was not opened")
            raise UsageError.of([problem])
        target = os.readlink(full)
        if os.path.normpath(os.path.join(os.path.dirname(path), target)).startswith(("/", "../")):
            found.leaving.append(f"{path} -> {target}")
        return FileEntry(Kind.LINK, None, target).encode()


def _mark(path: str, text: Encoded, found: FoundFiles) -> None:
    """Mark ``path``, or the folder ``.git`` that contains it."""
    if git := _git_folder(path):
        found.marked[git] = ""
        return
    entry = decode(text)
    found.marked[path] = entry.content if entry.kind is Kind.FILE else ""


def _git_folder(path: str) -> str:
    """Return the folder ``.git`` that contains ``path``; empty when there is none."""
    inside = _IN_GIT.search(path)
    return path[: inside.end()] if inside else ""
