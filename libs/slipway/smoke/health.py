"""Wait until a container under test is up and stays so, or until it has ended.

The table of the image tells when it is up, else its HEALTHCHECK. Without both, an image is up once it has stayed up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from slipway.config.smoke import HttpReady, LogReady
from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import SmokeError
from slipway.engine.container_state import State
from slipway.smoke.containers import Client, Spec, execute, failure, log

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

#: How the health of an image with a HEALTHCHECK is known.
HEALTHY = "healthy"
#: The first words where nothing tells it.
UNKNOWN = "no health check"
#: Asks a port of the container, and returns the reason why the container is not ready; empty when it is.
Ask = Callable[[HttpReady], str]


def wait_until_up(client: Client, container: str, spec: Spec, ask: Ask, clock: Clock = CLOCK) -> str:
    """Wait until the container is up, or until its job has ended. Return how its health is known, for reports.

    Raises SmokeError as soon as it cannot come up any more, or when the deadline has passed.
    """
    if spec.rules.job:
        return wait_until_done(client, container, spec)
    if spec.rules.ready:
        return wait_until_ready(client, container, spec, ask, clock)
    if has_health_check(client, container):
        wait_until_healthy(client, container, spec, clock)
        return HEALTHY
    return wait_until_steady(client, container, spec, clock)


def has_health_check(client: Client, container: str) -> bool:
    check = client.api.inspect_container(container)["Config"].get("Healthcheck") or {}
    return bool(check.get("Test")) and check["Test"] != ["NONE"]


def wait_until_done(client: Client, container: str, spec: Spec) -> str:
    """Wait until the job has ended. Raises SmokeError when it does not end, or ends with another code than 0."""
    if wait_until_ended(client, container, spec):
        state = State.of(client.api.inspect_container(container))
        raise failure(client, container, spec, "a job, and it did not end with 0", state)
    return "job: ended with 0"


def wait_until_steady(client: Client, container: str, spec: Spec, clock: Clock = CLOCK) -> str:
    """Wait, and raise SmokeError when the container ends meanwhile: nothing else tells whether it works."""
    seconds = spec.sandbox.steady * spec.sandbox.slowness
    end = clock.now() + seconds
    for pause in _pauses():
        state = State.of(client.api.inspect_container(container))
        if problem := _stopped(state, before="it stopped and did not stay up"):
            raise failure(client, container, spec, problem, state)
        if (left := end - clock.now()) <= 0:
            break
        clock.sleep(min(pause, left))
    return f"{UNKNOWN}: started and stayed up {seconds:.0f} s"


def wait_until_ready(client: Client, container: str, spec: Spec, ask: Ask, clock: Clock = CLOCK) -> str:
    """Wait until ``ready`` of the table holds, and has held for as many probes as a HEALTHCHECK must."""
    ready, seconds = spec.rules.ready, spec.sandbox.deadline * spec.sandbox.slowness
    give_up = clock.now() + seconds
    for pause in _pauses():
        state = State.of(client.api.inspect_container(container))
        if problem := _stopped(state, before="it stopped before it was ready"):
            raise failure(client, container, spec, problem, state)
        if not (unready := _unready(client, container, ready, ask)):
            break
        if clock.now() > give_up:
            raise failure(client, container, spec, f"not ready after {seconds:.0f} s: {unready}", state)
        clock.sleep(pause)
    for _ in range(1, spec.sandbox.probes):
        clock.sleep(spec.sandbox.hold / (spec.sandbox.probes - 1))
        unready = _unready(client, container, ready, ask)
        state = State.of(client.api.inspect_container(container))
        problem = _stopped(state, before="it was ready and then stopped")
        if problem or unready:
            raise failure(client, container, spec, problem or f"it was ready, and then was not: {unready}", state)
    return f"ready: {ready}"


def _unready(client: Client, container: str, ready: HttpReady | LogReady | None, ask: Ask) -> str:
    """Return the reason why ``ready`` does not hold; empty when it holds."""
    if isinstance(ready, HttpReady):
        return ask(ready)
    text = ready.text if ready else ""
    started = client.api.inspect_container(container)["State"]["StartedAt"]
    lines = log(client, container, since=datetime.fromisoformat(started).timestamp()).splitlines()
    return "" if any(text in line for line in lines) else f"no line of its log has {text!r}"


def wait_until_healthy(client: Client, container: str, spec: Spec, clock: Clock = CLOCK) -> None:
    """Wait until the HEALTHCHECK succeeds and the container has stayed healthy.

    Raises SmokeError as soon as the container can no longer become healthy, or when the deadline has passed.
    """
    sandbox = spec.sandbox
    seconds = sandbox.deadline * sandbox.slowness
    give_up = clock.now() + seconds
    for pause in _pauses():
        state = State.of(client.api.inspect_container(container))
        if state.healthy:
            break
        problem = _problem(state, was_green=False)
        if not problem and clock.now() > give_up:
            problem = f"not healthy after {seconds:.0f} s"
        if problem:
            raise failure(client, container, spec, problem, state)
        clock.sleep(pause)
    for _ in range(1, sandbox.probes):
        clock.sleep(sandbox.hold / (sandbox.probes - 1))
        _probe(client, container, spec)


def _probe(client: Client, container: str, spec: Spec) -> None:
    """Run the image's own health check once more, because the engine's next check may be a minute away.

    Raises SmokeError when the container is not healthy.
    """
    inspected = client.api.inspect_container(container)
    kind, *words = inspected["Config"]["Healthcheck"]["Test"]
    shell = inspected["Config"].get("Shell") or ["/bin/sh", "-c"]
    failed: SmokeError | None = None
    exit_code, said = 0, ""
    try:
        exit_code, said = execute(client, container, words if kind == "CMD" else [*shell, *words])
    except SmokeError as error:
        failed = error
    state = State.of(client.api.inspect_container(container))
    problem = _problem(state, was_green=True)
    if not problem and exit_code:
        problem = "it was healthy, and its next health probe failed"
        state = replace(state, last_probe=said.strip())
    if problem:
        raise failure(client, container, spec, problem, state)
    if failed:
        raise failed


def wait_until_ended(client: Client, container: str, spec: Spec) -> int:
    """Wait until the container has ended, and return its exit code.

    Raises SmokeError when the container still runs after the deadline.
    """
    seconds = spec.sandbox.deadline * spec.sandbox.slowness
    try:
        return int(client.api.wait(container, timeout=seconds)["StatusCode"])
    except OSError as error:
        state = State.of(client.api.inspect_container(container))
        raise failure(client, container, spec, f"it did not end within {seconds:.0f} s", state) from error


def _problem(state: State, *, was_green: bool) -> str:
    before = "it was healthy and then stopped" if was_green else "it stopped before it was healthy"
    if stopped := _stopped(state, before=before):
        return stopped
    if state.health == "unhealthy":
        return "its health check failed"
    return "it was healthy and became unhealthy" if was_green and not state.healthy else ""


def _stopped(state: State, *, before: str) -> str:
    """Return that the container does not run, or was started again; empty when it runs."""
    if state.restarts:
        return "it restarted by itself"
    return before if state.status != "running" else ""


def _pauses() -> Iterator[float]:
    """Yield the seconds before each next look, longer and longer."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)
