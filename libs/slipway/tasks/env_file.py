"""Judge the names in ``.env`` that slipway does not use: a misspelled setting, or a name for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from slipway.core.errors import Problem
from slipway.plan.repository import Repository

#: How alike a misspelled name and the right one are at least; PROMETHEUS_HOST is not a REMOTE_HOST.
_MISSPELLED = 0.85
#: The lines to quote in full.
_SHOWN = 2


def unused(repository: Repository) -> tuple[Problem, ...]:
    """Return a problem for each name in ``.env`` that neither an image nor a compose file uses.

    A compose file beside ``.env`` makes that file compose's, too. Only a name almost like that of a setting is then a
    problem.
    """
    if not repository.unused:
        return ()
    from slipway.compose.files import find_systems, used_variables

    root, project = repository.settings.root, repository.settings.project
    declared = any("/" not in one.files[0] and not one.is_bake for one in project.declarations)
    used, is_shared = used_variables(root), declared or any(one.folder == "." for one in find_systems(root).values())
    names = repository.settings.values
    return tuple(
        problem
        for name, problem in repository.unused.items()
        if name not in used and (not is_shared or get_close_matches(name, names, cutoff=_MISSPELLED))
    )


def remarks(repository: Repository) -> Iterator[str]:
    """Yield notes about the lines that other tools read differently, and that slipway does not use."""
    odd = [str(line.problem) for line in repository.settings.odd]
    yield from odd[:_SHOWN]
    yield from _counted(odd[_SHOWN:])


def _counted(more: Sequence[str]) -> Iterator[str]:
    if more:
        lines = "1 more line" if len(more) == 1 else f"{len(more)} more lines"
        yield f".env: other tools read {lines} differently; slipway uses none of these names"
