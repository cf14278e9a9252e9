"""Waiting for a container to be healthy and to stay so, on states told by a fake engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slipway.core.errors import SmokeError
from slipway.smoke.containers import Sandbox
from slipway.smoke.health import wait_until_ended, wait_until_healthy
from slipway.testing.clock import FakeClock


class FakeApi:
    """The engine's API: each inspect tells the next health, the last one for ever; each exec the next exit code."""

    def __init__(
        self, healths: Sequence[str], probes: Sequence[int] = (), test: Sequence[str] = ("CMD", "true")
    ) -> None:
        self._healths, self._probes = list(healths), list(probes)
        self._test = list(test)
        self.executed: list[list[str]] = []
        self.api = self.containers = self

    def inspect_container(self, container: str) -> dict[str, Any]:
        health = self._healths.pop(0) if len(self._healths) > 1 else self._healths[0]
        status, _, health = health.rpartition(" ")
        state: dict[str, Any] = {"Status": status or "running", "ExitCode": 3 if status else 0}
        state |= {"OOMKilled": False, "Error": "", "Health": {"Status": health, "Log": []}}
        return {"State": state, "RestartCount": 0, "Config": {"Healthcheck": {"Test": self._test}, "Shell": None}}

    def wait(self, container: str, timeout: float) -> dict[str, int]:
        """End with 3 once the container exited; the engine answers nothing before."""
        if not self._healths[0].startswith("exited"):
            raise TimeoutError(f"read timed out after {timeout:.0f}")
        return {"StatusCode": 3}

    def logs(self, container: str, **_: object) -> bytes:
        return b""

    def get(self, container: str) -> FakeApi:
        return self

    def exec_run(self, argv: list[str]) -> Any:
        self.executed.append(argv)
        return type("Outcome", (), {"exit_code": self._probes.pop(0), "output": b"told"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.fault("T13")
def test_it_is_asked_less_and_less_often(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="not healthy after 90 s"):
        wait_until_healthy(FakeApi(["starting"]), "c", "svc-a", Sandbox(), clock.clock)
    assert clock.waited[:3] == pytest.approx([0.05, 0.075, 0.1125])
    assert max(clock.waited) == 1.0
    assert clock.waited == sorted(clock.waited)


@pytest.mark.fault("T13")
def test_a_slow_machine_gets_more_time(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="not healthy after 225 s"):
        wait_until_healthy(FakeApi(["starting"]), "c", "svc-a", Sandbox(slowness=2.5), clock.clock)
    assert 225 < sum(clock.waited) < 227


@pytest.mark.fault("T09")
def test_green_must_hold_for_as_many_probes_as_asked(clock: FakeClock) -> None:
    client = FakeApi(["starting", "healthy"], probes=[0] * 4)
    wait_until_healthy(client, "c", "svc-a", Sandbox(probes=5, hold=2.0), clock.clock)
    assert client.executed == [["true"]] * 4, "the first probe is the engine's own"
    assert clock.waited == pytest.approx([0.05, 0.5, 0.5, 0.5, 0.5])


@pytest.mark.fault("T09")
@pytest.mark.parametrize(
    ("healths", "probes", "told"),
    [
        (["healthy"], [0, 1], "it was healthy, and its next health probe failed\n  last health probe:\n    told"),
        (["healthy", "healthy", "exited healthy"], [0], "it was healthy and then stopped; exit code 3"),
        (["healthy", "healthy", "unhealthy"], [0], "its health check failed"),
        (["healthy", "healthy", "starting"], [0], "it was healthy and became unhealthy"),
    ],
)
def test_a_container_that_was_healthy_once_can_still_fail(
    healths: list[str], probes: list[int], told: str, clock: FakeClock
) -> None:
    with pytest.raises(SmokeError) as failure:
        wait_until_healthy(FakeApi(healths, probes), "c", "svc-a", Sandbox(), clock.clock)
    assert failure.value.message.startswith(f"svc-a: {told}")
    assert clock.waited, "it had been green"


def test_a_probe_for_a_shell_gets_one(clock: FakeClock) -> None:
    client = FakeApi(["healthy"], probes=[0], test=["CMD-SHELL", "curl -f localhost || exit 1"])
    wait_until_healthy(client, "c", "svc-a", Sandbox(probes=2), clock.clock)
    assert client.executed == [["/bin/sh", "-c", "curl -f localhost || exit 1"]]


def test_a_command_is_waited_for_until_it_ends() -> None:
    assert wait_until_ended(FakeApi(["exited "]), "c", "base-tool", Sandbox()) == 3
    with pytest.raises(SmokeError, match="base-tool: it did not end within 180 s"):
        wait_until_ended(FakeApi(["none"]), "c", "base-tool", Sandbox(slowness=2))
