"""Apply Invoke's own flags and configuration to slipway's tasks: ``-R``, ``-e``, ``-T``, ``-r``, ``-f``, ``--``.

All of them arrive in the task's context. Invoke has no public name for the places of two of them. A test fails when
these places move.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from invoke.context import Context

from slipway.core.errors import UsageError, one_line

#: Flags that change how Invoke's ``run`` works. No slipway task calls it.
_UNUSED = {"warn": "-w", "pty": "-p", "hide": "--hide"}


@dataclass(frozen=True)
class Core:
    """Hold the values of Invoke's own flags and configuration.

    ``echo``: show every command that runs. ``timeout``: the seconds that an image's steps may take; 0 keeps the
    setting. ``folder``: the folder of the tasks file. ``settings``: the values below ``slipway`` in Invoke's
    configuration.
    """

    echo: bool = False
    timeout: int = 0
    folder: Path | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, c: Context) -> Core:
        folder = getattr(c.config, "_project_prefix", None)
        settings = {name.upper(): str(value) for name, value in dict(c.config.get("slipway", {})).items()}
        return cls(bool(c.config.run.echo), c.config.timeouts.command or 0, Path(folder) if folder else None, settings)


def obey(c: Context, task: str, parameters: Collection[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``task``: ``given``, a dry run for ``--dry``, and the words after ``--``.

    Raises UsageError when the task has no use for one of these.
    """
    arguments = dict(given)
    if c.config.run.dry:
        if "dry_run" not in parameters:
            hint = "build-base, build, push, up, down, setup and remote-clean have one"
            raise UsageError(f"{task}: has no dry run", hint=hint)
        arguments["dry_run"] = True
    words = c.remainder.split()
    if words and "names" in parameters:
        arguments["names"] = [*arguments.get("names", ()), *words]
    elif words and "run" in parameters and len(words) == 1 and not arguments.get("run"):
        arguments["run"] = words[0]
    elif words:
        raise UsageError(f"{task}: takes no words after --: {one_line(' '.join(words))}", hint=f"invoke --help {task}")
    return arguments


def unused(c: Context) -> tuple[str, ...]:
    """Return Invoke's flags on the command line that have no effect on a slipway task."""
    given = getattr(c.config, "_overrides", {}).get("run", {})
    return tuple(flag for name, flag in _UNUSED.items() if given.get(name))
