"""The repository: find Dockerfiles, list and hash the files that an image reads.

File hashes are kept in a stat cache (size, mtime, ctime, inode → sha256): ctime tells what BuildKit's and rsync's
comparison of size and mtime misses. What must never travel (``.env``, keys, credential files) is refused here,
whatever ``.dockerignore`` says.

BuildKit keeps what it was sent of a context under the last part of the context's path, and takes a file of equal size
and mtime for unchanged: it would build old bytes. So it gets a context under a name of its own, ``.slipway/context/…``,
and a new name whenever such a file turns up.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

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
#: Former contents of files that are remembered; one more, and BuildKit is sent all anew.
_FORMER_KEPT = 20_000


@dataclass(frozen=True)
class Files:
    """What sources name: path → text that stands for its content; ``trees`` opens the texts that name a tree."""

    entries: Mapping[str, str]
    trees: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class _Entry(NamedTuple):
    """A file as it was when hashed; ``ctime`` is 0 when that was too soon after a change to be believed."""

    size: int
    mtime: int
    ctime: int
    inode: int
    digest: str


class StatCache:
    """path → sha256 while size, mtime, ctime and inode stay. A lost or broken cache only costs time.

    While ``salt`` stays, no file had two contents under one size and mtime.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.salt = secrets.token_hex(4)
        self._known: dict[str, _Entry] = {}
        self._former: dict[str, str] = {}
        self._dirty = False
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            kept = json.loads(path.read_text("utf-8", "surrogateescape"))
            known = {name: _Entry(*entry) for name, entry in kept["known"].items()}
            self.salt, self._known, self._former = str(kept["salt"]), known, dict(kept["former"])

    def sha256(self, path: str, status: os.stat_result) -> str:
        """Of the file's bytes; followed by that of its extended attributes when it has any."""
        known = self._known.get(path)
        now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if known and known[:4] == now:
            return known.digest
        hashed_at = time.time_ns()
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest() + _attributes(path)
        settled = max(status.st_ctime_ns, status.st_mtime_ns) < hashed_at - _RACY_NS
        self._remember(path, _Entry(*now, digest) if settled else _Entry(*now[:2], 0, 0, digest))
        return digest

    def _remember(self, path: str, entry: _Entry) -> None:
        if known := self._known.get(path):
            self._former[f"{known.size} {known.mtime} {path}"] = known.digest
        seen = self._former.pop(f"{entry.size} {entry.mtime} {path}", entry.digest)
        if seen != entry.digest or len(self._former) > _FORMER_KEPT:
            self.salt = secrets.token_hex(4)
            self._former.clear()
        self._known[path] = entry
        self._dirty = True

    def save(self) -> None:
        if not self._dirty:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        content = {"salt": self.salt, "known": self._known, "former": self._former}
        scratch.write_text(json.dumps(content, separators=(",", ":")), "utf-8", "surrogateescape")
        scratch.replace(self._path)
        self._dirty = False


class Worktree:
    """A repository's files below ``root``."""

    def __init__(self, root: Path, cache: StatCache | None = None) -> None:
        self.root = root
        self.cache = cache or StatCache(root / ".slipway/cache/stat.json")
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
                self.cache.sha256(str(path), path.stat())
                texts[name] = path.read_bytes().decode("utf-8")
            except (UnicodeDecodeError, OSError) as error:
                problems.append(Problem(name, f"cannot be read: {error}"))
        if problems:
            raise UsageError.of(problems)
        return texts

    def again(self) -> Worktree:
        """The same files, looked at anew."""
        return Worktree(self.root, self.cache)

    def context(self, path: str) -> str:
        """The name, from the root, under which BuildKit is sent the context ``path``.

        Only for who holds the build lock: names of former salts are removed.
        """
        folder = self.root / ".slipway/context"
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "-".join((*PurePosixPath(path).parts, self.cache.salt))
        for stale in folder.iterdir():
            if not stale.name.endswith(self.cache.salt):
                stale.unlink(missing_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.join("../..", path))
        return link.relative_to(self.root).as_posix()

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path)

    def ignore(self, dockerfile: str, context: str) -> Ignore:
        """``<Dockerfile>.dockerignore`` when there is one, else the context's ``.dockerignore``."""
        for path in (f"{dockerfile}.dockerignore", f"{context}/.dockerignore"):
            file = self.root / path
            if path not in self._ignores and file.is_file():
                self.cache.sha256(str(file), file.stat())
                self._ignores[path] = parse_ignore(file.read_text("utf-8", "replace"))
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
