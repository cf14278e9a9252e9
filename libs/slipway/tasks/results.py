"""Report the results of images: in a run's record, and as JSON or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from slipway.build.result import ImageResult
from slipway.core.errors import SlipwayError
from slipway.plan.facts import Snapshot
from slipway.runs.run import Run
from slipway.tasks.session import Session
from slipway.ui import report


def tell(
    session: Session,
    record: Run,
    outcomes: Sequence[ImageResult],
    command: str,
    roots: Mapping[str, str] = MappingProxyType({}),
    error: SlipwayError | None = None,
    snapshot: Snapshot | None = None,
) -> None:
    """Write the results to the run's record, and show them as a table or as JSON. Raises ``error`` afterwards.

    With ``snapshot``, each image has the rules of policy that a reason of the project set aside.
    """
    content = report.results_json(outcomes, run=record.id, seconds=session.seconds, command=command, roots=roots)
    if snapshot:
        for entry in content["images"]:
            entry["allowed"] = snapshot.allowed(entry["image"])
    content |= session.output.readable(error).as_json() if error else {}
    record.write("run.json", content)
    if session.json:
        session.answer(content)
    else:
        session.console.line()
        session.console.results(outcomes, session.seconds)
    if error:
        raise error
