"""Ask git which files changed since a version was set."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from slipway.stack.changes import Change, How, Part

#: With these options git runs no program of a configuration, and takes a path as it is.
GIT_OPTIONS = ("--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false")
#: Runs git in the repository's root with these words. Returns its stdout, or None when it failed.
Git = Callable[..., str | None]

#: git's letters for the ways in which a file differs. Any other letter is a changed file.
_HOW = {"A": How.ADDED, "D": How.REMOVED}
_SHALLOW = "git's history is not complete here (git fetch --unshallow --tags)"
_NEVER_SET = "no tag and no commit names the version"
_NO_GIT = "this is not a git repository"


@dataclass(frozen=True)
class Start:
    """Hold the commit with which a version began. ``said``: the commit for the user, or the reason for no commit."""

    commit: str
    said: str


def start_of(version: str, places: Sequence[str], git: Git) -> Start:
    """Return the commit of the version's tag, else the first commit that set BASE_VERSION to it.

    ``places``: the files that may set it. A version that slipway has by default is set by no commit.
    """
    if git("rev-parse", "--git-dir") is None:
        return Start("", _NO_GIT)
    if tagged := git("rev-parse", "--verify", "--quiet", f"refs/tags/{version}^{{commit}}"):
        return Start(tagged.strip(), f"tag {version}")
    if (git("rev-parse", "--is-shallow-repository") or "").strip() != "false":
        return Start("", _SHALLOW)
    setting = rf"BASE_VERSION=['\"]?{re.escape(version)}['\"]?([^A-Za-z0-9_.-]|$)"
    log = ("log", "--extended-regexp", f"-G{setting}", "--format=%H")
    found = git(*log, "--", *places)
    commits = (found or "").split()
    return Start(commits[-1], f"commit {commits[-1][:7]}, which set {version}") if commits else Start("", _NEVER_SET)


def changes_since(start: Start, paths: Collection[str], git: Git) -> tuple[Change, ...] | None:
    """Return the files below ``paths`` that differ now from those of the commit, also those that git does not know.

    Return None when git fails.
    """
    below = sorted(paths)
    told = git("diff", "--no-ext-diff", "--no-renames", "--relative", "--name-status", "-z", start.commit, "--", *below)
    unknown = git("ls-files", "--others", "--exclude-standard", "-z", "--", *below)
    if told is None or unknown is None:
        return None
    words = told.split("\0")
    pairs = zip(words[0:-1:2], words[1::2], strict=True)
    found = {Change(Part.FILE, path, _HOW.get(letter, How.CHANGED)) for letter, path in pairs}
    found |= {Change(Part.FILE, path, How.ADDED) for path in unknown.split("\0") if path}
    return tuple(sorted(found, key=lambda change: change.name))
