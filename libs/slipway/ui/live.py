"""Show the events of a build or a push while it runs: as a live tree on a terminal, or as a line per event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.build.events import Event, Exporting, Failed, Finished, Notice, StepCached, StepDone, StepStarted
from slipway.build.result import Status
from slipway.core.errors import Redact
from slipway.core.units import size
from slipway.push.events import Uploaded, UploadEvent, Uploading
from slipway.ui import columns
from slipway.ui.row_state import RowState
from slipway.ui.styles import styled


@dataclass
class _Row:
    state: RowState | Status = RowState.WAITING
    text: str = ""
    started: float = 0.0
    ended: float = 0.0
    cached: int = 0
    done: int = 0


class LiveTree:
    """Draw a line per image with its step, its seconds, and the number of cached steps.

    ``branches``: the tree's lines. ``names``: the images that wait. The thread that reads events calls ``take``, and
    the thread that paints calls ``drawn``.
    """

    def __init__(self, branches: Sequence[tuple[str, str]], names: Sequence[str], safe: Redact) -> None:
        self._branches = branches
        self._safe = safe
        self._rows = {name: _Row() for name in names}
        self._notice = ""
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def take(self, event: Event | UploadEvent) -> None:
        now = time.monotonic()
        with self._lock:
            if isinstance(event, Notice):
                self._notice = event.text
                return
            row = self._rows.setdefault(event.image, _Row())
            row.started = row.started or now
            match event:
                case StepStarted(step=step):
                    row.state, row.text = RowState.RUNNING, step
                case Exporting():
                    row.state, row.text = RowState.RUNNING, "exporting"
                case StepCached():
                    row.cached += 1
                case StepDone():
                    row.done += 1
                case Uploading(sent=sent, size=whole):
                    row.state, row.text = RowState.UPLOADING, f"{size(sent)} of {size(whole)}"
                case Uploaded():
                    row.state, row.text, row.ended = RowState.UPLOADED, "", now
                case Finished(status=status):
                    row.state, row.text, row.ended = status, "", now
                case Failed(what=what):
                    row.state, row.text, row.ended = Status.FAILED, what, now

    def drawn(self) -> Any:
        """Return what rich shows now."""
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        with self._lock:
            rows = [(branch + name, *self._cells(name, now)) for branch, name in self._branches]
            notice = self._safe(self._notice)
        lines = styled([("", RowState.RUNNING, "00 min 00 s", ""), *rows])[1:]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        closing = " · ".join(filter(None, (columns.seconds(now - self._started), notice)))
        return Group(*lines, Text(closing, "dim"))

    def _cells(self, name: str, now: float) -> tuple[str, str, str]:
        row = self._rows.get(name)
        if row is None:
            return RowState.ROOT, "", ""
        spent = columns.seconds((row.ended or now) - row.started) if row.started and row.ended != row.started else ""
        cached = f"{row.cached} of {row.cached + row.done} steps cached" if row.cached else ""
        return row.state, spent, self._safe(row.text or cached)


class LinePerEvent:
    """Write one line per event that matters, for CI logs and for searches. ``note`` writes a line."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._started: dict[str, float] = {}
        self._uploading: set[str] = set()
        self._failed: set[str] = set()

    def take(self, event: Event | UploadEvent) -> None:
        match event:
            case StepStarted(image, step):
                self._started.setdefault(image, time.monotonic())
                self._note(f"{image}  step  {step[:160]}")
            case Uploading(image) if image not in self._uploading:
                self._started[image] = time.monotonic()
                self._uploading.add(image)
                self._note(f"{image}  {RowState.UPLOADING}")
            case Uploaded(image):
                self._end(image, RowState.UPLOADED)
            case Finished(image, status):
                self._end(image, status)
            case Failed(image, what) if image not in self._failed:
                self._failed.add(image)
                self._note(f"{image}  {Status.FAILED}  {what}")
            case Notice(text):
                self._note(text)

    def _end(self, image: str, state: RowState | Status) -> None:
        started = self._started.get(image)
        spent = f"  {columns.seconds(time.monotonic() - started)}" if started else ""
        self._note(f"{image}  {state}{spent}")


Taker = LinePerEvent | LiveTree
