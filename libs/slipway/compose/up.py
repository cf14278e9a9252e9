"""Bring a system up by docker compose, and say why when a service does not come up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from slipway.compose.changes import Changes
from slipway.compose.containers import Get, has_parts, inspect_image, looking
from slipway.compose.failures import COMPOSE, ServiceCause, compose_problem
from slipway.compose.judge import UP, Stage
from slipway.compose.logs import without_headers
from slipway.compose.platforms import foreign_program
from slipway.compose.system import Config, System
from slipway.compose.wait import Outcome, Standing, Tell, wait_until_up
from slipway.core.clock import CLOCK, Clock
from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, Problem, SlipwayError, UpError
from slipway.core.threads import start_in_thread
from slipway.engine import Engine
from slipway.engine.address import API_VERSION, DOCKER_COMPOSE
from slipway.engine.container_state import LOG_LINES, explain
from slipway.hosts.runner import Runner

_ENGINE_LOST = "engine-lost"
_DOWN_SECONDS = 120.0
_LOOKS, _PAUSE = 5, 0.3


@dataclass(frozen=True)
class Project:
    """Hold a project of compose: its name, the folder of its relative paths, and the variables for compose.

    ``compose``: the words that run compose.
    """

    name: str
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)
    compose: tuple[str, ...] = DOCKER_COMPOSE

    def command(self, *words: str, stdin: bytes = b"") -> Command:
        """Return a command of compose for this project."""
        argv = (*self.compose, "--ansi", "never", "--progress", "quiet", "--project-name", self.name)
        where = ("--project-directory", self.folder)
        return Command((*argv, *where, *words), env=dict(self.variables), stdin=stdin, label="docker compose")


def start(project: Project, config: Config) -> Command:
    """Return the command that starts the containers of ``config``.

    The file travels by standard input: it may hold secrets.
    """
    words = ("--file", "-", "up", "--detach", "--remove-orphans", "--quiet-pull")
    return project.command(*words, stdin=json.dumps(config).encode())


def bring_up(
    project: Project, system: System, config: Config, run: Runner, engine: Engine, tell: Tell, deadline: float
) -> Outcome:
    """Start the containers and wait for them, at most ``deadline`` seconds.

    When the wait ends early, compose is stopped as Ctrl-C would.
    """
    look = looking(engine.get, project.name)
    changes = Changes(engine.stream, project.name, deadline)
    before = frozenset(one.id for one in look())
    over = threading.Event()
    starting = start_in_thread(partial(run, start(project, config), should_stop=over.is_set))
    starting.add_done_callback(lambda _: changes.notice())
    clock = replace(CLOCK, sleep=changes.wait)

    def ended() -> Result | None:
        return starting.result() if starting.done() else None

    try:
        return wait_until_up(system.services, look, ended, tell, deadline, before=before, clock=clock)
    finally:
        over.set()
        starting.exception()


def take_down(project: Project, run: Runner, get: Get, clock: Clock = CLOCK) -> Result:
    """Remove the project's containers and networks. Its volumes stay.

    After an interrupted start, the engine may still create a container that compose asked for. So slipway looks again.
    """
    for _ in range(_LOOKS):
        result = run(project.command("down", "--remove-orphans"), timeout=_DOWN_SECONDS)
        clock.sleep(_PAUSE)
        if not result.ok or not has_parts(get, project.name):
            break
    return result


def failure(
    outcome: Outcome,
    system: System,
    file: str,
    engine: Engine,
    deadline: float,
    absent: Mapping[str, str] = MappingProxyType({}),
) -> SlipwayError:
    """Return the error of a system that did not come up: a problem for each service at fault.

    ``absent``: image → the reason why compose had to pull it.
    """
    problems = tuple(_problems(outcome, system, engine, deadline))
    started = outcome.started
    if not problems and started and not started.ok:
        problem = compose_problem(started.stderr, system.name, file, absent)
        if problem.code == _ENGINE_LOST:
            return PrerequisiteError.of([problem])
        problems = (problem,)
    return UpError.of(problems or (Problem("", f"up {system.name}: compose has not ended", code="compose-failed"),))


def _problems(outcome: Outcome, system: System, engine: Engine, deadline: float) -> Iterator[Problem]:
    failed = {name: one for name, one in outcome.standings.items() if one.stage is Stage.FAILED}
    unhealthy = {name: one for name, one in outcome.standings.items() if _is_unhealthy(one)}
    late = {name: one for name, one in outcome.standings.items() if one.stage not in UP}
    started = {name: one for name, one in late.items() if one.stage is not Stage.WAITING}
    if failed:
        for name, one in failed.items():
            yield _problem(system.name, name, one, one.judgement.what, engine)
    elif outcome.started and not outcome.started.ok:
        for name, one in unhealthy.items():
            yield _problem(system.name, name, one, "it is unhealthy", engine)
    elif not outcome.in_time:
        for name, one in (started or late).items():
            yield _problem(system.name, name, one, f"not healthy after {deadline:.0f} s", engine)


def _is_unhealthy(standing: Standing) -> bool:
    return any(one.state.health == "unhealthy" for one in standing.containers)


def _problem(system: str, service: str, standing: Standing, what: str, engine: Engine) -> Problem:
    container = standing.container
    if container is None:
        what = f"{what}: compose waits for the services that it depends on"
        return Problem("", f"{service}: {what}", code=ServiceCause.WAITS)
    log = tail(engine, container.id)
    said = f"{container.state.error}\n{log}"
    if cause := foreign_program(said, inspect_image(engine.get, container.image), engine.platform()):
        foreign = COMPOSE["wrong-architecture"]
        return Problem("", explain(service, what, container.state, log, cause), foreign.hint, foreign.code)
    text = explain(service, what, container.state, log)
    return Problem("", text, f"invoke up {system} --keep, then invoke logs {system} {service}", _cause(standing))


def _cause(standing: Standing) -> ServiceCause:
    container = standing.container
    assert container
    state = container.state
    if state.oom_killed:
        return ServiceCause.OUT_OF_MEMORY
    if state.restarts:
        return ServiceCause.RESTARTS
    if state.status in ("exited", "dead"):
        return ServiceCause.ENDED
    if state.status == "created":
        return ServiceCause.NOT_STARTED
    return ServiceCause.UNHEALTHY


def tail(engine: Engine, container: str) -> str:
    """Return the last lines that a container wrote, on both streams."""
    path = f"/v{API_VERSION}/containers/{container}/logs?stdout=1&stderr=1&tail={LOG_LINES}"
    try:
        return b"".join(without_headers(engine.stream(path))).decode("utf-8", "replace")
    except (OSError, SlipwayError):
        return ""
