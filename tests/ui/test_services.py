"""Show services while they come up."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from slipway.compose.containers import Found
from slipway.compose.judge import Judgement, Stage
from slipway.compose.wait import Standing
from slipway.engine.container_state import State
from slipway.ui.services import LinePerChange, LiveServices

RUNNING = State("running", 0, False, "", "starting", "", 0)


def standing(stage: Stage, seconds: float, last_probe: str = "") -> Standing:
    state = replace(RUNNING, last_probe=last_probe)
    return Standing(Judgement(stage), seconds, (Found("1", "app-1", "app", {}, "sha256:aa", state, "", {}),))


def test_a_line_is_written_per_stage_and_none_for_another_output_of_the_health_check() -> None:
    lines: list[str] = []
    taker = LinePerChange(lines.append)
    taker.take("app", standing(Stage.STARTING, 0.5))
    taker.take("app", standing(Stage.STARTING, 0.5, "connection refused"))
    taker.take("app", standing(Stage.HEALTHY, 2.0))
    assert lines == ["app  starting", "app  healthy  2.0 s"]


def test_the_table_shows_the_last_output_of_a_health_check() -> None:
    table = LiveServices(["app"], str)
    for said in ("connection refused", "503 Service Unavailable"):
        table.take("app", standing(Stage.STARTING, 0.5, said))
    console = Console(width=100)
    with console.capture() as shown:
        console.print(table.drawn())
    assert "503 Service Unavailable" in shown.get()
    assert "refused" not in shown.get()
