"""Read the paths of a context: an entry for each, with the hash of its content.

The reader marks the files that mostly hold a secret (``.env``, keys, credential files, ``.git``). The plan decides
whether they may enter an image.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from functools import cache

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
#: The folders that the pattern above names together with a file.
_FOLDERS_OF_FILES = (".docker/", ".kube/")


class EntryReader:
    """Read paths into entries. slipway walks each folder once, and hashes only files that ``hashes`` does not know.

    ``git``: whether a folder ``.git`` may enter an image. Otherwise the reader marks it and does not open its files.
    """

    def __init__(self, hashes: StatCache, *, git: bool = False) -> None:
        self._hashes, self._git = hashes, git
        self._trees: dict[tuple[str, Ignore, bool], FoundFiles] = {}
        self._real = cache(os.path.realpath)

    def entry(
        self, base: str, path: str, ignore: Ignore, where: str, modes: bool = True
    ) -> tuple[FileEntry, FoundFiles]:
        """Return the entry of ``path`` in the context ``base``, a resolved path, and the files found below it.

        The function follows links, as COPY does, and records them in the entry. ``modes``: whether modes count.
        """
        real = self._resolved(os.path.join(base, path))
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
                if stat.S_ISREG(status.st_mode):
                    found.size = status.st_size
                    text = encode_file(status.st_mode, self._hashes.sha256(real, status))
                else:
                    text = _link(real, inside, status.st_mode, where, found)
                found.odd = [] if is_text(inside, text) else [inside]
                if _MARKED.search(inside):
                    _mark(inside, text, found)
                entry = decode(text)._replace(via=via)
            return entry if modes else entry.without_mode(), found
        except OSError as error:
            shown = one_line(os.path.relpath(os.fsdecode(error.filename or real), base))
            raise UsageError.of([Problem(where, f"{shown} cannot be read: {error.strerror}")]) from None

    def _resolved(self, full: str) -> str:
        """Return the path without links. Each folder on the way is resolved once."""
        folder, name = os.path.split(full)
        if name in ("", ".", ".."):
            return os.path.realpath(full)
        inside = os.path.join(self._real(folder), name)
        return os.path.realpath(inside) if os.path.islink(inside) else inside

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
        if not found.is_ascii:
            found.odd = [path for path, text in found.listing.items() if not is_text(path, text)]
        skip = len(folder) + 1 if folder else 0
        found.listing = {path[skip:]: text for path, text in found.listing.items()}
        self._trees[key] = found.sealed()
        return self._trees[key]

    def _walked(self, base: str, folder: str, ignore: Ignore, where: str) -> FoundFiles:
        found = FoundFiles()
        listing, sha256, is_folder, is_plain = found.listing, self._hashes.sha256, stat.S_ISDIR, stat.S_ISREG
        size, ahead = 0, [folder]
        while ahead:
            inside = ahead.pop()
            if found.marked and not self._git and _git_folder(inside) in found.marked:
                continue
            prefix, excludes, marked = f"{inside}/" if inside else "", ignore.below(inside), _MARKED.search(inside)
            with os.scandir(os.path.join(base, inside)) as scanned:
                entries = list(scanned)
            some_suspect = marked or _holds_marked(prefix, [entry.name for entry in entries])
            for entry in entries:  # a hundred thousand files pass here, so it calls little
                name = entry.name
                if name == OWN:
                    found.beside_own = True
                    continue
                path = prefix + name
                excluded = excludes(path)
                status = entry.stat(follow_symlinks=False)
                mode = status.st_mode
                if is_folder(mode):
                    if not excluded:
                        listing[path] = FileEntry(Kind.FOLDER, mode, "", attributes(entry.path)).encode()
                    if not (excluded and ignore.prunes(path)):
                        ahead.append(path)
                elif not excluded:
                    suspect = some_suspect and (marked or _MARKED.search(path))
                    if suspect and not self._git and (git := _git_folder(path)):
                        found.marked[git] = ""
                        break
                    if is_plain(mode):
                        size += status.st_size
                        listing[path] = encode_file(mode, sha256(entry.path, status))
                    else:
                        listing[path] = _link(entry.path, path, mode, where, found)
                    if suspect:
                        _mark(path, listing[path], found)
        found.size = size
        return found


def _link(full: str, path: str, mode: int, where: str, found: FoundFiles) -> Encoded:
    """Return the entry of a link. Raises UsageError for what is neither link, file nor folder."""
    if not stat.S_ISLNK(mode):
        problem = Problem(where, f"{one_line(path)} is neither file, folder nor link", "it was not opened")
        raise UsageError.of([problem])
    target = os.readlink(full)
    if os.path.normpath(os.path.join(os.path.dirname(path), target)).startswith(("/", "../")):
        found.leaving.append(f"{path} -> {target}")
    return FileEntry(Kind.LINK, None, target).encode()


def _holds_marked(prefix: str, names: Sequence[str]) -> bool:
    """Tell whether a folder may hold a marked file: one search instead of one for each name.

    The names stand one after another, as the parts of a path. Two of them may look like a folder and its file.
    """
    return bool(prefix.lower().endswith(_FOLDERS_OF_FILES) or _MARKED.search("/".join(names)))


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
