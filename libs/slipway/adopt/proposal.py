"""Propose the table of a repository: rows for its Dockerfiles, checked by reading the repository with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slipway.adopt.commands import BuildCommand, build_commands
from slipway.adopt.facts import built_facts, context_facts, evidence_of, linking_facts
from slipway.adopt.listing import Listing, text_of
from slipway.adopt.questions import Asker, Question
from slipway.adopt.rows import Fact, Surroundings, propose_rows, with_facts
from slipway.adopt.table import Row, Table
from slipway.adopt.writing import Edit
from slipway.config.project import Project, parse_project
from slipway.core.errors import UsageError
from slipway.plan.repository import Repository

#: Reads the repository with more rows in its table. Raises UsageError when it defines no image.
Read = Callable[[Table], Repository]


@dataclass(frozen=True)
class Known:
    """Hold what the repository defines without the proposal.

    ``dockerfiles``: those that its table, its declarations or slipway's own places name or exclude. ``images``: the
    names of its images. ``reserved``: names that no image may have.
    """

    dockerfiles: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """Hold the proposed table, the repository as slipway reads it with that table, and what stays open."""

    listing: Listing
    table: Table
    repository: Repository
    questions: tuple[Question, ...]

    @property
    def aside(self) -> tuple[Row, ...]:
        return tuple(row for row in self.table.rows if row.excluded)


def propose(root: Path, listing: Listing, known: Known, owners: Iterable[str], name: str, read: Read) -> Proposal:
    """Propose the rows that ``root`` needs. ``name``: the name of the repository. Raises the errors of ``read``.

    The values of build commands come first, for they may decide a FROM; then the FROMs that mean other images, for
    their ONBUILD may read files; then the contexts of files.
    """
    evidence = evidence_of(_commands(root, listing), frozenset(owners), name)
    around = Surroundings(name, evidence.built, frozenset(listing.others), known.images | known.reserved)
    new = frozenset(listing.dockerfiles) - known.dockerfiles
    rows = propose_rows(new, around, known.dockerfiles & frozenset(listing.dockerfiles))
    texts = {path: text_of(root / path) for path in sorted(new)}
    table = Table(_told(rows, partial(built_facts, evidence=evidence, texts=texts)))
    repository = read(table)
    for tell in (linking_facts, context_facts):
        rows = _told(table.rows, partial(tell, evidence=evidence, assembly=repository.assembly))
        if rows != table.rows:
            table = replace(table, rows=rows)
            repository = read(table)
    registry = repository.settings.registry
    asker = Asker(table, repository.assembly, evidence, texts, repository.worktree.exists, registry)
    return Proposal(listing, table, repository, tuple(dict.fromkeys(asker.questions())))


def with_table(project: Project, table: Table, edit: Edit | None) -> Project:
    """Return ``project`` as ``edit`` makes it, or without one ``project`` with the rows of ``table``."""
    if not edit:
        return extended(project, table)
    project, problems = parse_project(edit.after.encode("utf-8", "surrogateescape"), edit.file)
    if problems:
        raise UsageError.of(problems)
    return project


def extended(project: Project, table: Table) -> Project:
    """Return ``project`` with the rows of ``table``, whose places are then unknown."""
    more, problems = parse_project("\n".join(table.lines).encode(), "slipway.toml")
    if problems:
        raise UsageError.of(problems)
    return replace(project, images=(*project.images, *more.images))


def _commands(root: Path, listing: Listing) -> Iterable[BuildCommand]:
    dockerfiles = frozenset(listing.dockerfiles)
    for path in listing.scripts:
        yield from build_commands(path, text_of(root / path), dockerfiles.__contains__)


def _told(rows: Sequence[Row], tell: Callable[[Row], Iterable[tuple[str, Fact]]]) -> tuple[Row, ...]:
    """Return ``rows`` with the facts that ``tell`` returns for each of them."""
    facts: dict[str, list[Fact]] = {}
    for row in rows:
        for path, fact in () if row.excluded else tell(row):
            facts.setdefault(path, []).append(fact)
    return with_facts(rows, facts)
