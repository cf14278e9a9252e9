"""Define the colour of each word that a table or the live tree can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from slipway.build.result import Status
from slipway.compose.judge import UP, Stage
from slipway.hosts.requirements import CheckState
from slipway.plan.decide import Action
from slipway.push.events import PushAction

if TYPE_CHECKING:
    from rich.text import Text


class RowState(StrEnum):
    """Name the state of a row in the live tree, for an image that has no status yet and for a root image."""

    ROOT = "root"
    WAITING = "waiting"
    RUNNING = "running"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"


_COLOURS: Mapping[str, tuple[str, ...]] = {
    "green": (
        Action.REUSE,
        RowState.UPLOADED,
        CheckState.OK,
        *UP,
        *(status for status in Status if status.ok),
    ),
    "yellow": (
        Action.BUILD,
        PushAction.PUSH,
        RowState.RUNNING,
        RowState.UPLOADING,
        Stage.STARTING,
        CheckState.WARN,
        "warning",
    ),
    "cyan": (Action.PULL, Action.TAG),
    "bold red": (Status.FAILED, Stage.FAILED, CheckState.MISSING, "error:"),
    "red": (Status.SKIPPED,),
    "bold": ("hint:",),
    "dim": (RowState.ROOT, RowState.WAITING, Stage.WAITING),
}
STYLES = {word: style for style, words in _COLOURS.items() for word in words}


def styled(cells: Sequence[str]) -> Text:
    """Join cells, each in the colour of its word."""
    from rich.text import Text

    return Text("   ").join(Text(cell, STYLES.get(cell.strip(), "")) for cell in cells)
