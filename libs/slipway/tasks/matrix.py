"""Tell a CI system which images to build and to test since an earlier commit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from slipway.config.settings import load
from slipway.core.command import Command, Result
from slipway.core.errors import UsageError, one_line, suggestion
from slipway.plan.repository import Repository, read_repository
from slipway.release.inputs import Inputs, read_inputs
from slipway.release.matrix import changed_since
from slipway.release.pipelines import LINES, Format, as_json
from slipway.release.revision import Ask, Revision, check_out, find_revision
from slipway.release.since import GIT_OPTIONS
from slipway.stack.worktree import Worktree
from slipway.tasks.options import MatrixOptions
from slipway.tasks.session import Session

#: In seconds, for the checkout of a large repository.
_SECONDS = 600.0
#: The call with which a tasks.py sets slipway's settings.
_CONFIGURE = ".configure("


def run_matrix(session: Session, options: MatrixOptions) -> None:
    """Compare the checkout with the commit ``--since``, and write the matrix. Contacts neither engine nor registry."""
    form = _format(options.format, json=session.json)
    if options.at_most < 1:
        raise UsageError(f"--at-most {options.at_most}: not a number of jobs", hint="--at-most 20")
    ask = _ask(session)
    since = find_revision(options.since, ask)
    matrix = changed_since(_inputs_at(session, since, ask), read_inputs(session.repository), str(since))
    jobs = matrix.jobs(options.at_most)
    if form is Format.JSON:
        session.answer(as_json(matrix, jobs, since))
    else:
        for line in LINES[form](matrix, jobs):
            session.console.line(line)
    built = sum(entry.build for entry in matrix.entries)
    session.console.note(f"since {since}: {built} to build, {len(matrix.entries) - built} to test only")


def _format(text: str, *, json: bool) -> Format:
    if text not in tuple(Format):
        known = suggestion(text, Format, f"known: {', '.join(Format)}")
        raise UsageError(f"--format {one_line(text)}: not a format", hint=known)
    if json and text != Format.JSON:
        raise UsageError(f"--json and --format {text} contradict each other", hint="drop one of the two")
    return Format(text)


def _ask(session: Session) -> Ask:
    """Return a function that runs git in the repository's root."""

    def ask(*words: str, env: dict[str, str] | None = None) -> Result:
        command = Command(("git", *GIT_OPTIONS, *words), cwd=str(session.settings.root), env=env or {})
        return session.run(command, timeout=_SECONDS)

    return ask


def _inputs_at(session: Session, since: Revision, ask: Ask) -> Inputs:
    """Return the inputs of the repository as it was in a commit; without a commit, those of an empty repository."""
    if not since.commit:
        return Inputs()
    with tempfile.TemporaryDirectory(prefix="slipway-since-") as folder:
        root = check_out(since, session.settings.root, Path(folder), ask)
        if changed := _configuring(session.settings.root, root):
            return Inputs(problem=f"{changed} changed, and it configures slipway")
        try:
            return read_inputs(_repository_at(session, root))
        except UsageError as error:
            return Inputs(problem=f"{since} cannot be read: {error.message}")


def _configuring(now: Path, before: Path) -> str:
    """Return a module of tasks that differs and calls ``configure``: slipway does not run that of an earlier commit."""
    paths = {path.relative_to(root).as_posix() for root in (now, before) for path in _task_modules(root)}
    texts = {path: [_text(root / path) for root in (before, now)] for path in sorted(paths)}
    return next((path for path, (old, new) in texts.items() if old != new and _CONFIGURE in f"{old}{new}"), "")


def _task_modules(root: Path) -> Iterator[Path]:
    yield from (path for path in (root / "tasks.py", *(root / "tasks").glob("**/*.py")) if path.is_file())


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _repository_at(session: Session, root: Path) -> Repository:
    """Read the copy of the repository below ``root``, all files of which git tracks."""
    settings = load(root, session.chain.settings, learn=session.redactor.learn, configured=session.configured_at(root))
    project = settings.project
    worktree = Worktree(root, git=project.policy.opens_git)
    return read_repository(
        settings,
        worktree,
        session.contexts,
        secrets=session.pip.withheld,
        tracked=frozenset,
        mounts=session.run_mounts(project),
        declared=session.read_declared(project, worktree),
    )
