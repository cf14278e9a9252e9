"""Read the files that an image reads: an entry for each path.

slipway refuses to send a file that must never enter an image (``.env``, keys, credential files). No rule of
``.dockerignore`` can permit it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.core.errors import PolicyError, Problem, UsageError, one_line
from slipway.core.image import Image
from slipway.dockerfile import Source
from slipway.dockerfile.ignore import Ignore, parse_ignore
from slipway.stack.entries import Encoded, FileEntry, Kind, decode, encode_file
from slipway.stack.worktree.contexts import is_within, name_context
from slipway.stack.worktree.definitions import OWN, beside, define, is_own
from slipway.stack.worktree.files import Files, Found, files_of, is_text, sent_as
from slipway.stack.worktree.sources import Context
from slipway.stack.worktree.statcache import StatCache, attributes

_DENIED = re.compile(
    r"(?:^|/)(?:\.env(?:rc|[._-](?!(?:example|sample|template)$)[^/]*)?"
    r"|[^/]*\.(?:pem|key|p8|pk8|p12|pfx|ppk|kubeconfig)|kubeconfig|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?"
    r"|[._]netrc|\.pypirc|\.dockercfg|\.git-credentials|\.git|\.aws|\.ssh|\.docker/config\.json|\.kube/config)"
    r"(?:$|/)",
    re.IGNORECASE,
)
#: The longest part of a file's folder that the pattern above can match, in characters: ``/.docker/``.
_LONGEST_FOLDER = 9


class Worktree:
    """Read a repository's files below ``root``. Without a ``cache``, slipway hashes every file again."""

    def __init__(self, root: Path, cache: StatCache | None = None) -> None:
        self.root = root
        self.cache = cache or StatCache()
        self._top = os.path.realpath(root)
        self._texts: dict[str, str] = {}
        self._ignores: dict[str, Ignore] = {}
        self._trees: dict[tuple[str, Ignore, bool], Found] = {}

    def dockerfiles(self) -> dict[str, str]:
        """Return the text of every Dockerfile, by its path from the root.

        Raises UsageError for those that cannot be read.
        """
        texts: dict[str, str] = {}
        problems: list[Problem] = []
        bases = (path for path in self._children("infra/docker", problems) if path.name.endswith(".Dockerfile"))
        services = (path / "Dockerfile" for path in self._children("apps", problems))
        for path in (*bases, *filter(_may_be_there, services)):
            name = path.relative_to(self.root).as_posix()
            try:
                texts[name] = self._text(path, name)
            except UsageError as error:
                problems += error.problems
        if problems:
            raise UsageError.of(problems)
        return texts

    def dockerfile(self, path: str) -> str:
        """Return the text of one Dockerfile. Raises UsageError when it is missing or cannot be read."""
        if not self.exists(path):
            raise UsageError("Dockerfile removed")
        return self._text(self.root / path, path)

    def _children(self, folder: str, problems: list[Problem]) -> list[Path]:
        try:
            return sorted((self.root / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            problems.append(Problem(folder, f"cannot be read: {error.strerror}"))
            return []

    def again(self) -> Worktree:
        """Return a new Worktree, which reads the same files again."""
        return Worktree(self.root, self.cache)

    def context(self, path: str) -> str:
        """Return the name, from the root, under which BuildKit receives the context ``path``."""
        return name_context(self.root, path, self.cache.salt)

    def text(self, path: str) -> str:
        """Return the text of a file that was listed before; empty when the file cannot be read now."""
        try:
            return (self.root / path).read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        return os.path.lexists(os.path.join(self.root, path))

    def ignore(self, dockerfile: str, context: str) -> Ignore:
        """Return the patterns that exclude files from an image's context, without slipway's own rules."""
        path, text = self._ignore_file(dockerfile, context)
        if path not in self._ignores:
            self._ignores[path] = parse_ignore(text, path=path)
        return self._ignores[path]

    def define(self, image: Image, text: str) -> str:
        """Write the files that BuildKit reads about an image; return its Dockerfile's path from the root."""
        return define(self.root, image.name, text, self._ignore_file(image.dockerfile, image.context)[1])

    def define_carrier(self, name: str, folder: Path) -> str:
        """Write the files that BuildKit reads about the image ``name``, a copy of the named context ``folder``.

        Return its Dockerfile's path from the root. The image does not get slipway's own folder, nor the files that the
        ignore file excludes.
        """
        return define(self.root, name, "FROM scratch\nCOPY . /\n", self._ignore_file("", str(folder))[1])

    def _ignore_file(self, dockerfile: str, context: str) -> tuple[str, str]:
        """Return the path and text of the ignore file that applies, or two empty strings when there is none.

        ``<Dockerfile>.dockerignore`` takes precedence over the context's ``.dockerignore``. A named context has no
        Dockerfile: ``dockerfile`` is empty. Raises UsageError for an ignore file that cannot be read.
        """
        candidates = [beside(dockerfile)] if dockerfile else []
        for path in (*candidates, os.path.normpath(f"{context}/.dockerignore")):
            file = self.root / path
            try:
                if path not in self._texts and file.is_file():
                    self._texts[path] = file.read_bytes().decode("utf-8", "surrogateescape")
            except OSError as error:
                raise UsageError.of([Problem(path, f"cannot be read: {error.strerror}")]) from None
            if path in self._texts:
                return path, self._texts[path]
        return "", ""

    def files(self, dockerfile: str, context: str, sources: Sequence[Source]) -> Files:
        """Return the files that ``sources`` read from ``context`` (a path from the root, or absolute).

        Raises UsageError for a path that is missing, leaves the context, or is neither file, folder nor link. Raises
        PolicyError for a file that must not enter an image.
        """
        place = Context(self.root, context, dockerfile, self.ignore(dockerfile, context))
        base = os.path.realpath(place.base)
        if not is_within(base, self._top):
            raise UsageError.of([Problem(dockerfile, f"the context {context} leaves the repository: {base}")])
        if missing := place.missing(sources):
            raise UsageError.of(missing)
        found: dict[str, Found] = {}
        entries: dict[str, FileEntry] = {}
        sent: dict[str, Mapping[str, Encoded]] = {}
        for source in sorted(sources, key=lambda source: source.modes):  # a path read in both ways keeps its mode
            where = source.place(dockerfile)
            for pattern in source.paths:
                for path in place.named(source, pattern):
                    name = path if context == "." else context if path == "." else f"{context}/{path}"
                    entries[name], found[name] = self._entry(base, path, place.ignore, where, source.modes)
                    sent[sent_as(path, entries[name])] = found[name].listing
        if unmatched := place.unmatched(sources, sent):
            raise UsageError.of(unmatched)
        return files_of(entries, found)

    def read_folder(self, folder: Path) -> Files:
        """Return all files of a named context as one tree, under ``"."``.

        Raises UsageError when the folder does not exist.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder", hint="WHEELHOUSE or pip's find-links names it")
        entry, found = self._entry(os.path.realpath(folder), ".", self.ignore("", str(folder)), str(folder))
        return files_of({".": entry}, {".": found})

    def largest(self, files: Files, count: int) -> list[tuple[str, int]]:
        """Return the ``count`` largest plain files among ``files``, with their bytes."""
        names = [name for name in files.entries if name in files.sizes]
        for name, entry in files.entries.items():
            listing = files.trees.get(entry.content, ()) if entry.kind is Kind.TREE else ()
            names += [os.path.normpath(f"{name}/{path}") for path in listing]
        full = {name: self.root / name for name in names}
        sizes = {name: path.lstat().st_size for name, path in full.items() if path.is_file() and not path.is_symlink()}
        return sorted(sizes.items(), key=lambda item: item[1], reverse=True)[:count]

    def _text(self, path: Path, name: str) -> str:
        real = os.path.realpath(path)
        try:
            if not is_within(real, self._top):
                raise UsageError.of([Problem(name, f"leaves the repository: {real}")])
            if not path.is_file():
                raise UsageError.of([Problem(name, "is not a regular file; slipway does not open it")])
            return path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            problem = Problem(name, f"byte {error.start} is not UTF-8", "save the file as UTF-8")
            raise UsageError.of([problem]) from None
        except OSError as error:
            raise UsageError.of([Problem(name, f"cannot be read: {error.strerror}")]) from None

    def _entry(self, base: str, path: str, ignore: Ignore, where: str, modes: bool = True) -> tuple[FileEntry, Found]:
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
            elif _DENIED.search(inside):
                raise _refusal(inside, where)
            else:
                found = Found()
                text = self._file(real, inside, status, where, found)
                found.odd = [] if is_text(inside, text) else [inside]
                entry = decode(text)._replace(via=via)
            return entry if modes else entry.without_mode(), found
        except OSError as error:
            shown = one_line(os.path.relpath(os.fsdecode(error.filename or real), base))
            raise UsageError.of([Problem(where, f"{shown} cannot be read: {error.strerror}")]) from None

    def _tree(self, base: str, folder: str, ignore: Ignore, where: str, modes: bool) -> Found:
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

    def _walked(self, base: str, folder: str, ignore: Ignore, where: str) -> Found:
        found = Found()
        ahead = [folder]
        while ahead:
            inside = ahead.pop()
            prefix, excludes, denied = f"{inside}/" if inside else "", ignore.below(inside), _DENIED.search(inside)
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
                        if denied or _DENIED.search(path, tail):
                            raise _refusal(path, where)
                        found.listing[path] = self._file(entry.path, path, status, where, found)
        return found

    def _file(self, full: str, path: str, status: os.stat_result, where: str, found: Found) -> Encoded:
        mode = status.st_mode
        if stat.S_ISREG(mode):
            found.size += status.st_size
            return encode_file(mode, self.cache.sha256(full, status))
        if not stat.S_ISLNK(mode):
            problem = Problem(where, f"{one_line(path)} is neither file, folder nor link", "it was not opened")
            raise UsageError.of([problem])
        target = os.readlink(full)
        if os.path.normpath(os.path.join(os.path.dirname(path), target)).startswith(("/", "../")):
            found.leaving.append(f"{path} -> {target}")
        return FileEntry(Kind.LINK, None, target).encode()


def _may_be_there(path: Path) -> bool:
    """Tell whether ``path`` may exist; False only when it certainly does not.

    When this user must not enter its folder, reading the file reports that.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _refusal(path: str, where: str) -> PolicyError:
    hint = "keys, credentials, .env, .git and .slipway never do: name it in .dockerignore, or copy less"
    return PolicyError.of([Problem(where, f"{one_line(path)} would enter the image", hint, "secret-file")])
