"""Show events and results on a terminal (live, coloured) or in plain lines (CI, pipes).

Only the modules of this room import rich. Every text passes ``redact`` and is made printable before it is written.
Colour only repeats the meaning of the words. Plain lines are never cut.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from slipway.build.result import ImageResult, Status
from slipway.core.errors import Redact, printable
from slipway.core.image import Stack
from slipway.core.streams import emit
from slipway.core.units import size
from slipway.plan.decide import Plan
from slipway.secrets.redactor import Redactor
from slipway.ui import columns
from slipway.ui.row_state import RowState

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.live import Live as LiveDisplay

    from slipway.ui.live import Taker
    from slipway.ui.services import LinePerChange, LiveServices


#: A finding of BuildKit's checks, in BuildKit's own form.
_TOLD = re.compile(r"(.*) \(line (\d+)\)", re.DOTALL)


#: The styles of the lines of a diff, by their first character.
_IN_DIFF = {"+": "green", "-": "red", "@": "cyan"}
#: The colours of services' names in logs, as numbers of ANSI escape sequences.
_PREFIXES = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class Console:
    """Write results to ``out``, and progress and notes to ``err``.

    ``tty`` decides between live and plain output.
    """

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
        self._live: LiveDisplay | None = None
        self._colours: dict[str, int] = {}

    def line(self, text: str = "") -> None:
        """Write one line of a result."""
        emit(self._safe(text), self._out)

    def note(self, text: str) -> None:
        """Write a line to stderr; while a live tree is shown, above the tree."""
        if self._live:
            self._live.console.print(self._safe(text), markup=False, highlight=False)
        else:
            emit(self._safe(text), self._err)

    def log_lines(self, lines: Sequence[tuple[str, str]], width: int) -> None:
        """Write lines of services' logs, each behind its service's name; on a terminal each name has a colour.

        One write for all lines: a write for each would take most of the time.
        """
        names = {service: self._prefix(service, width) for service in dict.fromkeys(service for service, _ in lines)}
        emit("\n".join(f"{names[service]}  {self._safe(text)}" for service, text in lines), self._out)

    def _prefix(self, service: str, width: int) -> str:
        name = self._safe(service).ljust(width)
        if not self._color:
            return name
        colour = self._colours.setdefault(service, _PREFIXES[len(self._colours) % len(_PREFIXES)])
        return f"\x1b[{colour}m{name}\x1b[0m"

    def plan(self, stack: Stack, plan: Plan, seconds: float) -> None:
        """Show the tree with each image's version, action and reason, and a summary of the actions."""
        rows = {step.image: (step.reference.tag, step.action, str(step.reason)) for step in plan.steps}
        roots = {
            columns.root_label(name, stack): ("", RowState.ROOT, known[:19] or "not here yet")
            for name, known in plan.roots.items()
        }
        self.tree(stack, rows, roots)
        summary = " · ".join(f"{count} to {action}" for action, count in plan.counts().items()) or "nothing to do"
        self.line(f"{summary} · plan {columns.seconds(seconds)}")

    def tree(
        self, stack: Stack, rows: Mapping[str, Sequence[str]], roots: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Show images as a tree below their root images, each with its cells."""
        branches = columns.tree(stack, set(rows))
        cells = {**(roots or {}), **rows}
        self.table([(branch + name, *cells.get(name, ())) for branch, name in branches])

    @contextmanager
    def showing(self, stack: Stack, names: Sequence[str]) -> Iterator[Taker]:
        """Yield a taker of events while slipway works on ``names``.

        The taker shows a live tree on a terminal, or else a line per event.
        """
        from slipway.ui.live import LinePerEvent, LiveTree

        if not self.tty:
            with self._noting() as note:
                yield LinePerEvent(note)
            return
        tree = LiveTree(columns.tree(stack, names), names, self._safe)
        with self._shown_live(tree.drawn):
            yield tree

    @contextmanager
    def services(self, names: Sequence[str]) -> Iterator[LiveServices | LinePerChange]:
        """Yield a taker of changes while the services ``names`` come up.

        The taker shows a live table on a terminal, or else a line per change.
        """
        from slipway.ui.services import LinePerChange, LiveServices

        if not self.tty:
            with self._noting() as note:
                yield LinePerChange(note)
            return
        taker = LiveServices(names, self._safe)
        with self._shown_live(taker.drawn):
            yield taker

    @contextmanager
    def _noting(self) -> Iterator[Callable[[str], None]]:
        """Yield a function that writes a line to stderr, and that writes nothing after the block.

        After an interrupt a thread may still end its upload, and its line would follow the error.
        """
        writing, ended = threading.Lock(), threading.Event()

        def note(text: str) -> None:
            with writing:
                if not ended.is_set():
                    self.note(text)

        try:
            yield note
        finally:
            with writing:
                ended.set()

    @contextmanager
    def _shown_live(self, drawn: Callable[[], Any]) -> Iterator[None]:
        """Show what ``drawn`` returns, again and again, below the notes."""
        from rich.live import Live as LiveDisplay

        display = LiveDisplay(get_renderable=drawn, console=self._rich(self._err), refresh_per_second=8, transient=True)
        with display as self._live:
            try:
                yield
            finally:
                self._live = None

    def results(self, results: Sequence[ImageResult], seconds: float) -> None:
        """Show the closing table: image, status, seconds, size, and the failure or the reason."""
        self.table(
            [
                (
                    result.image,
                    result.status,
                    columns.seconds(result.seconds) if result.seconds else "",
                    size(result.size) if result.size else "",
                    result.detail or result.reason,
                )
                for result in results
            ]
        )
        counts = Counter(result.status for result in results)
        told = [f"{count} {status}" for status, count in counts.items()]
        self.line(" · ".join([*told, columns.seconds(seconds)]))
        self._warnings(results)
        self._last_words(results)

    def _warnings(self, results: Sequence[ImageResult]) -> None:
        """Show each of BuildKit's warnings once, with the images and the lines of their Dockerfiles."""
        places: dict[str, list[str]] = {}
        for result in results:
            for warning in result.warnings:
                told = _TOLD.fullmatch(warning)
                text, place = (told[1], f"{result.image}:{told[2]}") if told else (warning, result.image)
                places.setdefault(text, []).append(place)
        if places:
            self.line()
            self.table([("warning", columns.listed(where), text) for text, where in places.items()])

    def _last_words(self, results: Sequence[ImageResult]) -> None:
        """Show the last output of the step that failed in the first failed image: the error is about it."""
        failed = next((result for result in results if result.status is Status.FAILED), None)
        if failed and len(failed.output) > 1:
            self.note(f"\n{failed.image} said last:")
            for line in failed.output:
                self.note(f"  {line}")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Show aligned rows.

        On a terminal, a cell that is a word of a known enum is coloured, and a long line ends in an ellipsis.
        """
        if not self._color:
            for text in columns.aligned([[self._safe(cell) for cell in row] for row in rows]):
                self.line(text)
            return
        from slipway.ui.styles import styled

        out = self._rich(self._out)
        for line in styled(rows, self._safe):
            out.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def diff(self, file: str, before: str, after: str, context: int = 3) -> None:
        """Show how a file changes, as ``diff -u`` does; on a terminal the lines are coloured.

        ``context``: the number of equal lines around each change.
        """
        from difflib import unified_diff

        old, new = before.splitlines(), after.splitlines()
        lines = unified_diff(old, new, file if before else "/dev/null", file, lineterm="", n=context)
        if not self._color:
            for text in lines:
                self.line(text)
            return
        from rich.text import Text

        out = self._rich(self._out)
        for text in lines:
            out.print(Text(self._safe(text), _IN_DIFF.get(text[:1], "")), soft_wrap=True)

    def _safe(self, text: str) -> str:
        return printable(self._redact(text))

    def _rich(self, stream: TextIO) -> RichConsole:
        from rich.console import Console as RichConsole

        return RichConsole(file=stream, highlight=False, soft_wrap=False)


def shown_error(text: str, stream: TextIO, *, color: bool) -> None:
    """Write the closing lines of a failure to ``stream``; with ``color`` their first words are coloured."""
    if not color:
        emit(text, stream)
        return
    from rich.console import Console as RichConsole
    from rich.text import Text

    from slipway.ui.styles import style_of

    out = RichConsole(file=stream, highlight=False)
    for line in text.splitlines():
        word, space, rest = line.partition(" ")
        out.print(Text(word, style_of(word)) + Text(space + rest), soft_wrap=True)
