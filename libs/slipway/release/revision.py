"""Find an earlier commit of the repository, and check its files out into another folder.

The checkout and git's own folder stay as they are: git reads the commit into an index of its own.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.core.command import Result
from slipway.core.errors import PrerequisiteError, UsageError, one_line
from slipway.core.writing import written
from slipway.release.causes import SinceCause

#: Runs git in the repository's root with these words, and with more variables of the environment.
Ask = Callable[..., Result]

#: The branches of which the merge base is the default, where one exists.
_DEFAULTS = ("origin/HEAD", "origin/main", "origin/master")
_SHALLOW = "git fetch --unshallow, or let the CI job fetch all commits (fetch-depth: 0, GIT_DEPTH: 0)"
#: Of a commit's name, at least.
_DIGITS = 40
_ENV = ".env"


@dataclass(frozen=True)
class Revision:
    """Hold a commit, and the words that named it. ``commit`` is empty when nothing was before."""

    ref: str
    commit: str

    def __str__(self) -> str:
        short = self.commit[:7] or "nothing"
        return short if self.commit.startswith(self.ref) or not self.commit else f"{self.ref} ({short})"


def find_revision(ref: str, ask: Ask) -> Revision:
    """Return the commit that ``ref`` names: a branch, tag or commit, or with ``...`` its merge base with HEAD.

    Without ``ref``, take the merge base with the default branch of origin. A commit of zeros, with which a CI system
    says that there is no earlier commit, stands for nothing. Raises UsageError, and PrerequisiteError without git.
    """
    _refuse_unreadable(ask)
    if len(ref) >= _DIGITS and not ref.strip("0"):
        return Revision(ref, "")
    if not ref:
        found = [f"{one}..." for one in _DEFAULTS if _commit(one, ask)]
        if not found:
            what = f"--since: this clone has none of {', '.join(_DEFAULTS)}"
            raise UsageError(what, hint="invoke ci-matrix --since HEAD^", code=SinceCause.UNKNOWN)
        ref = found[0]
    name, dots, end = ref.partition("...")
    if ".." in name or ".." in end or ref.startswith("-") or not name:
        raise UsageError(f"--since {one_line(ref)}: not a commit", hint="--since main, or --since main...")
    base = _known(name, ask)
    if dots:
        base = _merge_base(ref, base, _known(end or "HEAD", ask), ask)
    return Revision(ref, base)


def _refuse_unreadable(ask: Ask) -> None:
    done = ask("rev-parse", "--show-toplevel")
    if done.exit_code == 127:
        raise PrerequisiteError("git: not found", hint="install git")
    if not done.ok:
        hint = next((line.strip() for line in done.stderr.splitlines() if "git config --global" in line), "")
        raise UsageError(f"git does not read this repository: {_said(done)}", hint=hint)


def _commit(name: str, ask: Ask) -> str:
    """Return the commit of ``name``; empty when git does not know it."""
    done = ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return done.stdout.strip() if done.ok else ""


def _known(name: str, ask: Ask) -> str:
    found = _commit(name, ask)
    if found:
        return found
    hint = f"git fetch origin {name}"
    if _is_shallow(ask):
        hint = _SHALLOW
    elif _commit(f"origin/{name}", ask):
        hint = f"--since origin/{name}"
    raise UsageError(f"--since {one_line(name)}: git knows no such commit", hint=hint, code=SinceCause.UNKNOWN)


def _merge_base(ref: str, first: str, second: str, ask: Ask) -> str:
    done = ask("merge-base", first, second)
    if done.ok:
        return done.stdout.split()[0]
    hint = _SHALLOW if _is_shallow(ask) else "name a commit without ..."
    raise UsageError(f"--since {one_line(ref)}: the two have no common commit", hint=hint, code=SinceCause.UNRELATED)


def _is_shallow(ask: Ask) -> bool:
    return ask("rev-parse", "--is-shallow-repository").stdout.strip() == "true"


def check_out(revision: Revision, root: Path, folder: Path, ask: Ask) -> Path:
    """Write the files of a commit below the empty ``folder``; return the path of the repository's root in it.

    The files have the modes of those in the checkout where git sees no difference. Where git does not track ``.env``,
    its settings hold for all commits, and the copy gets it, too. Raises UsageError when git does not find an object.
    """
    index = {"GIT_INDEX_FILE": str(folder / "index")}
    tree = folder / "tree"
    for words in (("read-tree", revision.commit), ("checkout-index", "--all", "--force", f"--prefix={tree}/")):
        done = ask(*words, env=index)
        if not done.ok:
            hint = _SHALLOW if _is_shallow(ask) else ""
            raise UsageError(f"git does not check out {revision}: {_said(done)}", hint=hint)
    copy = tree / ask("rev-parse", "--show-prefix").stdout.removesuffix("\n")
    with written(copy):
        copy.mkdir(parents=True, exist_ok=True)
        _take_modes(root, copy)
        is_tracked = bool(ask("ls-files", "--", _ENV).stdout)
        if not is_tracked and (root / _ENV).is_file() and not os.path.lexists(copy / _ENV):
            shutil.copy(root / _ENV, copy / _ENV)
    return copy


def _take_modes(root: Path, copy: Path) -> None:
    """Give each path in ``copy`` the mode that it has below ``root``, which another umask may have set.

    git records only whether a file's owner may execute it. A file for which that differs keeps its mode.
    """
    for path, now, then in _twins(root, copy):
        executable = (now.st_mode ^ then.st_mode) & stat.S_IXUSR
        if stat.S_IFMT(now.st_mode) == stat.S_IFMT(then.st_mode) and not executable and now.st_mode != then.st_mode:
            path.chmod(stat.S_IMODE(now.st_mode))


def _twins(root: Path, copy: Path) -> Iterator[tuple[Path, os.stat_result, os.stat_result]]:
    """Yield each file and folder below ``copy`` that ``root`` has, too, with both states; a folder after its files."""
    for folder, names, files in os.walk(copy, topdown=False):
        for name in (*files, *names):
            path = Path(folder, name)
            try:
                now, then = (root / path.relative_to(copy)).lstat(), path.lstat()
            except OSError:
                continue
            if not stat.S_ISLNK(then.st_mode):
                yield path, now, then


def _said(done: Result) -> str:
    return one_line(next(iter(done.stderr.splitlines()), f"exit code {done.exit_code}"))
