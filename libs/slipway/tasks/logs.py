"""Show the logs of a system's services."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from slipway.compose.containers import Found, of_project
from slipway.compose.logs import Follower, Line, read
from slipway.core.errors import UsageError
from slipway.tasks.options import LogOptions, SystemOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_services, project_of, talks_to_engine

#: The lines of one write.
_LINES = 1_000
_SINCE = re.compile(r"([0-9]+)([smh])")


@talks_to_engine
def run_logs(session: Session, chosen: SystemOptions, options: LogOptions) -> None:
    """Show the lines of the named services, or of all, in the order of time."""
    since = _since(options.since)
    file, services = chosen_services(session, chosen.names, "logs")
    project = project_of(session, file, chosen.project)
    engine = session.host.engine
    found = [one for one in of_project(engine.get, project.name) if not services or one.service in services]
    if services and not options.follow and (absent := set(services) - {one.service for one in found}):
        raise UsageError(f"{sorted(absent)[0]}: has no container in {file.system}", hint=f"invoke ps {file.system}")
    tail: int | str = options.tail or "all"
    width = max((len(one.service) for one in found), default=0)
    for lines in _lines(session, project.name, services, found, since, tail, follow=options.follow):
        if session.json:
            session.console.line("\n".join(json.dumps(line._asdict(), ensure_ascii=False) for line in lines))
        else:
            session.console.log_lines([(line.service, line.text) for line in lines], width)


def _lines(
    session: Session,
    project: str,
    services: Sequence[str],
    found: Sequence[Found],
    since: float,
    tail: int | str,
    *,
    follow: bool,
) -> Iterator[list[Line]]:
    """Yield lists of lines in the order of time."""
    engine = session.host.engine
    if not follow:
        written = read(engine.stream, found, since=since, tail=tail)
        yield from iter(lambda: list(islice(written, _LINES)), [])
        return
    follower = Follower(engine.stream, engine.streaming_client, project, services, since=since, tail=tail)
    session.opened.callback(follower.stop)
    follower.start(found)
    yield from follower.lines()


def _since(text: str) -> float:
    """Return the seconds since 1970 of a time before now; 0 for an empty text. Raises UsageError."""
    if not text:
        return 0.0
    match = _SINCE.fullmatch(text)
    if not match:
        raise UsageError(f"--since {text}: not a time", hint="--since 90s, --since 30m, --since 2h")
    return time.time() - int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
