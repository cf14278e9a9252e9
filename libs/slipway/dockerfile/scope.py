"""Hold the variables in scope while a Dockerfile is read: the global ARGs and each stage's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from slipway.core.errors import Problem, UsageError
from slipway.core.platform import Platform
from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.text import Dockerfile
from slipway.dockerfile.words import shell_words

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what BuildKit gives a stage on scratch


@dataclass(frozen=True)
class Problems:
    """Collect the problems of one file."""

    path: str
    found: list[Problem] = field(default_factory=list)

    def note(self, line: int, what: str, hint: str = "") -> None:
        problem = Problem(f"{self.path}:{line}", what, hint)
        if problem not in self.found:
            self.found.append(problem)

    def stop(self) -> None:
        """Raise UsageError with all collected problems in the order of their lines; return when there are none."""
        if self.found:
            raise UsageError.of(sorted(self.found, key=_line))


def _line(problem: Problem) -> int:
    number = problem.where.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


class Globals(NamedTuple):
    """Hold the scope of FROM lines: ``values``, and the ARGs that each ARG's default uses.

    ``automatic``: the ARGs that BuildKit itself defines.
    """

    values: Mapping[str, str]
    uses: Mapping[str, frozenset[str]]
    automatic: frozenset[str]

    def closure(self, names: Collection[str]) -> set[str]:
        """Return the declared and automatic ARGs among ``names``, with the ARGs that their defaults use."""
        found: set[str] = set()
        waiting = [name for name in names if name in self.uses or name in self.automatic]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.uses.get(name, ())
        return found


def platform_args(platform: str, builder: str, stage: str) -> dict[str, str]:
    """Return the ARGs that BuildKit itself defines.

    ``platform``: the target platform. ``builder``: the builder's platform. ``stage``: the target's name, or the name
    of the last stage, if it has one.
    """
    sides = {"BUILD": _parts(builder), "TARGET": _parts(platform)}
    found = {f"{side}{part}": value for side, parts in sides.items() for part, value in parts.items()}
    return {**found, "TARGETSTAGE": stage or "default"}


def _parts(platform: str) -> dict[str, str]:
    found = Platform.read(platform)
    parts = {"OS": found.system, "OSVERSION": "", "ARCH": found.architecture, "VARIANT": found.variant}
    return {**parts, "PLATFORM": str(found)}


def globals_of(
    dockerfile: Dockerfile, args: Mapping[str, str], automatic: Mapping[str, str], problems: Problems
) -> Globals:
    """Return the global scope: the platform's ARGs, then the ARGs before the first FROM; build args win."""
    values = {name: args.get(name, value) for name, value in automatic.items()}
    uses: dict[str, frozenset[str]] = {}
    for instruction in dockerfile.globals:
        for word in shell_words(instruction.rest, dockerfile.escape):
            name, equals, default = word.partition("=")
            used: frozenset[str] = frozenset()
            if name in args:
                values[name] = args[name]
            elif equals:
                try:
                    expansion = expand(default, values, escape=dockerfile.escape)
                except WordError as error:
                    problems.note(instruction.line, f"ARG {name}: {error}", error.hint)
                    continue
                values[name], used = expansion.text, expansion.used & (uses.keys() | automatic.keys())
            own = uses.get(name, frozenset()) if name in used else frozenset()
            uses[name] = (used | own) - {name}
    return Globals(values, uses, frozenset(automatic))


@dataclass
class Scope:
    """Hold a stage's variables. ``complete``: no base image can add variables, as on scratch."""

    env: dict[str, str]
    complete: bool
    declared: set[str] = field(default_factory=set)
    user: str = ""
    healthcheck: bool = False
    exposed: list[str] = field(default_factory=list)
    command: bool = False
    own_command: bool = False
    entrypoint: bool = False

    def child(self) -> Scope:
        """Return the scope of a stage that builds on this one."""
        return replace(
            self,
            env=dict(self.env),
            declared=set(self.declared),
            exposed=list(self.exposed),
            own_command=False,
        )


def stage_scope(base: str) -> Scope:
    """Return the scope of a stage on ``base``. The variables that an image sets are unknown."""
    return Scope({"PATH": _PATH}, complete=True) if base == "scratch" else Scope({}, complete=False)
