"""Say what happens to the images of a build while it happens, one type for each kind of event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from slipway.build.result import Status


@dataclass(frozen=True)
class StepStarted:
    image: str
    step: str


@dataclass(frozen=True)
class StepCached:
    """BuildKit took the step's result from its cache."""

    image: str
    step: str


@dataclass(frozen=True)
class StepDone:
    image: str
    step: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Output:
    """A line that a step wrote."""

    image: str
    line: str


@dataclass(frozen=True)
class Exporting:
    """All steps are done, and the engine stores the image."""

    image: str


@dataclass(frozen=True)
class Finished:
    """The image is in the engine. ``seconds``: how long the export took."""

    image: str
    status: Status
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """``what``: the step that failed, or the cause where no step did."""

    image: str
    what: str


@dataclass(frozen=True)
class Notice:
    """Something that concerns all images of the build."""

    text: str


Event: TypeAlias = StepStarted | StepCached | StepDone | Output | Exporting | Finished | Failed | Notice
OnEvent = Callable[[Event], None]
