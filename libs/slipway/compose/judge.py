"""Judge from its containers' states whether a service is up, will come up, or cannot. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from slipway.compose.system import Service
from slipway.engine.container_state import State

#: A container that ended this often does not come up by itself.
_RESTARTS = 3
#: Exit codes of a health check whose program is missing or cannot run.
_UNUSABLE_PROBE = (-1, 126, 127)
_NO_PROGRAM = ("executable file not found", "no such file or directory", "command not found", "not found")


class Stage(StrEnum):
    """Name how far a service has come."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


#: The stages of a service that is up.
UP = frozenset({Stage.HEALTHY, Stage.RUNNING, Stage.DONE})


@dataclass(frozen=True)
class Judgement:
    """Hold a service's stage, and for a failed one what is wrong with which of its containers.

    ``container``: the index of that container among the service's.
    """

    stage: Stage
    what: str = ""
    container: int = 0


def judge(service: Service, states: Sequence[State]) -> Judgement:
    """Return the stage of a service from the states of its containers: the least advanced one counts.

    A service without a container waits: compose has not created one yet.
    """
    if not states:
        return Judgement(Stage.WAITING)
    found = [_judge(service, state) for state in states]
    worst = min(range(len(found)), key=lambda place: _ORDER.index(found[place][0]))
    stage, what = found[worst]
    return Judgement(stage, what, worst)


_ORDER = (Stage.FAILED, Stage.WAITING, Stage.STARTING, Stage.RUNNING, Stage.HEALTHY, Stage.DONE)


def _judge(service: Service, state: State) -> tuple[Stage, str]:
    match state.status:
        case "created" if state.error:
            return Stage.FAILED, "it did not start"
        case "created":
            return Stage.WAITING, ""
        case "exited" | "dead":
            return _ended(service, state)
        case "restarting" if state.restarts >= _RESTARTS:
            return Stage.FAILED, f"it ended and was started again {state.restarts} times"
        case "running" if state.restarts >= _RESTARTS and state.health != "healthy":
            return Stage.FAILED, f"it ended and was started again {state.restarts} times"
        case "running":
            return _running(state)
        case "paused":
            return Stage.FAILED, "it is paused"
    return Stage.STARTING, ""


def _ended(service: Service, state: State) -> tuple[Stage, str]:
    if state.restarted:
        return Stage.STARTING, ""
    if state.exit_code:
        return Stage.FAILED, "it ended"
    return (Stage.DONE, "") if service.job else (Stage.FAILED, "it ended, and the system needs it to run")


def _running(state: State) -> tuple[Stage, str]:
    if not state.health:
        return Stage.RUNNING, ""
    if state.health == "healthy":
        return Stage.HEALTHY, ""
    if state.probe_code in _UNUSABLE_PROBE and any(text in state.last_probe for text in _NO_PROGRAM):
        return Stage.FAILED, "its health check cannot run"
    return Stage.STARTING, ""
