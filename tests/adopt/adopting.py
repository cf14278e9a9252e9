"""Adopt a repository that a test writes: no git, no process, no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from slipway.adopt.listing import list_repository
from slipway.adopt.proposal import Identity, Known, Proposal, propose, with_table
from slipway.adopt.table import Table
from slipway.adopt.writing import edited
from slipway.config.declarations import Declaration, declarations_of
from slipway.config.settings import Settings, load
from slipway.core.command import Command, Result
from slipway.plan.declared import Bake, read_declarations
from slipway.plan.repository import Repository, read_repository
from slipway.stack.declared import Declared
from slipway.stack.worktree import Worktree

FILE = "slipway.toml"


def no_git(command: Command) -> Result:
    return Result(127, "", f"{command.argv[0]}: not found")


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def no_bake(command: Command, *, timeout: float | None = None) -> Result:
    return no_git(command)


def declared(root: Path, declarations: tuple[Declaration, ...]) -> Declared:
    return read_declarations(declarations, FILE, Worktree(root), {}, Bake(no_bake, ["docker", "buildx"]))


def read_as(root: Path, settings: Settings) -> Repository:
    """Read the repository as ``slipway plan`` does."""
    return read_repository(settings, Worktree(root), {}, declared=declared(root, settings.project.declarations))


def adopt(root: Path, owner: str = "", name: str = "shop", known: Known = Known()) -> Proposal:  # noqa: B008
    """Propose the table of the repository ``name`` of ``owner``."""
    settings = load(root, environment={})

    def read(table: Table) -> Repository:
        project = with_table(settings.project, table, edited(FILE, None, table))
        return read_as(root, replace(settings, project=project))

    identity = Identity(name, frozenset({owner} - {""}))
    return propose(
        root,
        list_repository(root, no_git),
        known,
        identity,
        read,
        lambda files: declared(root, declarations_of(files)),
    )


def planned(root: Path, proposal: Proposal) -> Repository:
    """Write the table, and read the repository as ``slipway plan`` does."""
    edit = edited(FILE, None, proposal.table)
    assert edit
    (root / FILE).write_text(edit.after, "utf-8")
    return read_as(root, load(root, environment={}))


def lines(proposal: Proposal) -> list[str]:
    """Return the rows of the proposed table without their comments."""
    return [row.line.partition("  #")[0] for row in proposal.table.rows]
