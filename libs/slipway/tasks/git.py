"""Run git on this machine, in the repository's root."""

from __future__ import annotations

from slipway.core.command import Command
from slipway.release.record import Source
from slipway.release.since import GIT_OPTIONS, Git
from slipway.tasks.session import Session

_SECONDS = 60.0


def git_of(session: Session) -> Git:
    """Return a function that runs git in the repository's root."""

    def git(*words: str) -> str | None:
        done = session.run(Command(("git", *GIT_OPTIONS, *words), cwd=str(session.settings.root)), timeout=_SECONDS)
        return done.stdout if done.ok else None

    return git


def source_of(git: Git) -> Source:
    """Return the revision of the checkout, and whether its files differ from it; no revision where git knows none."""
    revision = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if revision is None:
        return Source()
    return Source(revision.strip(), bool(git("status", "--porcelain", "--", ".") != ""))
