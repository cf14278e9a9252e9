"""Keep the plan of a release in its run's folder, so that ``release-resume`` can end it without a build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from slipway.core.errors import UsageError, one_line
from slipway.release.planned import Planned
from slipway.runs.run import Run

_PLAN, _JOURNAL = "release.json", "journal.jsonl"


@dataclass(frozen=True)
class Interrupted:
    """Hold the release of a run. ``repository``: that of the records. ``began``: the run began to move tags."""

    planned: Planned
    repository: str
    began: bool = False

    def keep(self, record: Run) -> None:
        """Write the plan into the folder of a run. Raises UnwritableError."""
        record.write(_PLAN, {"release": self.planned.as_json(), "repository": self.repository, "began": self.began})


def read_release(home: Path, run: str) -> Interrupted:
    """Read the release of an earlier run below ``home``, the repository's ``.slipway``.

    Raises UsageError when there is none.
    """
    folder = home / "runs" / Path(run).name
    try:
        said = json.loads((folder / _PLAN).read_text("utf-8"))
        began = bool(said["began"]) or _moved(folder / _JOURNAL)
        return Interrupted(Planned.read(said["release"]), str(said["repository"]), began)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        hint = "invoke release-resume RUN: the run that a release names when it fails"
        raise UsageError(f"release-resume {one_line(run)}: this checkout keeps no such release", hint=hint) from None


def _moved(journal: Path) -> bool:
    """Tell whether the run began to move a tag. The last line may be cut off, where the run was killed."""
    lines = journal.read_text("utf-8", "replace").splitlines() if journal.exists() else []
    return any('"moving":' in line for line in lines)
