"""Wait until a container under test is healthy and stays so, or until it has ended."""

from __future__ import annotations

from dataclasses import replace

from slipway.core.clock import Clock
from slipway.core.errors import SmokeError
from slipway.engine.container_state import State
from slipway.smoke.containers import Client, Sandbox, execute, failure

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


def wait_until_healthy(
    client: Client,
    container: str,
    alias: str,
    sandbox: Sandbox,
    clock: Clock = Clock(),  # noqa: B008
) -> None:
    """Wait until the HEALTHCHECK succeeds and the container has stayed healthy.

    Raises SmokeError as soon as the container can no longer become healthy, or when the deadline has passed.
    """
    seconds = sandbox.deadline * sandbox.slowness
    give_up, pause = clock.now() + seconds, _FIRST_PAUSE
    while not (state := State.of(client.api.inspect_container(container))).healthy:
        problem = _problem(state, was_green=False)
        if not problem and clock.now() > give_up:
            problem = f"not healthy after {seconds:.0f} s"
        if problem:
            raise failure(client, container, alias, problem, state)
        clock.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    for _ in range(1, sandbox.probes):
        clock.sleep(sandbox.hold / (sandbox.probes - 1))
        _probe(client, container, alias)


def _probe(client: Client, container: str, alias: str) -> None:
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
        raise failure(client, container, alias, problem, state)
    if failed:
        raise failed


def wait_until_ended(client: Client, container: str, alias: str, sandbox: Sandbox) -> int:
    """Wait until the container has ended, and return its exit code.

    Raises SmokeError when the container still runs after the deadline.
    """
    seconds = sandbox.deadline * sandbox.slowness
    try:
        return int(client.api.wait(container, timeout=seconds)["StatusCode"])
    except OSError as error:
        state = State.of(client.api.inspect_container(container))
        raise failure(client, container, alias, f"it did not end within {seconds:.0f} s", state) from error


def _problem(state: State, *, was_green: bool) -> str:
    if state.restarts:
        return "it restarted by itself"
    if state.status != "running":
        return "it was healthy and then stopped" if was_green else "it stopped before it was healthy"
    if not state.health:
        return "its image declares no HEALTHCHECK, so nothing can say that it works"
    if state.health == "unhealthy":
        return "its health check failed"
    return "it was healthy and became unhealthy" if was_green and not state.healthy else ""
