"""plan ↔ buildx: the bake file, the argv, and rawjson progress read back as events.

One ``docker buildx bake`` solves the whole graph. A parent in the same bake is linked by ``target:``; one that is
there already by its content tag, so baking a child never rebuilds its base.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.command import Command

#: Default attestations would give every cached build a new digest; bake must not ask questions on a terminal.
ENVIRONMENT = {
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    "BUILDX_METADATA_PROVENANCE": "disabled",
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
}


#: The bake file's one group; no image can be called so.
_ALL = "_all"


@dataclass(frozen=True)
class Target:
    """One image to bake. ``links`` maps a FROM string to ``target:<name>`` or ``docker-image://<reference>``."""

    name: str
    context: str
    dockerfile: str
    tags: tuple[str, ...]
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()


def bake_file(targets: Sequence[Target], *, output: str = "type=docker") -> bytes:
    """The bake file as JSON. ``output`` is buildx's: ``type=docker`` loads into the engine."""
    described = {target.name: _describe(target, output) for target in targets}
    group = {_ALL: {"targets": [target.name for target in targets]}}
    return json.dumps({"group": group, "target": described}, indent=1, sort_keys=True).encode()


def _describe(target: Target, output: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "context": target.context,
        "dockerfile": target.dockerfile,
        "tags": list(target.tags),
        "output": [output],
    }
    optional = {
        "args": dict(target.args),
        "labels": dict(target.labels),
        "contexts": dict(target.links),
        "secret": list(target.secrets),
        "platforms": list(target.platforms),
    }
    return said | {key: value for key, value in optional.items() if value}


def bake_command(file: bytes, *, root: str, builder: str = "", count: int) -> Command:
    """``docker buildx bake`` fed ``file`` on stdin; progress comes as rawjson on stderr."""
    chosen = ("--builder", builder) if builder else ()
    argv = ("docker", "buildx", "bake", *chosen, "--file", "-", "--progress", "rawjson", _ALL)
    return Command(argv, cwd=root, env=ENVIRONMENT, stdin=file, label=f"bake {count} images")


@dataclass(frozen=True)
class Event:
    """What happened to an image. ``kind``: step, cached, done, log, exporting, sending, built, failed."""

    image: str
    kind: str
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Failure:
    """The step that failed, buildx's words for why, and the step's last output lines."""

    step: str
    cause: str
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The step, the cause, and the last thing the step said."""
        said = next((line.strip() for line in reversed(self.output) if line.strip()), "")
        return ": ".join(filter(None, (self.step, self.cause, said)))


_NAME = re.compile(r"\[(?P<place>[^\]]*)\] (?P<what>.*)", re.DOTALL)
#: The step is told beside it; what it ran need not be told again.
_RUN_ERROR = re.compile(r"^process \".*\" did not complete successfully: ", re.DOTALL)
_TARGET_ERROR = re.compile(r"ERROR: target ([A-Za-z0-9_-]+): (.*)")
_MOUNT = re.compile(r"--mount=\S+\s+")
_CANCELED = "context canceled"


class Progress:
    """Reads buildx's rawjson line by line.

    buildx names a step that several targets share after any one of them; the step belongs to the first of them in
    ``names`` (parents come first there), so a base's failure is never told as its child's.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._rank = {name: rank for rank, name in enumerate(names)}
        self._owner: dict[str, str] = {}
        self._what: dict[str, str] = {}
        self._said: set[tuple[str, str]] = set()
        self._tail: dict[str, deque[str]] = {}
        self._errors: dict[str, str] = {}
        self._target_errors: dict[str, str] = {}
        self.trailer: list[str] = []
        self.warnings: list[str] = []

    def feed(self, line: str) -> Iterator[Event]:
        """The events that one line of stderr tells. A line that is no JSON is kept in ``trailer``."""
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            yield from self._plain(line.rstrip())
            return
        for vertex in entry.get("vertexes") or ():
            yield from self._vertex(vertex)
        for log in entry.get("logs") or ():
            yield from self._log(log)
        for warning in entry.get("warnings") or ():
            self.warnings.append(_text(warning.get("short", "")))

    def failures(self) -> dict[str, Failure]:
        """Image → what failed in it. Steps that were merely cancelled with their siblings do not count."""
        found: dict[str, Failure] = {}
        for digest, cause in self._errors.items():
            owner = self._owner.get(digest)
            if owner is not None and owner not in found:
                found[owner] = Failure(self._what.get(digest, ""), cause, tuple(self._tail.get(digest, ())))
        if not found:
            found = {name: Failure("", cause, tuple(self.trailer[-12:])) for name, cause in self._target_errors.items()}
        return found

    def _plain(self, line: str) -> Iterator[Event]:
        self.trailer.append(line)
        match = _TARGET_ERROR.match(line)
        if match and match[1] in self._rank and _CANCELED not in match[2]:
            self._target_errors.setdefault(match[1], match[2])
            yield Event(match[1], "failed", match[2])

    def _vertex(self, vertex: Mapping[str, Any]) -> Iterator[Event]:
        digest = str(vertex.get("digest", ""))
        image, rest, what = self._place(str(vertex.get("name", "")))
        if not image:
            return
        self._claim(digest, image)
        owner = self._owner[digest]
        self._what[digest] = what
        if vertex.get("error"):
            if _CANCELED not in str(vertex["error"]) and self._once(digest, "failed"):
                self._errors[digest] = _RUN_ERROR.sub("", str(vertex["error"]))
                yield Event(owner, "failed", what)
        elif rest.startswith(("internal", "context")) or what.startswith("FROM "):
            return
        elif what.startswith("exporting to"):
            yield from self._exporting(digest, image, vertex)
        elif vertex.get("cached"):
            if self._once(digest, "cached"):
                yield Event(owner, "cached", what)
        elif vertex.get("completed"):
            if self._once(digest, "done"):
                yield Event(owner, "done", what, _seconds(vertex))
        elif vertex.get("started") and self._once(digest, "step"):
            yield Event(owner, "step", what)

    def _exporting(self, digest: str, image: str, vertex: Mapping[str, Any]) -> Iterator[Event]:
        kind = "built" if vertex.get("completed") else "exporting"
        if self._once(digest, kind):
            yield Event(image, kind, "exporting", _seconds(vertex))

    def _log(self, log: Mapping[str, Any]) -> Iterator[Event]:
        digest = str(log.get("vertex", ""))
        owner = self._owner.get(digest)
        if owner is None:
            return
        try:
            text = base64.b64decode(log.get("data", "")).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
        tail = self._tail.setdefault(digest, deque(maxlen=20))
        for line in text.splitlines():
            tail.append(line)
            yield Event(owner, "log", line)

    def _place(self, name: str) -> tuple[str, str, str]:
        """A step's image, its place in the file, and what it does. A bake of one target does not name it."""
        match = _NAME.fullmatch(name)
        place, what = (match["place"], match["what"]) if match else ("", name)
        image, _, rest = place.partition(" ")
        if image in self._rank:
            return image, rest, _shortened(what)
        return (self._names[0], place, _shortened(what)) if len(self._names) == 1 else ("", "", "")

    def _claim(self, digest: str, target: str) -> None:
        held = self._owner.get(digest)
        if held is None or self._rank[target] < self._rank[held]:
            self._owner[digest] = target

    def _once(self, digest: str, kind: str) -> bool:
        if (digest, kind) in self._said:
            return False
        self._said.add((digest, kind))
        return True


def _shortened(what: str) -> str:
    """A step without its mounts, on one line."""
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
