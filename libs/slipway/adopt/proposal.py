"""Propose the table of a repository: rows for its Dockerfiles, checked by reading the repository with them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slipway.adopt.commands import BuildCommand, build_commands
from slipway.adopt.declared import ReadDeclared, choose
from slipway.adopt.facts import built_facts, context_facts, evidence_of, linking_facts, owner_of
from slipway.adopt.listing import Listing, text_of
from slipway.adopt.questions import Asker, Question
from slipway.adopt.rows import Fact, Surroundings, propose_rows, with_facts
from slipway.adopt.table import Row, Table
from slipway.adopt.writing import Edit
from slipway.config.project import Project, parse_project
from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.plan.repository import Repository

#: Reads the repository with more rows in its table. Raises UsageError when it defines no image.
Read = Callable[[Table], Repository]


@dataclass(frozen=True)
class Known:
    """Hold what the repository defines without the proposal.

    ``dockerfiles``: those that its table, its declarations or slipway's own places name or exclude. ``images``: the
    names of its images. ``reserved``: names that no image may have. ``declarations``: the files that it names.
    ``settled``: the Dockerfiles about which the user has decided, so that no other compose file is proposed for them.
    """

    dockerfiles: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    declarations: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()


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


@dataclass(frozen=True)
class Identity:
    """Hold the name of the repository, and the owners of its images as far as its address tells them."""

    name: str
    owners: frozenset[str] = frozenset()


def propose(
    root: Path, listing: Listing, known: Known, identity: Identity, read: Read, read_declared: ReadDeclared
) -> Proposal:
    """Propose the table that ``root`` needs. Raises the errors of ``read``.

    The values of build commands come first, for they may decide a FROM; then the FROMs that mean other images, for
    their ONBUILD may read files; then the contexts of files.
    """
    is_file = frozenset(listing.dockerfiles).__contains__
    choice = choose(_declaring(listing, known), is_file, read_declared, known.settled)
    declared = choice.declared.definitions
    aliases = {owner_of(alias) for one in declared for alias in one.aliases} - {""}
    evidence = evidence_of([*_commands(root, listing), *choice.commands], identity.owners | aliases, identity.name)
    taken = known.images | known.reserved | {one.name for one in declared}
    around = Surroundings(identity.name, evidence.built, frozenset(listing.others), taken)
    named = known.dockerfiles | {one.dockerfile for one in declared}
    defined = named | _behind_links(root, named)
    new = frozenset(listing.dockerfiles) - defined
    rows = propose_rows(new, around, defined & frozenset(listing.dockerfiles))
    texts = {path: text_of(root / path) for path in listing.dockerfiles}
    table = Table(_told(rows, partial(built_facts, evidence=evidence, texts=texts)), choice.files)
    repository = read(table)
    own = {one.dockerfile: Row(one.dockerfile, {one.dockerfile: one.name}) for one in declared}
    contexts = partial(context_facts, folders=listing.folders, exists=repository.worktree.exists)
    for tell, others in ((linking_facts, own.values()), (contexts, ())):
        more = partial(tell, evidence=evidence, assembly=repository.assembly)
        rows = (*_told(table.rows, more), *(row for row in _told([*others], more) if row.values))
        if rows != table.rows:
            table = replace(table, rows=rows)
            repository = read(table)
    registry = repository.settings.registry
    sends_git = partial(_sends_git, repository)
    asker = Asker(table, repository.assembly, evidence, texts, repository.worktree.exists, sends_git, registry)
    questions = dict.fromkeys((*asker.questions(), *choice.questions))
    return Proposal(listing, table, repository, tuple(questions))


def _sends_git(repository: Repository, image: Image) -> bool:
    """Tell whether an image reads the folder ``.git``: by its name, or with the whole context."""
    worktree = repository.worktree
    if not worktree.exists(posixpath.join(image.context, ".git")):
        return False
    named = {path for source in repository.assembly.readings[image.name].sources for path in source.paths}
    excluded = worktree.ignore(image.dockerfile, image.context).excludes(".git")
    return not excluded and not named.isdisjoint({"", ".", ".git"})


def _declaring(listing: Listing, known: Known) -> list[str]:
    """Return the compose files and bake files that the table does not name yet."""
    return [file for file in (*listing.compose, *listing.bake) if file not in known.declarations]


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
    return replace(
        project,
        images=(*project.images, *more.images),
        declarations=(*project.declarations, *more.declarations),
        places={**more.places, **project.places},
    )


def _behind_links(root: Path, paths: Iterable[str]) -> frozenset[str]:
    """Return the files of the repository at the ends of the links ``paths``."""
    return frozenset(os.path.relpath(os.path.realpath(root / path), os.path.realpath(root)) for path in paths)


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
