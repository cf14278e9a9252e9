"""Waiting for a container to be healthy and to stay so, on states told by a fake engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slipway.config.smoke import HttpReady, LogReady, SmokeRules
from slipway.core.errors import SmokeError
from slipway.smoke.containers import Sandbox, Spec
from slipway.smoke.health import wait_until_ended, wait_until_healthy, wait_until_up
from slipway.testing.clock import FakeClock


class FakeApi:
    """The engine's API: each inspect tells the next health, the last one for ever; each exec the next exit code."""

    def __init__(
        self,
        healths: Sequence[str],
        probes: Sequence[int] = (),
        test: Sequence[str] = ("CMD", "true"),
        log: str = "",
        code: int = 3,
    ) -> None:
        self._healths, self._probes = list(healths), list(probes)
        self._test = list(test)
        self._log, self._code = log, code
        self.since: list[float | None] = []
        self.executed: list[list[str]] = []
        self.api = self
        self.base_url = "http://engine"

    def inspect_container(self, container: str) -> dict[str, Any]:
        health = self._healths.pop(0) if len(self._healths) > 1 else self._healths[0]
        status, _, health = health.rpartition(" ")
        state: dict[str, Any] = {"Status": status or "running", "ExitCode": self._code if status else 0}
        state |= {"OOMKilled": False, "Error": "", "Health": {"Status": health, "Log": []}}
        state["StartedAt"] = "2026-11-27T07:00:00.123456789Z"
        return {"State": state, "RestartCount": 0, "Config": {"Healthcheck": {"Test": self._test}, "Shell": None}}

    def wait(self, container: str, timeout: float) -> dict[str, int]:
        """End with 3 once the container exited; the engine answers nothing before."""
        if not self._healths[0].startswith("exited"):
            raise TimeoutError(f"read timed out after {timeout:.0f}")
        return {"StatusCode": self._code}

    def logs(self, container: str, *, since: float | None = None, **_: object) -> bytes:
        self.since.append(since)
        return self._log.encode()

    def exec_create(self, container: str, argv: list[str]) -> dict[str, str]:
        self.executed.append(argv)
        return {"Id": "e"}

    def post(self, url: str, **_: object) -> Any:
        """Answer with two frames of output, as the engine does."""
        frames = b"".join(b"\1\0\0\0" + len(part).to_bytes(4, "big") + part for part in (b"to", b"ld"))
        return type("Answer", (), {"content": frames, "raise_for_status": lambda answer: None})()

    def exec_inspect(self, command: str) -> dict[str, int]:
        return {"ExitCode": self._probes.pop(0)}


def spec(name: str = "svc-a", rules: SmokeRules | None = None, **limits: Any) -> Spec:
    return Spec(
        "sha256:1", "c", "net", name, {}, sandbox=Sandbox(**limits), rules=rules or SmokeRules(header="[smoke]")
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.fault("T13")
def test_it_is_asked_less_and_less_often(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="not healthy after 90 s"):
        wait_until_healthy(FakeApi(["starting"]), "c", spec(), clock.clock)
    assert clock.waited[:3] == pytest.approx([0.05, 0.075, 0.1125])
    assert max(clock.waited) == 1.0
    assert clock.waited == sorted(clock.waited)


@pytest.mark.fault("T13")
def test_a_slow_machine_gets_more_time(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="not healthy after 225 s"):
        wait_until_healthy(FakeApi(["starting"]), "c", spec(slowness=2.5), clock.clock)
    assert 225 < sum(clock.waited) < 227


@pytest.mark.fault("T09")
def test_green_must_hold_for_as_many_probes_as_asked(clock: FakeClock) -> None:
    client = FakeApi(["starting", "healthy"], probes=[0] * 4)
    wait_until_healthy(client, "c", spec(probes=5, hold=2.0), clock.clock)
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
        wait_until_healthy(FakeApi(healths, probes), "c", spec(), clock.clock)
    assert failure.value.message.startswith(f"svc-a: {told}")
    assert clock.waited, "it had been green"


def test_a_probe_for_a_shell_gets_one(clock: FakeClock) -> None:
    client = FakeApi(["healthy"], probes=[0], test=["CMD-SHELL", "curl -f localhost || exit 1"])
    wait_until_healthy(client, "c", spec(probes=2), clock.clock)
    assert client.executed == [["/bin/sh", "-c", "curl -f localhost || exit 1"]]


def test_a_command_is_waited_for_until_it_ends() -> None:
    assert wait_until_ended(FakeApi(["exited "]), "c", spec("base-tool")) == 3
    with pytest.raises(SmokeError, match="base-tool: it did not end within 180 s"):
        wait_until_ended(FakeApi(["none"]), "c", spec("base-tool", slowness=2))


def never(ready: HttpReady) -> str:
    raise AssertionError("nothing is asked")


def test_the_health_check_of_the_image_shows_its_health(clock: FakeClock) -> None:
    client = FakeApi(["starting", "healthy"], probes=[0, 0])
    assert wait_until_up(client, "c", spec(), never, clock.clock) == "healthy"


@pytest.mark.fault("T34")
@pytest.mark.parametrize("test", [(), ("NONE",)])
def test_without_a_health_check_it_must_stay_up(test: tuple[str, ...], clock: FakeClock) -> None:
    said = wait_until_up(FakeApi([""], test=test), "c", spec(slowness=2), never, clock.clock)
    assert said == "no health check: started and stayed up 6 s"
    assert sum(clock.waited) == pytest.approx(6)


@pytest.mark.fault("T34")
def test_without_a_health_check_its_end_is_a_failure(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="svc-a: it stopped and did not stay up; exit code 3"):
        wait_until_up(FakeApi(["", "", "", "exited "], test=()), "c", spec(), never, clock.clock)
    with pytest.raises(SmokeError, match=r"exit code 0; job = true in \[smoke\] if it ends by itself"):
        wait_until_up(FakeApi(["", "", "", "exited "], test=(), code=0), "c", spec(), never, clock.clock)


@pytest.mark.fault("T35")
def test_a_job_must_end_with_0(clock: FakeClock) -> None:
    rules = SmokeRules(job=True)
    assert wait_until_up(FakeApi(["exited "], code=0), "c", spec(rules=rules), never) == "job: ended with 0"
    with pytest.raises(SmokeError, match="svc-a: a job, and it did not end with 0; exit code 3"):
        wait_until_up(FakeApi(["exited "]), "c", spec(rules=rules), never)
    with pytest.raises(SmokeError, match="svc-a: it did not end within 90 s"):
        wait_until_up(FakeApi([""]), "c", spec(rules=rules), never)


HTTP = SmokeRules(ready=HttpReady(8080, "/health"))
LOG = SmokeRules(ready=LogReady("server (v2) started"))


def test_it_is_ready_when_its_port_answers_and_goes_on_to(clock: FakeClock) -> None:
    """Instead of the health check of the image, which would never be green."""
    answers = ["http://:8080/health does not answer", "http://:8080/health answered 503", "", "", ""]
    asked: list[HttpReady] = []

    def ask(ready: HttpReady) -> str:
        asked.append(ready)
        return answers[len(asked) - 1]

    client = FakeApi(["unhealthy"])
    assert wait_until_up(client, "c", spec(rules=HTTP), ask, clock.clock) == "ready: http://:8080/health"
    assert len(asked) == 5 and clock.waited == pytest.approx([0.05, 0.075, 0.5, 0.5])


@pytest.mark.fault("T36")
def test_a_port_that_never_answers_is_a_failure(clock: FakeClock) -> None:
    with pytest.raises(SmokeError, match="svc-a: not ready after 90 s: http://:8080/health answered 503"):
        wait_until_up(FakeApi([""]), "c", spec(rules=HTTP), lambda ready: f"{ready} answered 503", clock.clock)


@pytest.mark.fault("T36")
def test_a_port_that_answered_once_can_still_fail(clock: FakeClock) -> None:
    answers = iter(["", "", f"{HTTP.ready} does not answer"])
    with pytest.raises(SmokeError, match="it was ready, and then was not: http://:8080/health does not answer"):
        wait_until_up(FakeApi([""]), "c", spec(rules=HTTP), lambda ready: next(answers), clock.clock)
    with pytest.raises(SmokeError, match="it stopped before it was ready; exit code 3"):
        wait_until_up(FakeApi(["", "exited "]), "c", spec(rules=HTTP), lambda ready: "not yet", clock.clock)
    with pytest.raises(SmokeError, match="it was ready and then stopped; exit code 3"):
        wait_until_up(FakeApi(["", "exited "]), "c", spec(rules=HTTP), lambda ready: "", clock.clock)


@pytest.mark.fault("T36")
def test_it_is_ready_when_a_line_of_its_log_has_the_text(clock: FakeClock) -> None:
    """The text is not a pattern, and the lines of an earlier start do not count."""
    client = FakeApi([""], log="12:00 the server (v2) started on 8080\n")
    assert wait_until_up(client, "c", spec(rules=LOG), never, clock.clock) == "ready: log: server (v2) started"
    assert set(client.since) == {1795762800.123456}
    with pytest.raises(SmokeError, match=r"not ready after 90 s: no line of its log has 'server \(v2\) started'"):
        wait_until_up(FakeApi([""], log="server (v2)\nstarted"), "c", spec(rules=LOG), never, clock.clock)
