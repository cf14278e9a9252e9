"""Define the events of a running build, one type for each kind of event."""

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
    """Report that BuildKit took the step's result from its cache."""

    image: str
    step: str


@dataclass(frozen=True)
class StepDone:
    image: str
    step: str
    seconds: float = 0.0


@dataclass(frozen=True)
class StepOutput:
    """Hold a line that a step wrote."""

    image: str
    line: str


@dataclass(frozen=True)
class Exporting:
    """Report that all steps are done, and that the engine stores the image."""

    image: str


@dataclass(frozen=True)
class Finished:
    """Report that the image is in the engine. ``seconds``: the duration of the export."""

    image: str
    status: Status
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """Report a failure. ``what``: the step that failed, or the cause when no step failed."""

    image: str
    what: str


@dataclass(frozen=True)
class Notice:
    """Hold a message about the build as a whole."""

    text: str


Event: TypeAlias = StepStarted | StepCached | StepDone | StepOutput | Exporting | Finished | Failed | Notice
OnEvent = Callable[[Event], None]
