"""The repository: find Dockerfiles, list and hash the files that an image reads.

File hashes are kept in a stat cache (size, mtime, ctime, inode, mode → sha256): ctime tells what BuildKit's and rsync's
comparison of size and mtime misses. What must never travel (``.env``, keys, credential files) is refused here,
whatever ``.dockerignore`` says.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway.dockerfile import Source
from slipway.dockerfile.ignore import Ignore, parse_ignore
from slipway.errors import PolicyError, Problem, UsageError, printable

_DENIED = re.compile(
    r"(?:^|/)(?:\.env(?!\.(?:example|sample|template)$)(?:\.[^/]*)?|[^/]*\.(?:pem|key|p12|pfx|kubeconfig)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.git-credentials|\.git|\.slipway|\.aws|\.ssh|\.docker/config\.json"
    r"|\.kube/config)(?:$|/)"
)
_GLOB = re.compile(r"[*?\[\\]")
#: Extended attributes that tell of the machine, not of the file.
_MACHINE = re.compile(r"security\.|system\.|com\.apple\.")
#: A file changed this shortly before it was hashed may change again within one tick of the clock.
_RACY_NS = 50_000_000


@dataclass(frozen=True)
class Files:
    """What sources name: path → text that stands for its content; ``trees`` opens the texts that name a tree."""

    entries: Mapping[str, str]
    trees: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class StatCache:
    """path → sha256 while size, mtime, ctime and inode stay. A lost or broken cache only costs time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[int | str]] = {}
        self._dirty = False
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(path.read_text("utf-8", "surrogateescape"))
            self._known = kept if isinstance(kept, dict) else {}

    def sha256(self, path: str, status: os.stat_result) -> str:
        """Of the file's bytes; followed by that of its extended attributes when it has any."""
        key = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        known = self._known.get(path)
        if isinstance(known, list) and known[:4] == key and len(known) == 5:
            return str(known[4])
        hashed_at = time.time_ns()
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest() + _attributes(path)
        if max(status.st_ctime_ns, status.st_mtime_ns) < hashed_at - _RACY_NS:
            self._known[path] = [*key, digest]
            self._dirty = True
        else:
            self._known.pop(path, None)
        return digest

    def save(self) -> None:
        if not self._dirty:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        scratch.write_text(json.dumps(self._known, separators=(",", ":")), "utf-8", "surrogateescape")
        scratch.replace(self._path)
        self._dirty = False


class Worktree:
    """A repository's files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = StatCache(root / ".slipway/cache/stat.json")
        self._ignores: dict[str, Ignore] = {}
        self._trees: dict[tuple[str, Ignore], tuple[str, dict[str, str]]] = {}

    def dockerfiles(self) -> dict[str, str]:
        """Path from the root → text of every Dockerfile of the stack. Raises UsageError when one is not UTF-8."""
        found = [*sorted(self.root.glob("infra/docker/*.Dockerfile")), *sorted(self.root.glob("apps/*/Dockerfile"))]
        texts: dict[str, str] = {}
        problems: list[Problem] = []
        for path in found:
            name = path.relative_to(self.root).as_posix()
            try:
                texts[name] = path.read_bytes().decode("utf-8")
            except (UnicodeDecodeError, OSError) as error:
                problems.append(Problem(name, f"cannot be read: {error}"))
        if problems:
            raise UsageError.of(problems)
        return texts

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path)

    def ignore(self, dockerfile: str, context: str) -> Ignore:
        """``<Dockerfile>.dockerignore`` when there is one, else the context's ``.dockerignore``."""
        for path in (f"{dockerfile}.dockerignore", f"{context}/.dockerignore"):
            if path not in self._ignores and (self.root / path).is_file():
                self._ignores[path] = parse_ignore((self.root / path).read_text("utf-8", "replace"))
            if path in self._ignores:
                return self._ignores[path]
        return self._ignores.setdefault("", parse_ignore(""))

    def files(self, dockerfile: str, context: str, sources: Sequence[Source]) -> Files:
        """What ``sources`` read from ``context`` (a path from the root, or absolute).

        Raises UsageError for what is missing, leaves the context or is no plain file; PolicyError for what is denied.
        """
        ignore = self.ignore(dockerfile, context)
        base = os.path.normpath(os.path.join(self.root, context))
        entries: dict[str, str] = {}
        trees: dict[str, Mapping[str, str]] = {}
        for source in sources:
            where = f"{dockerfile}:{source.line}"
            for pattern in source.paths:
                for path in self._matches(base, pattern, ignore, where, deep=source.parents):
                    name = path if context == "." else f"{context}/{path}"
                    entries[name] = self._entry(base, path, ignore, where, trees)
        return Files(entries, trees)

    def whole(self, folder: Path) -> Files:
        """All of a named context: ``"."`` → its tree. Raises UsageError when there is no such folder."""
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder", hint="WHEELHOUSE or pip's find-links names it")
        trees: dict[str, Mapping[str, str]] = {}
        return Files({".": self._entry(str(folder), ".", self.ignore("", str(folder)), str(folder), trees)}, trees)

    def _matches(self, base: str, pattern: str, ignore: Ignore, where: str, *, deep: bool) -> Iterator[str]:
        """Paths that ``pattern`` names; ``deep``: its ``**`` stands for folders at any depth, as in COPY --parents."""
        if pattern in ("", "."):
            yield "."
            return
        if not _GLOB.search(pattern):
            if not os.path.lexists(os.path.join(base, pattern)) or ignore.excludes(pattern):
                cause = "is excluded by .dockerignore" if ignore.excludes(pattern) else "does not exist"
                if not (ignore.excludes(pattern) and not ignore.prunes(pattern)):
                    raise UsageError.of([Problem(where, f"source {pattern} {cause}")])
            yield pattern
            return
        found = [""]
        for part in pattern.split("/"):
            below = _folders if deep and part == "**" else _children
            found = list(dict.fromkeys(hit for path in found for hit in below(base, path, part)))
        yield from (path for path in found if not ignore.excludes(path))

    def _entry(self, base: str, path: str, ignore: Ignore, where: str, trees: dict[str, Mapping[str, str]]) -> str:
        """What stands for ``path``; a link in it is followed, as COPY does, and told."""
        real_base = os.path.realpath(base)
        real = os.path.realpath(os.path.join(base, path))
        inside = os.path.relpath(real, real_base)
        if inside.startswith(".."):
            raise UsageError.of([Problem(where, f"source {path} leaves the context: {real}")])
        via = "" if inside == os.path.normpath(path) else f" via {inside}"
        status = os.lstat(real)
        if stat.S_ISDIR(status.st_mode):
            digest, listing = self._tree(real_base, "" if inside == "." else inside, ignore, where)
            trees[digest] = listing
            return f"{status.st_mode:o} {digest}{_attributes(real)}{via}"
        return self._file(real, inside, status, where) + via

    def _tree(self, base: str, folder: str, ignore: Ignore, where: str) -> tuple[str, dict[str, str]]:
        """A folder's listing, names relative to it, and the digest that stands for it; walked once a run."""
        key = (os.path.join(base, folder), ignore)
        if key not in self._trees:
            skip = len(folder) + 1 if folder else 0
            walked = self._walk(base, folder, ignore, where)
            listing = {path[skip:]: text for path, text in sorted(walked)}
            hasher = hashlib.sha256()
            for name, text in listing.items():
                hasher.update(f"{len(name)}:{name}{len(text)}:{text}".encode("utf-8", "surrogateescape"))
            self._trees[key] = f"tree:{hasher.hexdigest()}", listing
        return self._trees[key]

    def _walk(self, base: str, folder: str, ignore: Ignore, where: str) -> Iterator[tuple[str, str]]:
        with os.scandir(os.path.join(base, folder)) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                excluded = ignore.excludes(path)
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    if not excluded:
                        yield path, f"{status.st_mode:o} directory{_attributes(entry.path)}"
                    if not (excluded and ignore.prunes(path)):
                        yield from self._walk(base, path, ignore, where)
                elif not excluded:
                    yield path, self._file(entry.path, path, status, where)

    def _file(self, full: str, path: str, status: os.stat_result, where: str) -> str:
        if _DENIED.search(path):
            raise PolicyError(
                f"{where}: {printable(path)} would enter the image",
                hint="keys, credentials, .env, .git and .slipway never do: name it in .dockerignore, or copy less",
            )
        if stat.S_ISLNK(status.st_mode):
            return f"link {os.readlink(full)}"
        if not stat.S_ISREG(status.st_mode):
            raise UsageError.of([Problem(where, f"{printable(path)} is neither file, folder nor link")])
        return f"{status.st_mode:o} {self.cache.sha256(full, status)}"


def _attributes(path: str) -> str:
    """A blank and the sha256 of the extended attributes that layers keep, as BuildKit chooses them; mostly nothing."""
    if sys.platform != "linux":
        return ""
    with contextlib.suppress(OSError):
        names = os.listxattr(path, follow_symlinks=False)
        kept = sorted(name for name in names if name == "security.capability" or not _MACHINE.match(name))
        if kept:
            values = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in kept]
            return f" {hashlib.sha256(repr(values).encode()).hexdigest()}"
    return ""


def _folders(base: str, folder: str, part: str) -> list[str]:
    """``folder`` and all folders below it."""
    top = os.path.join(base, folder)
    return [os.path.normpath(os.path.join(folder, os.path.relpath(path, top))) for path, _, _ in os.walk(top)]


def _children(base: str, folder: str, part: str) -> list[str]:
    """Paths below ``folder`` whose last part matches ``part`` as Go's filepath.Match does."""
    if not _GLOB.search(part):
        path = os.path.join(folder, part)
        return [path] if os.path.lexists(os.path.join(base, path)) else []
    pattern = re.sub(r"\\(.)", lambda match: f"[{match[1]}]", part).replace("[^", "[!")
    try:
        names = sorted(os.listdir(os.path.join(base, folder)))
    except (NotADirectoryError, FileNotFoundError):
        return []
    return [os.path.join(folder, name) for name in names if fnmatch.fnmatchcase(name, pattern)]
