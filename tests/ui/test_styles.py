"""The colour of a word depends on its enum: a container that runs is calm, an image that is built is active."""

from __future__ import annotations

import pytest

from slipway.build.result import RunState, Status
from slipway.compose.judge import UP, Stage
from slipway.engine.container_state import Condition
from slipway.plan.decide import Action
from slipway.push.events import PushAction
from slipway.ui.row_state import RowState
from slipway.ui.styles import style_of, styled


@pytest.mark.parametrize(
    ("word", "style"),
    [
        (Stage.RUNNING, "green"),
        (Condition.RUNNING, "green"),
        (RowState.RUNNING, "yellow"),
        (RunState.RUNNING, "yellow"),
        ("running", ""),
        (Stage.STARTING, "yellow"),
        (Condition.UNHEALTHY, "bold red"),
        (Status.FAILED, "bold red"),
        (Action.REUSE, "green"),
        (PushAction.REUSE, "green"),
        ("error:", "bold red"),
    ],
)
def test_a_word_has_the_colour_of_its_enum(word: str, style: str) -> None:
    assert style_of(word) == style


def test_a_service_that_is_up_is_green() -> None:
    assert {style_of(stage) for stage in UP} == {"green"}


def test_cells_keep_their_colour_when_they_are_padded_and_made_safe() -> None:
    rows = [("a", Stage.RUNNING, "x"), ("beside", RowState.RUNNING, "")]
    first, second = styled(rows, lambda text: text.replace("running", "runs"))
    assert first.plain == "a        runs   x" and second.plain == "beside   runs   "
    assert [span.style for span in first.spans if span.style] == ["green"]
    assert [span.style for span in second.spans if span.style] == ["yellow"]
