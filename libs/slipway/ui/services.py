"""Show the services of a system while they come up: as a live table on a terminal, or as a line per change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from slipway.compose.judge import UP, Stage
from slipway.compose.report import ServiceReport
from slipway.compose.wait import Standing
from slipway.core.errors import Redact
from slipway.core.units import size
from slipway.engine.container_state import first_line
from slipway.ui import columns
from slipway.ui.styles import styled


class LiveServices:
    """Draw a line per service: its stage, the seconds that it took, the last words of its health probe.

    The thread that waits calls ``take``, and the thread that paints calls ``drawn``.
    """

    def __init__(self, names: Sequence[str], safe: Redact) -> None:
        self._safe = safe
        self._standings: dict[str, Standing | None] = dict.fromkeys(names)
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def take(self, name: str, standing: Standing) -> None:
        with self._lock:
            self._standings[name] = standing

    def drawn(self) -> Any:
        """Return what rich shows now."""
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic() - self._started
        with self._lock:
            rows = [(name, *_cells(standing, now)) for name, standing in self._standings.items()]
        lines = styled(rows, self._safe)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines, Text(columns.seconds(now), "dim"))


class LinePerChange:
    """Write one line per change of a service's stage. ``note`` writes a line."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._stages: dict[str, Stage] = {}

    def take(self, name: str, standing: Standing) -> None:
        if self._stages.get(name) is standing.stage:
            return
        self._stages[name] = standing.stage
        spent = f"  {columns.seconds(standing.seconds)}" if standing.stage in UP else ""
        if standing.stage is not Stage.WAITING:
            self._note(f"{name}  {standing.stage}{spent}")


def _cells(standing: Standing | None, now: float) -> tuple[str, str, str]:
    if standing is None:
        return Stage.WAITING, "", ""
    spent = standing.seconds if standing.stage in UP else now
    probe = standing.last_probe
    said = first_line(probe) if probe else "" if standing.stage is Stage.STARTING else standing.judgement.what
    return standing.stage, columns.seconds(spent), said


def service_row(report: ServiceReport) -> tuple[str, ...]:
    """Return the cells of a service in the closing table."""
    return (
        report.service,
        report.state,
        columns.seconds(report.seconds),
        " ".join(report.urls) or "-",
        size(report.memory) if report.memory else "-",
        report.image,
    )
