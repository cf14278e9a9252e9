"""Define the colour of each word that a table or the live tree can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.audit.scan.severity import Severity
from slipway.build.result import RunState, Status
from slipway.compose.judge import UP, Stage
from slipway.core.errors import Redact
from slipway.engine.container_state import Condition
from slipway.hosts.requirements import CheckState
from slipway.plan.decide import Action
from slipway.push.events import PushAction
from slipway.release.outcome import Outcome
from slipway.release.standing import State
from slipway.ui import columns
from slipway.ui.row_state import RowState

if TYPE_CHECKING:
    from rich.text import Text


_COLOURS: Mapping[str, tuple[str, ...]] = {
    "green": (
        Action.REUSE,
        PushAction.REUSE,
        RowState.UPLOADED,
        RunState.DONE,
        CheckState.OK,
        State.PUBLISHED,
        Outcome.REHEARSED,
        *UP,
        Condition.HEALTHY,
        Condition.RUNNING,
        *(status for status in Status if status.ok),
    ),
    "yellow": (
        Action.BUILD,
        PushAction.PUSH,
        RowState.RUNNING,
        RowState.UPLOADING,
        RunState.RUNNING,
        Stage.STARTING,
        Condition.STARTING,
        Condition.RESTARTING,
        CheckState.WARN,
        Severity.MEDIUM,
        Severity.UNKNOWN,
        "warning",
    ),
    "cyan": (Action.PULL, Action.TAG, PushAction.TAG, State.NEW),
    "bold red": (
        Severity.CRITICAL,
        Severity.HIGH,
        State.DRIFTED,
        Outcome.BROKEN,
        Status.FAILED,
        RunState.FAILED,
        Stage.FAILED,
        Condition.UNHEALTHY,
        Condition.DEAD,
        CheckState.MISSING,
        "error:",
    ),
    "red": (Status.SKIPPED, Outcome.SKIPPED),
    "bold": ("hint:",),
    "dim": (RowState.ROOT, RowState.WAITING, Stage.WAITING),
}
#: By type and word: a container that is ``running`` is up, an image that is ``running`` is at work.
_STYLES = {(type(word), str(word)): style for style, words in _COLOURS.items() for word in words}


def style_of(cell: str) -> str:
    """Return the style of a cell: that of its word in its own enum, or of a plain word."""
    return _STYLES.get((type(cell), str(cell)), "")


def styled(rows: Sequence[Sequence[str]], safe: Redact = str) -> list[Text]:
    """Return rows with aligned columns, each cell in the colour of its type and word, made safe for a terminal."""
    from rich.text import Text

    shown = columns.padded([[safe(cell) for cell in row] for row in rows])
    return [
        Text("   ").join(Text(text, style_of(cell)) for cell, text in zip(row, cells, strict=True))
        for row, cells in zip(rows, shown, strict=True)
    ]
