"""Parse buildx's rawjson progress into events, failures, warnings and times, each of one image."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.build.advice import BUILD_CANCELED, ENGINE_GONE
from slipway.build.events import Event, Exporting, Failed, Finished, StepCached, StepDone, StepOutput, StepStarted
from slipway.build.rawjson import RawJson
from slipway.build.result import Status
from slipway.secrets.redactor import RedactedLines, Redactor


@dataclass(frozen=True)
class Failure:
    """Hold a failure: the step, buildx's message, and the last output lines of the step.

    ``final``: another attempt would fail in the same way.
    """

    step: str
    cause: str
    output: tuple[str, ...] = ()
    final: bool = False

    def __str__(self) -> str:
        """Return the step, the cause, and the last output line of the step."""
        said = next((line.strip() for line in reversed(self.output) if line.strip()), "")
        return ": ".join(filter(None, (self.step, self.cause, said)))


_NAME = re.compile(r"\[(?P<place>[^\]]*)\] (?P<what>.*)", re.DOTALL)
#: A failure already names its step, so the error need not repeat the command.
_RUN_ERROR = re.compile(r"^process \".*\" did not complete successfully: ", re.DOTALL)
_TARGET_ERROR = re.compile(r"ERROR: target ([A-Za-z0-9_-]+): (.*)")
_EXPORTED = re.compile(r"exporting manifest (list )?(sha256:[0-9a-f]{64})")
_MOUNT = re.compile(r"--mount=\S+\s+")


class Progress:
    """Parse buildx's rawjson progress line by line.

    buildx names a step that several targets share after any one of them. The step belongs to the first of these
    targets in ``names``, which lists parents first. So a base's failure is never reported as its child's. A step's
    output arrives in pieces and is reported in whole lines. ``redactor`` removes the secrets that it knows from
    everything reported. ``clock`` returns seconds.
    """

    def __init__(
        self,
        names: Sequence[str],
        redactor: Redactor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = RawJson()
        self._names = tuple(names)
        self._rank = {name: rank for rank, name in enumerate(names)}
        self._owner: dict[str, str] = {}
        self._what: dict[str, str] = {}
        self._said: set[tuple[str, type[Event]]] = set()
        self._redactor = redactor or Redactor()
        self._outputs: dict[str, dict[int, RedactedLines]] = {}
        self._tail: dict[str, deque[str]] = {}
        self._errors: dict[str, str] = {}
        self._target_errors: dict[str, str] = {}
        self._busy = {name: _Watch(clock) for name in names}
        self._exported: set[str] = set()
        self._warnings: dict[str, dict[str, None]] = {}
        self.trailer: list[str] = []
        self._manifests: dict[str, str] = {}
        self._indexes: dict[str, str] = {}

    def feed(self, line: str) -> Iterator[Event]:
        """Yield the events that are complete with this line of stderr.

        A line that belongs to no JSON object goes into ``trailer``.
        """
        for entry in self._lines.read(line):
            if isinstance(entry, str):
                yield from self._plain(entry)
                continue
            for vertex in entry.get("vertexes") or ():
                yield from self._vertex(vertex)
            for log in entry.get("logs") or ():
                yield from self._log(log)
            for status in entry.get("statuses") or ():
                self._note_digest(status)
            for warning in entry.get("warnings") or ():
                self._warn(warning)

    def _note_digest(self, status: Mapping[str, Any]) -> None:
        exported, owner = _EXPORTED.fullmatch(str(status.get("id"))), self._owner.get(str(status.get("vertex", "")))
        if exported and owner:
            found = self._indexes if exported[1] else self._manifests
            found[owner] = exported[2]

    @property
    def digests(self) -> Mapping[str, str]:
        """Return image → the digest that buildx exported: of its manifest, or of its index for several platforms."""
        return self._manifests | self._indexes

    def failures(self) -> dict[str, Failure]:
        """Return the failure of each failed image.

        A step that BuildKit canceled because of another failure does not count.
        """
        found: dict[str, Failure] = {}
        for digest, cause in self._errors.items():
            owner = self._owner.get(digest)
            if owner is not None and owner not in found:
                found[owner] = Failure(self._what.get(digest, ""), cause, tuple(self._tail.get(digest, ())))
        if not found:
            found = {name: Failure("", cause, tuple(self.trailer[-12:])) for name, cause in self._target_errors.items()}
        return found

    def unnamed(self, exit_code: int) -> dict[str, Failure]:
        """Return the last message of buildx as the failure of every image.

        Use it when buildx failed without naming an image.
        """
        said = [line for line in self.trailer if line.strip()]
        cause = said[-1].removeprefix("ERROR: ") if said else f"buildx ended with exit code {exit_code}"
        return dict.fromkeys(self._rank, Failure("", cause))

    @property
    def cut(self) -> bool:
        """Tell whether buildx lost the engine or did not reach it."""
        return any(ENGINE_GONE.matches(line) for line in self.trailer)

    @property
    def warnings(self) -> dict[str, tuple[str, ...]]:
        """Return the warnings of BuildKit's checks about each image's Dockerfile: ``<rule>: <text> (line 3)``."""
        return {name: tuple(said) for name, said in self._warnings.items()}

    @property
    def exported(self) -> frozenset[str]:
        """Return the images whose last step, the export, has completed."""
        return frozenset(self._exported)

    def seconds(self, image: str) -> float:
        """Return how long at least one of the image's steps ran, including steps that did not end."""
        return self._busy[image].seconds

    def overdue(self, limit: float) -> dict[str, Failure]:
        """Return a failure for each image whose own steps have taken longer than ``limit`` seconds.

        The time in which an image waits for others does not count. The time of a step that targets share counts for
        the target that buildx names first.
        """
        late = {name: watch.newest for name, watch in self._busy.items() if watch.seconds > limit}
        return {name: Failure(self._what[step], "", tuple(self._tail.get(step, ()))) for name, step in late.items()}

    def _plain(self, line: str) -> Iterator[Event]:
        self.trailer.append(self._redactor(line))
        match = _TARGET_ERROR.match(line)
        if match and match[1] in self._rank and not BUILD_CANCELED.matches(match[2]):
            cause = self._redactor(match[2])
            self._target_errors.setdefault(match[1], cause)
            yield Failed(match[1], cause)

    def _vertex(self, vertex: Mapping[str, Any]) -> Iterator[Event]:
        digest = str(vertex.get("digest", ""))
        image, rest, what = self._place(str(vertex.get("name", "")))
        if not image:
            return
        self._claim(digest, image)
        owner = self._owner[digest]
        self._what[digest] = what
        ended = vertex.get("error") or vertex.get("completed")
        if vertex.get("started") or ended:
            self._busy[owner].note(digest, running=not ended)
        if ended:
            for output in self._outputs.pop(digest, {}).values():
                yield from self._told(digest, output.close())
        if vertex.get("error"):
            if not BUILD_CANCELED.matches(str(vertex["error"])) and self._once(digest, Failed):
                self._errors[digest] = self._redactor(_RUN_ERROR.sub("", str(vertex["error"])))
                yield Failed(owner, what)
        elif rest.startswith(("internal", "context")) or what.startswith("FROM "):
            return
        elif what.startswith("exporting to"):
            yield from self._exporting(digest, image, vertex)
        elif vertex.get("cached"):
            if self._once(digest, StepCached):
                yield StepCached(owner, what)
        elif vertex.get("completed"):
            if self._once(digest, StepDone):
                yield StepDone(owner, what, _seconds(vertex))
        elif vertex.get("started") and self._once(digest, StepStarted):
            yield StepStarted(owner, what)

    def _exporting(self, digest: str, image: str, vertex: Mapping[str, Any]) -> Iterator[Event]:
        if not vertex.get("completed"):
            if self._once(digest, Exporting):
                yield Exporting(image)
            return
        self._exported.add(image)
        if self._once(digest, Finished):
            yield Finished(image, Status.BUILT, _seconds(vertex))

    def _log(self, log: Mapping[str, Any]) -> Iterator[Event]:
        digest = str(log.get("vertex", ""))
        if digest not in self._owner:
            return
        try:
            data = base64.b64decode(log.get("data", ""))
        except (binascii.Error, ValueError):
            return
        streams = self._outputs.setdefault(digest, {})
        lines = streams.setdefault(int(log.get("stream") or 0), RedactedLines(self._redactor))
        yield from self._told(digest, lines.feed(data))

    def _told(self, digest: str, lines: Sequence[str]) -> Iterator[Event]:
        self._tail.setdefault(digest, deque(maxlen=20)).extend(lines)
        for line in lines:
            yield StepOutput(self._owner[digest], line)

    def _warn(self, warning: Mapping[str, Any]) -> None:
        text = self._redactor(" ".join(_text(warning.get("short", "")).split()))
        owner = self._owner.get(str(warning.get("vertex", "")))
        if owner is None:
            self.trailer.append(text)
        else:
            self._warnings.setdefault(owner, {})[text] = None

    def _place(self, name: str) -> tuple[str, str, str]:
        """Return a step's image, its place in the Dockerfile, and its action.

        A bake of one target does not name the target in its steps. All three are empty for a step of an unknown
        target.
        """
        match = _NAME.fullmatch(name)
        place, what = (match["place"], match["what"]) if match else ("", name)
        image, _, rest = place.partition(" ")
        step = self._redactor(_shortened(what))
        if image in self._rank:
            return image, rest, step
        return (self._names[0], place, step) if len(self._names) == 1 else ("", "", "")

    def _claim(self, digest: str, target: str) -> None:
        held = self._owner.get(digest)
        if held is None or self._rank[target] < self._rank[held]:
            self._owner[digest] = target

    def _once(self, digest: str, event: type[Event]) -> bool:
        if (digest, event) in self._said:
            return False
        self._said.add((digest, event))
        return True


class _Watch:
    """Measure the time while at least one step of an image runs. One thread reads it while another writes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[str, None] = {}
        self._spent = 0.0
        self._since = 0.0
        self._last = ""

    @property
    def seconds(self) -> float:
        return self._spent + (self._clock() - self._since if self._running else 0.0)

    @property
    def newest(self) -> str:
        """Return the step that started last, among the running steps if there are any."""
        return next(reversed(list(self._running)), self._last)

    def note(self, step: str, *, running: bool) -> None:
        if running and step not in self._running:
            if not self._running:
                self._since = self._clock()
            self._running[step] = None
            self._last = step
        elif not running and step in self._running:
            del self._running[step]
            if not self._running:
                self._spent += self._clock() - self._since


def _shortened(what: str) -> str:
    """Return a step's text on one line, without its mounts."""
    return " ".join(_MOUNT.sub("", what).split())


def _seconds(vertex: Mapping[str, Any]) -> float:
    try:
        started = datetime.fromisoformat(str(vertex["started"]).replace("Z", "+00:00"))
        completed = datetime.fromisoformat(str(vertex["completed"]).replace("Z", "+00:00"))
    except (KeyError, ValueError):
        return 0.0
    return max(0.0, (completed - started).total_seconds())


def _text(data: Any) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError, TypeError):
        return str(data)
