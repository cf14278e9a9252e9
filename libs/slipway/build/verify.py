"""Compare what was built with what was planned."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage
from slipway.plan.decide import Step


def mismatch(step: Step, image: LocalImage | None, platforms: Sequence[str]) -> str:
    """Say how ``image``, which the content tag names now, differs from the plan; empty when it does not.

    Its platform must be one of ``platforms`` (``linux/arm64`` takes ``…/v8``).
    """
    if image is None:
        return f"built, but {step.content.tag} is not in the engine"
    for label, planned in ((INPUT_LABEL, step.input_digest), (TITLE_LABEL, step.image)):
        if (found := image.labels.get(label, "missing")) != planned:
            return f"built, but its label {label} is {found}, not {planned}"
    if str(step.reference) not in image.tags:
        return f"built, but {step.reference.tag} stands for another image"
    if not any(f"{image.platform}/".startswith(f"{one}/") for one in platforms):
        return f"built, but its platform is {image.platform}, not {' or '.join(platforms)}"
    return ""
