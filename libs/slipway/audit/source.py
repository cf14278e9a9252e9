"""Name the commit of the repository from which images are built."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from slipway.secrets.patterns import MASK, holds_login, without_login

#: Runs git in the repository's root with these words. Returns its stdout, or None when it failed.
Git = Callable[..., str | None]
#: ssh's short form of an address: ``git@host:path``.
_SHORT = re.compile(r"(?P<host>[^/:]+):(?!//)/?(?P<path>.+)")


@dataclass(frozen=True)
class Source:
    """Hold the commit, the URL of the remote ``origin``, and whether files differ from the commit.

    The commit is empty outside a git repository, and before its first commit. The URL is empty for a remote that is a
    folder.
    """

    commit: str = ""
    url: str = ""
    dirty: bool = False


def read_source(git: Git) -> Source:
    """Return the source of the repository."""
    commit = (git("rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
    if not commit:
        return Source()
    url = _url((git("config", "--get", "remote.origin.url") or "").strip())
    dirty = (git("status", "--porcelain", "--untracked-files=normal") or "").strip()
    return Source(commit, url, bool(dirty))


def _url(remote: str) -> str:
    """Return a remote's URL without a login."""
    if "://" in remote:
        return without_login(remote).replace(f"{MASK}@", "") if holds_login(remote) else remote
    short = _SHORT.fullmatch(remote)
    return f"ssh://{short['host']}/{short['path']}" if short else ""
