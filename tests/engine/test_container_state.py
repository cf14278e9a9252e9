"""How a container that failed is explained."""

from __future__ import annotations

import pytest

from slipway.engine.container_state import Condition, State, explain


def test_a_dead_container_is_explained_with_all_that_is_known() -> None:
    state = State("exited", 137, True, "", "unhealthy", "connection refused", 0)
    log = "\n".join(f"line {number}" for number in range(30)) + "\n\x1b[2Jend"
    told = explain("svc-a", "it stopped", state, log).splitlines()
    assert told[:2] == [
        "svc-a: it stopped; exit code 137: killed (SIGKILL); killed for memory: it reached its limit (OOM);"
        " its last line: \\x1b[2Jend",
        "  last health probe:",
    ]
    assert told[3:5] == ["  last 20 log lines:", "    line 11"]
    assert told[-1] == "    \\x1b[2Jend"


@pytest.mark.parametrize(
    ("code", "limit", "said"),
    [
        (137, 16_000_000, "killed (SIGKILL); perhaps for memory: it has a limit, and the engine does not report each"),
        (137, 0, "killed (SIGKILL)\n"),
        (139, 16_000_000, "segmentation fault (SIGSEGV)\n"),
    ],
)
def test_a_kill_below_a_memory_limit_may_be_for_memory(code: int, limit: int, said: str) -> None:
    ended = {"Status": "exited", "ExitCode": code, "OOMKilled": False, "Error": ""}
    state = State.of({"State": ended, "RestartCount": 0, "HostConfig": {"Memory": limit}})
    assert f"svc-a: it stopped; exit code {code}: {said}" in explain("svc-a", "it stopped", state, "")


@pytest.mark.parametrize(
    ("status", "health", "condition"),
    [
        ("running", "", Condition.RUNNING),
        ("running", "healthy", Condition.HEALTHY),
        ("running", "starting", Condition.STARTING),
        ("exited", "healthy", Condition.EXITED),
        ("stopping", "", "stopping"),
    ],
)
def test_the_condition_of_a_container_is_its_health_while_it_runs(status: str, health: str, condition: str) -> None:
    found = State(status, 0, False, "", health, "", 0).condition
    assert found == condition and type(found) is type(condition)
