"""Read a container's state from ``inspect``, and explain why the container failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.core.errors import printable

LOG_LINES = 20
_LONGEST = 160
_KILLED = 137
_EXITS = {
    125: "the engine could not run it",
    126: "its command is not executable",
    127: "its command was not found",
    134: "aborted (SIGABRT)",
    _KILLED: "killed (SIGKILL)",
    139: "segmentation fault (SIGSEGV)",
    143: "ended by SIGTERM",
}


class Condition(StrEnum):
    """Name a container's condition in the engine's words: its status, or its health while it runs with a check."""

    CREATED = "created"
    RUNNING = "running"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True)
class State:
    """Hold the state of a container, as the engine reports it.

    ``health`` is empty when the image declares no HEALTHCHECK. ``probe_code``: the exit code of the last health probe.
    ``restarted``: whether the engine starts it again after its end. ``memory_limit``: in bytes; 0 for none.
    """

    status: str
    exit_code: int
    oom_killed: bool
    error: str
    health: str
    last_probe: str
    restarts: int
    probe_code: int = 0
    restarted: bool = False
    memory_limit: int = 0

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> State:
        state = inspected["State"]
        health = state.get("Health") or {}
        probes = health.get("Log") or [{}]
        return cls(
            status=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            error=state["Error"],
            health=health.get("Status", ""),
            last_probe=probes[-1].get("Output", "").strip(),
            restarts=inspected["RestartCount"],
            probe_code=probes[-1].get("ExitCode", 0),
            restarted=_restarted(inspected),
            memory_limit=(inspected.get("HostConfig") or {}).get("Memory") or 0,
        )

    @property
    def condition(self) -> str:
        """Return the condition as a member of ``Condition``; another engine's word as it is."""
        word = (self.status == "running" and self.health) or self.status
        return next((known for known in Condition if known == word), word)

    @property
    def running(self) -> bool:
        return self.status == "running" and self.restarts == 0

    @property
    def healthy(self) -> bool:
        return self.running and self.health == "healthy"


def _restarted(inspected: Mapping[str, Any]) -> bool:
    """Tell whether the restart policy lets the engine start the container again."""
    policy = (inspected.get("HostConfig") or {}).get("RestartPolicy") or {}
    most = policy.get("MaximumRetryCount") or 0
    if policy.get("Name") == "on-failure":
        return bool(inspected["State"]["ExitCode"]) and not (most and inspected["RestartCount"] >= most)
    return policy.get("Name") in ("always", "unless-stopped")


def _memory(state: State) -> list[str]:
    """Return the part of the message about a kill for memory; empty for any other end.

    Under load the engine misses some of these kills.
    """
    if state.oom_killed:
        return ["killed for memory: it reached its limit (OOM)"]
    if state.exit_code == _KILLED and state.memory_limit:
        return ["perhaps for memory: it has a limit, and the engine does not report each such kill"]
    return []


def explain(name: str, what: str, state: State, log: str, cause: str = "", advice: str = "") -> str:
    """Return a message: ``what`` went wrong with the container ``name``, and the facts that explain it.

    The first line holds the most important facts. Restarts, the last health probe and the last log lines follow.
    ``cause``: an explanation that the exit code alone does not give. ``advice``: a way to let the container come up.
    """
    ended = state.status in ("exited", "dead", "created") or bool(state.exit_code)
    meaning = cause or _EXITS.get(state.exit_code, "")
    first = [what, f"exit code {state.exit_code}" + f": {meaning}" * bool(meaning)] if ended else [what]
    first += _memory(state)
    first += [f"engine: {first_line(state.error)}"] if state.error else []
    tail = log.splitlines()[-LOG_LINES:]
    last = next((line.strip() for line in reversed(tail) if line.strip()), "")
    first += [f"its last line: {last[:_LONGEST]}"] if ended and last and not state.error else []
    first += [advice] if advice else []
    lines = [f"{name}: {'; '.join(first)}"]
    if state.restarts:
        lines.append(f"  restarted {state.restarts} times")
    if state.last_probe:
        lines.append("  last health probe:")
        lines += [f"    {line}" for line in state.last_probe.splitlines()[-5:]]
    lines += [f"  last {len(tail)} log lines:", *(f"    {line}" for line in tail)] if tail else ["  no log lines"]
    return printable("\n".join(lines))


def first_line(text: str) -> str:
    """Return the first line that is not blank, or ``no reason given``."""
    lines: Iterable[str] = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line), "no reason given")
