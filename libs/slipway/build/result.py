"""Define the state of a run, and the result of an image: its entry in run.json, ``--json`` and the closing table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from slipway.plan.decide import Step


class Status(StrEnum):
    """Name the way in which a step ended. run.json and ``--json`` contain these values."""

    BUILT = "built"
    PULLED = "pulled"
    TAGGED = "tagged"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"
    PUSHED = "pushed"
    PRESENT = "present"

    @property
    def ok(self) -> bool:
        return self not in (Status.FAILED, Status.SKIPPED)


class RunState(StrEnum):
    """Name the state of a run on the build host.

    ``ENDED``: the run ended before all its bakes had ended, and none of them failed.
    """

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True)
class ImageResult:
    """Hold the result of a step.

    ``size`` is in bytes. ``seconds``: the time of the image's own steps. ``detail``: the reason why it failed or was
    skipped. ``output``: the last lines of the step that failed. ``warnings`` are BuildKit's.
    """

    image: str
    status: Status
    reason: str
    input_digest: str = ""
    image_digest: str = ""
    reference: str = ""
    size: int = 0
    seconds: float = 0.0
    detail: str = ""
    output: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, step: Step, status: Status) -> ImageResult:
        return cls(step.image, status, str(step.reason), step.input_digest, reference=str(step.reference))

    @property
    def ok(self) -> bool:
        return self.status.ok
