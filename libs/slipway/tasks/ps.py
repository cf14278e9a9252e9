"""Show the services of a system: state, use of processors and memory, and whether the image is as planned."""

from __future__ import annotations

from collections.abc import Mapping

from slipway.compose.containers import Found, of_project, use_of
from slipway.compose.report import urls
from slipway.compose.running_file import IMAGE_LABEL
from slipway.core.threads import map_concurrently
from slipway.core.units import size
from slipway.tasks.options import SystemOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_file, project_of, shown_address, talks_to_engine

_AT_ONCE = 16


@talks_to_engine
def run_ps(session: Session, chosen: SystemOptions) -> None:
    file = chosen_file(session, chosen.names, "ps")
    project = project_of(session, file, chosen.project)
    get = session.host.engine.get
    found, shown = of_project(get, project.name), shown_address(session)
    names = {one.labels.get(IMAGE_LABEL, "") for one in found} & session.repository.stack.by_name.keys()
    facts = session.snapshot(sorted(names)).facts if names else None
    planned = {name: held.id for name in names if facts and (held := facts.in_engine(name))}

    def row(one: Found) -> dict[str, object]:
        running = one.state.status == "running"
        use = use_of(get, one.id, once=False) if running else None
        return {
            "service": one.service,
            "container": one.name,
            "state": one.state.condition,
            "restarts": one.state.restarts,
            "processor": round(use.processor, 3) if use else 0.0,
            "memory": use.memory if use else 0,
            "image": one.labels.get(IMAGE_LABEL, ""),
            "planned": _planned(one, planned),
            "urls": list(urls(one, shown)) if running else [],
        }

    rows = map_concurrently(row, found, at_once=_AT_ONCE)
    if session.json:
        session.answer({"system": file.system, "project": project.name, "containers": rows})
        return
    if not rows:
        session.console.line(f"{file.system} is not up")
        return
    session.console.table([_cells(row) for row in rows])


def _planned(one: Found, planned: Mapping[str, str]) -> str:
    """Tell whether a container runs the image that a build would give: ``as planned``, ``stale``, or empty."""
    name = one.labels.get(IMAGE_LABEL, "")
    if not name:
        return ""
    return "as planned" if planned.get(name) == one.image else "stale"


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    restarts, memory, processor = row["restarts"], row["memory"], row["processor"]
    assert isinstance(memory, int) and isinstance(processor, float) and isinstance(row["urls"], list)
    assert isinstance(row["state"], str)
    return (
        str(row["service"]),
        row["state"],
        f"{restarts} restarts" if restarts else "",
        f"{processor * 100:.0f} %",
        size(memory) if memory else "-",
        " ".join(row["urls"]) or "-",
        " ".join(filter(None, (str(row["image"]), str(row["planned"])))),
    )
