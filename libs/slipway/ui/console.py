"""Events and results on a terminal (live, coloured) or in plain lines (CI, pipes). The only module that knows rich.

Every text passes ``redact`` and is made printable on its way out.
Colour only carries what the words say too. Plain lines are never cut.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from slipway.build.progress import Event
from slipway.core.errors import Redact, printable
from slipway.core.image import Stack
from slipway.core.streams import emit
from slipway.core.units import size
from slipway.plan.decide import Outcome, Plan
from slipway.push import OnUpload, Upload
from slipway.secrets.redactor import Redactor
from slipway.ui import columns

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.live import Live
    from rich.text import Text

_COLOURS = {
    "green": "reuse built pulled tagged reused pushed uploaded present ok passed",
    "yellow": "build push running uploading warn warning",
    "cyan": "pull tag",
    "bold red": "failed lack error:",
    "red": "skipped",
    "bold": "hint:",
    "dim": "root waiting",
}
_STYLES = {word: style for style, words in _COLOURS.items() for word in words.split()}
#: A check's finding as BuildKit words it.
_TOLD = re.compile(r"(.*) \(line (\d+)\)", re.DOTALL)
_TO_DO = {"build": "to build", "pull": "to pull", "tag": "to tag", "reuse": "to reuse", "push": "to push"}


@dataclass
class _Row:
    status: str = "waiting"
    text: str = ""
    started: float = 0.0
    ended: float = 0.0
    cached: int = 0
    done: int = 0


@dataclass
class _Live:
    """What the live tree shows; written by the reader thread, read by the painter."""

    rows: dict[str, _Row]
    notice: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, event: Event) -> None:
        now = time.monotonic()
        with self.lock:
            if event.kind == "notice":
                self.notice = event.text
                return
            row = self.rows.setdefault(event.image, _Row())
            row.started = row.started or now
            if event.kind in ("step", "exporting", "sending"):
                row.status, row.text = "uploading" if event.kind == "sending" else "running", event.text
            elif event.kind == "cached":
                row.cached += 1
            elif event.kind == "done":
                row.done += 1
            elif event.kind == "built":
                row.status, row.text, row.ended = ("built" if event.text == "exporting" else event.text), "", now
            elif event.kind == "failed":
                row.status, row.text, row.ended = "failed", event.text, now


class Console:
    """``tty`` decides between live and plain. Results go to ``out``, progress and notes to ``err``."""

    def __init__(
        self,
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        tty: bool,
        color: bool = True,
        redact: Redact = Redactor(),  # noqa: B008
    ) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.tty = tty
        self._color = color and tty
        self._redact = redact
        self._live: Live | None = None

    def line(self, text: str = "") -> None:
        """One line of a result."""
        emit(self._safe(text), self._out)

    def note(self, text: str) -> None:
        """A line beside the result, on stderr; above the tree while one is live."""
        if self._live:
            self._live.console.print(self._safe(text), markup=False, highlight=False)
        else:
            emit(self._safe(text), self._err)

    def plan(self, stack: Stack, plan: Plan, seconds: float) -> None:
        """The tree with each image's version, action and reason, and what it comes to."""
        rows = {step.image: (step.reference.tag, step.action, step.reason) for step in plan.steps}
        roots = {
            columns.root_label(name, stack): ("", "root", known[:19] or "not here yet")
            for name, known in plan.roots.items()
        }
        self.tree(stack, rows, roots)
        summary = columns.counted(plan.counts(), _TO_DO) or "nothing to do"
        self.line(f"{summary} · plan {columns.seconds(seconds)}")

    def tree(
        self, stack: Stack, rows: Mapping[str, Sequence[str]], roots: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Images as a tree below their root images, each with its cells."""
        branches = columns.tree(stack, set(rows))
        cells = {**(roots or {}), **rows}
        self.table([(branch + name, *cells.get(name, ())) for branch, name in branches])

    @contextmanager
    def showing(self, stack: Stack, names: Sequence[str]) -> Iterator[_Taker]:
        """A taker of events while ``names`` are worked on: a live tree on a terminal, a line per event elsewhere."""
        if not self.tty:
            yield _Plain(self)
            return
        from rich.live import Live

        state = _Live({name: _Row() for name in names})
        painter = _Painter(state, columns.tree(stack, names), time.monotonic(), self._safe)
        drawing = Live(get_renderable=painter, console=self._rich(self._err), refresh_per_second=8, transient=True)
        with drawing as self._live:
            try:
                yield state
            finally:
                self._live = None

    @contextmanager
    def uploading(self, stack: Stack, names: Sequence[str]) -> Iterator[OnUpload]:
        """The same for uploads."""

        def told(upload: Upload) -> Event:
            said = f"{size(upload.sent)} of {size(upload.size)}"
            return Event(upload.image, "built", "uploaded") if upload.done else Event(upload.image, "sending", said)

        with self.showing(stack, names) as taker:
            yield lambda upload: taker.take(told(upload))

    def outcomes(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """The closing table: image, status, seconds, size, reason or what went wrong."""
        self.table(
            [
                (
                    outcome.image,
                    outcome.status,
                    columns.seconds(outcome.seconds) if outcome.seconds else "",
                    size(outcome.size) if outcome.size else "",
                    outcome.detail or outcome.reason,
                )
                for outcome in outcomes
            ]
        )
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        self.line(f"{columns.counted(counts, {})} · {columns.seconds(seconds)}")
        self._warnings(outcomes)
        self._last_words(outcomes)

    def _warnings(self, outcomes: Sequence[Outcome]) -> None:
        """What BuildKit warned of, each once with the images and the lines of their Dockerfiles."""
        places: dict[str, list[str]] = {}
        for outcome in outcomes:
            for warning in outcome.warnings:
                told = _TOLD.fullmatch(warning)
                text, place = (told[1], f"{outcome.image}:{told[2]}") if told else (warning, outcome.image)
                places.setdefault(text, []).append(place)
        if places:
            self.line()
            self.table([("warning", columns.listed(where), text) for text, where in places.items()])

    def _last_words(self, outcomes: Sequence[Outcome]) -> None:
        """What the step of the first failed image said last: it is what the error is about."""
        failed = next((outcome for outcome in outcomes if outcome.status == "failed"), None)
        if failed and len(failed.output) > 1:
            self.note(f"\n{failed.image} said last:")
            for line in failed.output:
                self.note(f"  {line}")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Aligned rows; on a terminal a cell that is a known word is coloured and a long line ends in an ellipsis."""
        shown = [[self._safe(cell) for cell in row] for row in rows]
        if not self._color:
            for text in columns.aligned(shown):
                self.line(text)
            return
        out = self._rich(self._out)
        for row in columns.padded(shown):
            out.print(_styled(row), no_wrap=True, overflow="ellipsis", crop=True)

    def _safe(self, text: str) -> str:
        return printable(self._redact(text))

    def _rich(self, stream: TextIO) -> RichConsole:
        from rich.console import Console as RichConsole

        return RichConsole(file=stream, highlight=False, soft_wrap=False)


class _Plain:
    """One line per event that matters: what CI keeps and people grep."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._sending: set[str] = set()
        self._failed: set[str] = set()

    def take(self, event: Event) -> None:
        if event.kind == "step":
            self._started.setdefault(event.image, time.monotonic())
            self._console.note(f"{event.image}  step  {event.text[:160]}")
        elif event.kind == "sending" and event.image not in self._sending:
            self._started[event.image] = time.monotonic()
            self._sending.add(event.image)
            self._console.note(f"{event.image}  uploading")
        elif event.kind == "built":
            started = self._started.get(event.image)
            spent = f"  {columns.seconds(time.monotonic() - started)}" if started else ""
            status = "built" if event.text == "exporting" else event.text
            self._console.note(f"{event.image}  {status}{spent}")
        elif event.kind == "notice":
            self._console.note(event.text)
        elif event.kind == "failed" and event.image not in self._failed:
            self._failed.add(event.image)
            self._console.note(f"{event.image}  failed  {event.text}")


_Taker = _Plain | _Live


class _Painter:
    """The live tree: an image a line, with its step, seconds, and how many steps came from the cache."""

    def __init__(self, state: _Live, branches: Sequence[tuple[str, str]], started: float, safe: Redact) -> None:
        self._state = state
        self._safe = safe
        self._branches = branches
        self._started = started

    def __call__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        with self._state.lock:
            rows = [(branch + name, *self._cells(name, now)) for branch, name in self._branches]
            notice = self._safe(self._state.notice)
        lines = [_styled(row) for row in columns.padded([("", "running", "00 min 00 s", ""), *rows])[1:]]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        closing = " · ".join(filter(None, (columns.seconds(now - self._started), notice)))
        return Group(*lines, Text(closing, "dim"))

    def _cells(self, name: str, now: float) -> tuple[str, str, str]:
        row = self._state.rows.get(name)
        if row is None:
            return "root", "", ""
        spent = columns.seconds((row.ended or now) - row.started) if row.started and row.ended != row.started else ""
        cached = f"{row.cached} of {row.cached + row.done} steps cached" if row.cached else ""
        return row.status, spent, self._safe(row.text or cached)


def _styled(cells: Sequence[str]) -> Text:
    from rich.text import Text

    return Text("   ").join(Text(cell, _STYLES.get(cell.strip(), "")) for cell in cells)


def shown_error(text: str, stream: TextIO, *, color: bool) -> None:
    """The closing lines of a failure, on ``stream``; their first words coloured on a terminal."""
    if not color:
        emit(text, stream)
        return
    from rich.console import Console as RichConsole
    from rich.text import Text

    out = RichConsole(file=stream, highlight=False)
    for line in text.splitlines():
        word, space, rest = line.partition(" ")
        out.print(Text(word, _STYLES.get(word, "")) + Text(space + rest), soft_wrap=True)
