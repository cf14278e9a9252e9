"""Invoke's own flags and configuration, as a slipway task follows them: ``-R``, ``-e``, ``-T``, ``-r``, ``-f``, ``--``.

All of them arrive in the task's context. Two come from places that Invoke has no public name for; a test notices when
they move.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from invoke.context import Context

from slipway.core.errors import UsageError, one_line

#: Flags that change how Invoke's ``run`` works, which no slipway task calls.
_UNUSED = {"warn": "-w", "pty": "-p", "hide": "--hide"}


@dataclass(frozen=True)
class Core:
    """``echo``: show every command that is run · ``timeout``: seconds that an image's steps may take; 0: as set ·
    ``folder``: where the tasks file is · ``settings``: what Invoke's configuration has below ``slipway``."""

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
    """The arguments of ``task``: ``given``, a dry run for ``--dry``, and the words after ``--``.

    Raises UsageError when the task has no use for one of these.
    """
    arguments = dict(given)
    if c.config.run.dry:
        if "dry_run" not in parameters:
            hint = "build-base, build, push, setup and remote-clean have one"
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
    """Flags of Invoke on the command line that no slipway task has a use for."""
    given = getattr(c.config, "_overrides", {}).get("run", {})
    return tuple(flag for name, flag in _UNUSED.items() if given.get(name))
