"""Read a repository: its Dockerfiles and ignore files, and the files that each image reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from slipway.config.dotenv import parse_env
from slipway.config.images import Pattern
from slipway.core.errors import Problem, UsageError
from slipway.core.image import Image
from slipway.dockerfile import Source
from slipway.dockerfile.ignore import Ignore, parse_ignore
from slipway.stack.entries import Encoded, FileEntry, Kind
from slipway.stack.worktree.contexts import is_within, name_context
from slipway.stack.worktree.definitions import beside, define
from slipway.stack.worktree.files import Files, FoundFiles, MarkedFile, files_of, sent_as
from slipway.stack.worktree.gitignore import GitIgnore
from slipway.stack.worktree.reader import EntryReader
from slipway.stack.worktree.sources import Context, folder_name
from slipway.stack.worktree.statcache import StatCache


class Worktree:
    """Read a repository's files below ``root``. Without a ``cache``, slipway hashes every file again.

    ``git``: whether a folder ``.git`` may enter an image.
    """

    def __init__(self, root: Path, cache: StatCache | None = None, *, git: bool = False) -> None:
        self.root = root
        self.cache = cache or StatCache()
        self._top = os.path.realpath(root)
        self._texts: dict[str, str] = {}
        self._ignores: dict[str, Ignore] = {}
        self._git = git
        self._git_ignore = GitIgnore(root)
        self._reader = EntryReader(self.cache, git=git)

    def find(self, pattern: Pattern) -> list[str]:
        """Return the files that ``pattern`` names, as sorted paths from the root.

        Raises UsageError for a folder that cannot be listed.
        """
        found = [""]
        for part in pattern.parts:
            if isinstance(part, str):
                found = [f"{folder}{part}/" for folder in found]
            else:
                found = [f"{folder}{name}/" for folder in found for name in self._names(folder) if part.fullmatch(name)]
        paths = (path.rstrip("/") for path in found)
        return [path for path in paths if _may_be_there(self.root / path)]

    def dockerfiles(self, paths: Iterable[str]) -> tuple[dict[str, str], dict[str, UsageError]]:
        """Return the text of each of ``paths``, and the error of each that cannot be read, by its path."""
        texts: dict[str, str] = {}
        errors: dict[str, UsageError] = {}
        for path in dict.fromkeys(paths):
            try:
                texts[path] = self._text(self.root / path, path)
            except UsageError as error:
                errors[path] = error
        return texts, errors

    def read_args(self, path: str) -> dict[str, str]:
        """Return the build args in a file of ``NAME=value`` lines. Raises UsageError."""
        if not self.exists(path):
            raise UsageError(f"{path}: no such file of build args")
        entries, problems = parse_env(self._text(self.root / path, path).encode(), path)
        if problems:
            raise UsageError.of(problems)
        return {entry.name: entry.value for entry in entries}

    def dockerfile(self, path: str) -> str:
        """Return the text of one Dockerfile. Raises UsageError when it is missing or cannot be read."""
        if not self.exists(path):
            raise UsageError("Dockerfile removed")
        return self._text(self.root / path, path)

    def _names(self, folder: str) -> list[str]:
        """Return the sorted names in ``folder``; none when it does not exist."""
        try:
            return sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UsageError.of([Problem(folder.rstrip("/"), f"cannot be read: {error.strerror}")]) from None

    def again(self) -> Worktree:
        """Return a new Worktree, which reads the same files again."""
        return Worktree(self.root, self.cache, git=self._git)

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
        """Return the patterns that exclude files from an image's context, without slipway's own rules.

        Many contexts have copies of one ignore file. slipway parses a text once.
        """
        path, text = self._ignore_file(dockerfile, context)
        if text not in self._ignores:
            self._ignores[text] = parse_ignore(text, path=path)
        return self._ignores[text]

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

        Raises UsageError for a path that is missing, leaves the context, or is neither file, folder nor link.
        """
        return self._read(self._context(context, dockerfile, self.ignore(dockerfile, context)), sources)

    def folder_files(self, dockerfile: str, folder: str, sources: Sequence[Source]) -> Files:
        """Return the files that ``sources`` read from ``folder``, a named context in the repository.

        Raises the errors of ``files``, and UsageError for a source that contains slipway's own folder: BuildKit applies
        no ignore file of slipway to a named context. The repository's root gets that folder in the first run.
        """
        found = self._read(self._context(folder, dockerfile, self.ignore("", folder)), sources)
        if found.beside_own or "." in found.entries:
            what = f"a copy of the whole context {folder_name(folder)} would hold .slipway"
            raise UsageError.of([Problem(dockerfile, what, "copy the folders in it that the image needs")])
        return found

    def _context(self, path: str, dockerfile: str, ignore: Ignore) -> Context:
        return Context(self.root, path, dockerfile, ignore, self._git_ignore)

    def _read(self, place: Context, sources: Sequence[Source]) -> Files:
        context, dockerfile = place.path, place.dockerfile
        base = os.path.realpath(place.base)
        if not is_within(base, self._top):
            raise UsageError.of([Problem(dockerfile, f"the context {context} leaves the repository: {base}")])
        if missing := place.missing(sources):
            raise UsageError.of(missing)
        found: dict[str, FoundFiles] = {}
        entries: dict[str, FileEntry] = {}
        sent: dict[str, Mapping[str, Encoded]] = {}
        marked: dict[str, MarkedFile] = {}
        empty: list[tuple[Source, str]] = []
        for source in sorted(sources, key=lambda source: source.modes):  # a path read in both ways keeps its mode
            where = source.place(dockerfile)
            for pattern in source.paths:
                named = list(place.named(source, pattern))
                empty += [] if named else [(source, pattern)]
                for path in named:
                    name = path if context == "." else context if path == "." else f"{context}/{path}"
                    entries[name], found[name] = self._reader.entry(base, path, place.ignore, where, source.modes)
                    sent[sent_as(path, entries[name])] = found[name].listing
                    for one in self._marked(where, base, found[name]):
                        marked.setdefault(one.path, one)
        if unmatched := place.unmatched(empty, sent):
            raise UsageError.of(unmatched)
        return files_of(entries, found, marked.values())

    def read_folder(self, folder: Path) -> Files:
        """Return all files of a named context as one tree, under ``"."``.

        Raises UsageError when the folder does not exist.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder", hint="WHEELHOUSE or pip's find-links names it")
        where, base = str(folder), os.path.realpath(folder)
        entry, found = self._reader.entry(base, ".", self.ignore("", where), where)
        return files_of({".": entry}, {".": found}, self._marked(where, base, found))

    def _marked(self, where: str, base: str, found: FoundFiles) -> Iterator[MarkedFile]:
        for path, content in sorted(found.marked.items()):
            yield MarkedFile(where, path, os.path.relpath(os.path.join(base, path), self._top), content)

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
