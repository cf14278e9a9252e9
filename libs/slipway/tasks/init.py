"""Look at a repository, show the images that it describes, and write slipway's table for them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from slipway.adopt.listing import Listing, list_repository, top_level
from slipway.adopt.proposal import Identity, Known, Proposal, propose, with_table
from slipway.adopt.table import Table
from slipway.adopt.writing import Edit, edited
from slipway.config import settings as config
from slipway.config.declarations import Declaration, declarations_of
from slipway.config.environment import surroundings, variables
from slipway.config.project import Project
from slipway.config.project_file import FILES
from slipway.config.root import find_root
from slipway.config.settings import Settings
from slipway.core.command import Command
from slipway.core.errors import SlipwayError, UsageError, suggestion
from slipway.core.image import Image
from slipway.core.writing import written
from slipway.plan.declared import Bake, read_declarations
from slipway.plan.repository import Repository, read_repository
from slipway.stack.declared import Declared
from slipway.stack.patterns import rules_by_path
from slipway.stack.worktree import Worktree
from slipway.tasks import namespace
from slipway.tasks.command_line import command_line
from slipway.tasks.options import InitOptions
from slipway.tasks.process import is_terminal
from slipway.tasks.session import Session

_REMOTE = re.compile(r"[:/](?P<owner>[^/:]+)/(?P<name>[^/:]+?)(?:\.git)?/?\s*\Z")
_TASKS = '"""Build, push and test the images: invoke --list."""\n\nfrom slipway.tasks import namespace  # noqa: F401\n'


def run_init(session: Session, options: InitOptions, *, yes: bool, dry_run: bool) -> None:
    """Show the images that the repository describes. Write the table with ``yes``, or when the user agrees."""
    place = _Place.of(session, options)
    proposal = place.propose()
    edits = [edit for edit in (place.edit(proposal.table), _tasks_file(place, options)) if edit]
    if not session.json:
        _show(session, place, proposal, edits)
    files = " and ".join(edit.file for edit in edits)
    asks = not (yes or dry_run or session.json) and is_terminal(sys.stdin)
    written = bool(edits) and not dry_run and (yes or (asks and session.agreed(f"Write {files}?")))
    for edit in edits if written else ():
        _write(place.root / edit.file, edit)
    if session.json:
        session.answer(_as_json(place, proposal, edits, written=written))
    elif written:
        session.console.line(session.typed(f"wrote {files}; next: invoke plan"))
    elif edits:
        session.console.line(session.typed(f"nothing was written: invoke init --yes writes {files}"))


@dataclass(frozen=True)
class _Place:
    """Hold the repository to look at. ``file``: the file that gets the table."""

    session: Session
    root: Path
    settings: Settings
    listing: Listing
    file: str

    @classmethod
    def of(cls, session: Session, options: InitOptions) -> _Place:
        root = _root(session)
        listing = list_repository(root, session.run)
        if not listing.dockerfiles:
            hint = "a Dockerfile of any name counts: Dockerfile, Dockerfile.gpu, api.Dockerfile, Containerfile"
            raise UsageError(f"{root}: no Dockerfile among {listing.count} files", hint=hint)
        learn = session.redactor.learn
        settings = config.load(root, session.chain.settings, learn=learn, configured=session.core.settings)
        return cls(session, root, settings, listing, _file(root, settings, options.file))

    def propose(self) -> Proposal:
        read_declared = cache(self._declared)
        return propose(
            self.root,
            self.listing,
            self._known(),
            self._identity(),
            self.read,
            lambda files: read_declared(declarations_of(files)),
        )

    def read(self, table: Table) -> Repository:
        project = with_table(self.settings.project, table, self.edit(table))
        return self._read(project)

    def _read(self, project: Project) -> Repository:
        settings, worktree = replace(self.settings, project=project), self._worktree()
        return read_repository(settings, worktree, {}, declared=self._declared(project.declarations))

    def _declared(self, declarations: tuple[Declaration, ...]) -> Declared:
        if not declarations:
            return Declared()
        bake = Bake(self.session.run, surroundings().buildx)
        return read_declarations(declarations, self.file, self._worktree(), variables(), bake)

    def edit(self, table: Table) -> Edit | None:
        """Return the edit that adds ``table`` to its file; None when there is nothing to add, or no way to."""
        return edited(self.file, _text(self.root / self.file), table) if table else None

    def _worktree(self) -> Worktree:
        return Worktree(self.root)

    def _known(self) -> Known:
        """Return what the repository defines today."""
        rules = rules_by_path(self.settings.project.images, self._worktree().find)
        reserved = frozenset({*namespace.task_names, *command_line.get().words})
        project = self.settings.project
        declarations = frozenset(file for one in project.declarations for file in one.files)
        if not declarations and all(rule.excluded for of in rules.values() for rule in of):
            return Known(frozenset(rules), reserved=reserved)
        images = self._read(project).stack.known
        dockerfiles = frozenset({*rules, *(image.dockerfile for image in images)})
        settled = dockerfiles if project.places else frozenset()
        return Known(dockerfiles, frozenset(image.name for image in images), reserved, declarations, settled)

    def _identity(self) -> Identity:
        """Return the owner and the name of the repository: those of git's remote, else no owner and the folder."""
        asked = self.session.run(Command(("git", "config", "--get", "remote.origin.url"), cwd=str(self.root)))
        found = _REMOTE.search(asked.stdout) if asked.ok else None
        if not found:
            return Identity(self.root.name)
        owner = found["owner"].lower()
        return Identity(found["name"], frozenset({owner, owner.partition("-")[0]}))


def _root(session: Session) -> Path:
    """Return the repository that slipway knows, or else the git repository, or the current folder itself."""
    start = session.core.folder or Path.cwd()
    top = top_level(start, session.run)
    try:
        known = find_root(start)
    except SlipwayError:
        return top
    return known if known.is_relative_to(top) else top


def _file(root: Path, settings: Settings, chosen: str) -> str:
    """Return the file that gets the table. Raises UsageError for a choice that cannot be."""
    own = settings.project.file
    if not chosen:
        return own
    if chosen not in FILES:
        raise UsageError(
            f"--file {chosen}: no such choice", hint=suggestion(chosen, FILES, "slipway.toml or pyproject.toml")
        )
    if chosen != own and settings.project.places:
        raise UsageError(f"--file {chosen}: {own} has the table already", hint=f"--file {own}")
    return chosen


def _text(path: Path) -> str | None:
    """Return the text of a file, or None when it does not exist."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def _tasks_file(place: _Place, options: InitOptions) -> Edit | None:
    """Return the edit that makes a tasks.py. One that exists is the user's own."""
    if not options.tasks:
        return None
    if (place.root / "tasks.py").exists():
        place.session.note('tasks.py exists; in it: ns.add_collection(slipway.tasks.namespace, "images")')
        return None
    return Edit("tasks.py", None, _TASKS)


def _write(path: Path, edit: Edit) -> None:
    with written(path):
        path.write_bytes(edit.after.encode("utf-8", "surrogateescape"))


def _as_json(place: _Place, proposal: Proposal, edits: list[Edit], *, written: bool) -> dict[str, Any]:
    listing, stack = proposal.listing, proposal.repository.stack
    return {
        "root": str(place.root),
        "listed": listing.source,
        "files": listing.count,
        "dockerfiles": listing.dockerfiles,
        "images": [
            {
                "image": image.name,
                "dockerfile": image.dockerfile,
                "context": image.context,
                "target": image.target,
                "parents": image.parents,
                "roots": image.roots,
                "args": dict(image.args),
                "sources": _sources(image, proposal),
            }
            for image in stack
        ],
        "faults": {name: fault.error.as_json() for name, fault in stack.faults.items()},
        "aside": [path for row in proposal.aside for path in row.images],
        "table": proposal.table.content,
        "questions": [vars(question) for question in proposal.questions],
        "edits": [{"file": edit.file, "new": edit.before is None, "text": edit.after} for edit in edits],
        "written": [edit.file for edit in edits] if written else [],
    }


def _show(session: Session, place: _Place, proposal: Proposal, edits: list[Edit]) -> None:
    console, stack = session.console, proposal.repository.stack
    console.tree(stack, {image.name: _cells(image, proposal) for image in stack})
    for edit in edits:
        console.line()
        console.diff(edit.file, edit.before or "", edit.after)
    if proposal.table and not place.edit(proposal.table):
        console.line(f"\n{place.file} has an unusual form; add these lines to it:")
        for line in proposal.table.lines:
            console.line(line)
    if proposal.questions:
        console.line("\nThe repository does not decide:")
        for question in proposal.questions:
            console.line(f"{question.where}: {question.what}")
            console.line(f"    {session.typed(question.line)}")
    console.line()
    console.line(_summary(proposal))
    if not proposal.table:
        console.line("nothing new: the table names every Dockerfile")


def _cells(image: Image, proposal: Proposal) -> tuple[str, ...]:
    """Return the Dockerfile, the context with the other folders that fit, the build args, and the sources."""
    fitting = proposal.repository.assembly.fitting.get(image.name, ())
    sources = proposal.repository.assembly.readings[image.name].sources
    told = fitting[1:] if any(source.literal for source in sources) else ()
    others = "".join(f" or {folder}" for folder in told)
    context = f"context {image.context}{others}"
    given = ", ".join(filter(None, (image.target and f"target {image.target}", *_args(image, proposal))))
    return image.dockerfile, context, given, ", ".join(_sources(image, proposal))


def _args(image: Image, proposal: Proposal) -> list[str]:
    row = next((row for row in proposal.table.rows if image.dockerfile in row.images), None)
    args = row.values.get("args", {}) if row else {}
    return [f"{name}={value}" for name, value in args.items()] if isinstance(args, Mapping) else []


def _sources(image: Image, proposal: Proposal) -> list[str]:
    """Return the places that tell the facts of an image."""
    row = next((row for row in proposal.table.rows if image.dockerfile in row.images), None)
    if not row:
        return []
    return [*([row.pattern] if row.pattern != image.dockerfile else []), *row.sources(image.dockerfile)]


def _summary(proposal: Proposal) -> str:
    listing, stack = proposal.listing, proposal.repository.stack
    aside = sum(len(row.images) for row in proposal.aside)
    told = [
        f"{listing.count} files {'that git lists' if listing.source == 'git' else 'in the folder'}",
        f"{len(listing.dockerfiles)} Dockerfile{'s' * (len(listing.dockerfiles) != 1)}",
        f"{len(stack)} image{'s' * (len(stack) != 1)}",
        f"{len(stack.faults)} at fault" if stack.faults else "",
        f"{aside} set aside" if aside else "",
        f"{len(proposal.questions)} open" if proposal.questions else "",
    ]
    return " · ".join(filter(None, told))
