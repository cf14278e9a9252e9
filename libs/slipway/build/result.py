"""Define the result of one image: its entry in run.json, in ``--json``, and in the closing table."""

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
