"""Judge the names in ``.env`` that slipway does not use: a misspelled name, or a name for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from slipway.core.errors import Problem
from slipway.plan.repository import Repository

#: How alike a misspelled name and the right one are at least; PROMETHEUS_HOST is not a REMOTE_HOST.
_MISSPELLED = 0.85
#: The lines to quote in full, and the names to list.
_LINES_SHOWN, _NAMES_SHOWN = 2, 3


class Judged(NamedTuple):
    """Hold a problem for each misspelled name, and the notes for the user."""

    misspelled: tuple[Problem, ...]
    remarks: tuple[str, ...]


def judge(repository: Repository) -> Judged:
    """Judge each name in ``.env`` that neither an image nor a compose file uses.

    A misspelled name is almost the name of a setting or of an ARG.
    """
    foreign = _foreign(repository)
    misspelled = [name for name in foreign if _is_misspelled(name, repository)]
    others = [name for name in foreign if name not in misspelled]
    return Judged(tuple(repository.unused[name] for name in misspelled), tuple(_remarks(repository, others)))


def _remarks(repository: Repository, names: Sequence[str]) -> Iterator[str]:
    """Yield notes about ``names``, which no image uses, and about lines that other tools read differently."""
    if names:
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        yield f".env: no image uses {', '.join(names[:_NAMES_SHOWN])}{more}"
    odd = [str(line.problem) for line in repository.settings.odd]
    yield from odd[:_LINES_SHOWN]
    yield from _counted(odd[_LINES_SHOWN:])


def _foreign(repository: Repository) -> list[str]:
    """Return the names in ``.env`` that neither an image nor a compose file uses."""
    if not repository.unused:
        return []
    from slipway.compose.files import used_variables

    used = used_variables(repository.settings.root)
    return [name for name in repository.unused if name not in used]


def _is_misspelled(name: str, repository: Repository) -> bool:
    names = (*repository.settings.values, *repository.assembly.declared_args)
    return bool(get_close_matches(name, names, cutoff=_MISSPELLED))


def _counted(more: Sequence[str]) -> Iterator[str]:
    if more:
        lines = "1 more line" if len(more) == 1 else f"{len(more)} more lines"
        yield f".env: other tools read {lines} differently; slipway uses none of these names"
