"""Apply Invoke's own flags and configuration to slipway's tasks: ``-R``, ``-e``, ``-T``, ``-r``, ``-f``, ``--``.

All of them arrive in the task's context. Invoke has no public name for the places of two of them. A test fails when
these places move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import Config, DataProxy
from invoke.context import Context

from slipway.core.errors import UsageError, one_line
from slipway.tasks.command_line import command_line
from slipway.tasks.parser import ONE_WORD

if TYPE_CHECKING:
    from slipway.config.configured import Level

#: The tasks that ``-R`` makes show their work only.
_DRY_RUNS = (
    "build-base",
    "build",
    "push",
    "release",
    "release-rollback",
    "base-bump",
    "base-outdated",
    "clean",
    "up",
    "down",
    "init",
    "setup",
    "remote-clean",
)
#: Flags that change how Invoke's ``run`` works. No slipway task calls it.
_UNUSED = {"warn": "-w", "pty": "-p", "hide": "--hide"}
#: The sources of Invoke's configuration, lowest first, and the text for each that is not a file.
_SOURCES = {
    "defaults": "Config(defaults=…)",
    "collection": "ns.configure",
    "system": "",
    "user": "",
    "project": "",
    "env": "",
    "runtime": "",
    "overrides": "Config(overrides=…)",
    "modifications": "c.config",
}


@dataclass(frozen=True)
class Core:
    """Hold the values of Invoke's own flags and configuration.

    ``echo``: show every command that runs. ``timeout``: the seconds that an image's steps may take; 0 keeps the
    setting. ``folder``: the folder of the tasks file. ``settings``: the contents below ``slipway`` of the sources of
    Invoke's configuration, lowest first.
    """

    echo: bool = False
    timeout: int = 0
    folder: Path | None = None
    settings: tuple[Level, ...] = ()

    @classmethod
    def of(cls, c: Context) -> Core:
        folder = getattr(c.config, "_project_prefix", None)
        settings = tuple(_levels(c.config)) if "slipway" in c.config else ()
        return cls(bool(c.config.run.echo), c.config.timeouts.command or 0, Path(folder) if folder else None, settings)


def settings_at(c: Context, folder: Path) -> tuple[Level, ...]:
    """Return ``Core.settings`` with the configuration file of ``folder``, not with that of the tasks file's folder."""
    config = c.config.clone()
    config.set_project_location(str(folder))
    config.load_project()
    return Core.of(Context(config)).settings


def _levels(config: Config) -> Iterator[Level]:
    """Yield the sources of Invoke's configuration that have ``slipway``, in the order in which Invoke merges them.

    The first one has the merged values: Invoke has no public name for its sources, only for their sum.
    """
    from slipway.config.configured import INVOKE, Level

    merged = config["slipway"]
    yield Level(INVOKE, dict(merged) if isinstance(merged, DataProxy) else merged)
    for name, source in _SOURCES.items():
        content = getattr(config, f"_{name}", None)
        if not (isinstance(content, Mapping) and "slipway" in content):
            continue
        if name == "env":
            yield from (Level(f"INVOKE_SLIPWAY_{key.upper()}", {key: one}) for key, one in content["slipway"].items())
        else:
            yield Level(source or _file(config, name), content["slipway"])


def _file(config: Config, name: str) -> str:
    """Return the path of a configuration file, from the folder of the tasks file if it lies there."""
    path, folder = str(getattr(config, f"_{name}_path", "")), getattr(config, "_project_prefix", None)
    return path.removeprefix(folder) if folder else path


def obey(c: Context, task: str, parameters: Collection[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``task``: ``given``, a dry run for ``--dry``, and the words after ``--``.

    Raises UsageError when the task has no use for one of these.
    """
    arguments = dict(given)
    if c.config.run.dry:
        if "dry_run" not in parameters:
            *others, last = map(command_line.get().called, _DRY_RUNS)
            raise UsageError(f"{task}: has no dry run", hint=f"{', '.join(others)} and {last} have one")
        arguments["dry_run"] = True
    words = c.remainder.split()
    one = next((name for name in ONE_WORD if name in parameters), "")
    if words and "names" in parameters:
        arguments["names"] = [*arguments.get("names", ()), *words]
    elif one and len(words) == 1 and not arguments.get(one):
        arguments[one] = words[0]
    elif words:
        raise UsageError(f"{task}: takes no words after --: {one_line(' '.join(words))}", hint=f"invoke --help {task}")
    return arguments


def unused(c: Context) -> tuple[str, ...]:
    """Return Invoke's flags on the command line that have no effect on a slipway task."""
    given = getattr(c.config, "_overrides", {}).get("run", {})
    return tuple(flag for name, flag in _UNUSED.items() if given.get(name))
