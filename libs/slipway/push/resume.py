"""Read the plan of a push from its run's folder, so that ``push --resume`` can continue it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.core.errors import UsageError, one_line


@dataclass(frozen=True)
class ReleasePlan:
    """Hold the images to release, and the settings that define their version tags: setting → value."""

    images: tuple[str, ...]
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {"push": self.images, "versions": dict(self.versions)}


def read_plan(home: Path, run: str) -> ReleasePlan:
    """Read the plan of an earlier push below ``home``, the repository's ``.slipway``.

    Raises UsageError when there is no such push.
    """
    try:
        plan = json.loads((home / "runs" / Path(run).name / "plan.json").read_text("utf-8"))
        return ReleasePlan(tuple(map(str, plan["push"])), dict(plan["versions"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"push --resume {one_line(run)}: no such push here", hint="invoke push") from None
