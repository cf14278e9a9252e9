"""Write the results of the trials as a table: the page docs/services.md, or plain lines for a log.

``python -m apps.trials.table FOLDER`` prints the table of all results in a folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

#: In seconds. The health probe of a container gives up then.
LATE = 4.0
#: 501 is for a request that HTTP does not have.
_SERVER_ERRORS = {500, *range(502, 600)}

_HEAD = """# The services under hostile inputs, load, faults and kills

`nox -s services` tries each service in its container, with the memory of its label `slipway.memory`: every hostile
input of `apps/trials/`, some of the largest requests at the same time, ten seconds of load, a neighbour that hangs or
is dead, a full volume, and a SIGKILL under load. `nox -s services -- --long` takes 60 seconds of load with 16 clients,
and 20 kills. `--service svc-ingestion` tries one service. `--write` makes this page, or the rows of the chosen
services.

A trial fails unless each input is answered in time, with a reason, and each probe within four seconds meanwhile. The
first requests must load no library: Python answers no probe while a slow disk reads one. A service that keeps nothing
has nothing to lose: the long form kills it five times, and it answers again after each kill. The client runs on the
same machine, so throughput is a lower bound.
"""
_FOOT = """
- *5xx*: answers of 500 and above to hostile inputs, without 501. *Ended*: inputs that ended the service.
- *Late*: probes that failed or took over four seconds, during inputs, faults or load. *Slowest*: the slowest probe.
- *Memory*: the peak of processes and files in a tmpfs during inputs and load, and the label `slipway.memory`.
- *Busy*: requests of the load that were answered with 503 and a time to come again.
- *Neighbour dead, hangs* and *volume full*: the statuses of requests meanwhile. The service answers 2xx afterwards.
"""


@dataclass(frozen=True)
class Measured:
    """Hold the result of one test of a service. A test leaves out what it does not measure.

    ``memory`` is the label of the image, and ``peak`` the largest memory in MB. ``late`` counts probes.
    """

    image: str
    hostile: str = ""
    status: int = 0
    ended: bool = False
    late: int = 0
    probe: float = 0.0
    rate: float | None = None
    middle: float = 0.0
    slow: float = 0.0
    busy: int = 0
    memory: str = ""
    peak: int = 0
    kills: int = 0
    acknowledged: int = 0
    lost: int | None = None
    dead: Sequence[int] = ()
    hangs: Sequence[int] = ()
    full: Sequence[int] = ()


Column = Callable[[Sequence[Measured]], str]


def _largest(name: str, form: str) -> Column:
    return lambda results: form.format(max(getattr(one, name) for one in results))


def _total(name: str) -> Column:
    return lambda results: f"{sum(getattr(one, name) for one in results):,}"


def _statuses(name: str) -> Column:
    return lambda results: " ".join(sorted({str(status) for one in results for status in getattr(one, name)})) or "–"


def _loaded(write: Callable[[Measured], str]) -> Column:
    return lambda results: next((write(one) for one in results if one.rate is not None), "–")


def _rate(one: Measured) -> str:
    rate = one.rate or 0.0
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _lost(results: Sequence[Measured]) -> str:
    counted = [one.lost for one in results if one.lost is not None]
    return f"{sum(counted)} of {sum(one.acknowledged for one in results):,}" if counted else "–"


def _memory(results: Sequence[Measured]) -> str:
    label = next((one.memory for one in results if one.memory), "no label")
    return f"{max(one.peak for one in results)} of {label}"


_COLUMNS: Mapping[str, Column] = {
    "service": lambda results: results[0].image,
    "inputs": lambda results: str(sum(bool(one.hostile) for one in results)),
    "5xx": lambda results: str(sum(bool(one.hostile) and one.status in _SERVER_ERRORS for one in results)),
    "ended": _total("ended"),
    "late": _total("late"),
    "slowest, s": _largest("probe", "{:.2f}"),
    "answers/s": _loaded(_rate),
    "p50 / p99, ms": _loaded(lambda one: f"{one.middle:.0f} / {one.slow:.0f}"),
    "busy": _total("busy"),
    "memory, MB": _memory,
    "kills": _total("kills"),
    "lost": _lost,
    "neighbour dead": _statuses("dead"),
    "hangs": _statuses("hangs"),
    "volume full": _statuses("full"),
}


def page(measured: Iterable[Measured], *, long: bool) -> str:
    """Return the page in Markdown, with the results of the long form or of the short one."""
    heads, *rows = _cells(measured)
    lines = [_line(cells) for cells in (heads, ["---"] * len(heads), *rows)]
    return "\n".join([_HEAD, f"{_form(long)}\n", *lines, _FOOT])


def renewed(page: str, measured: Iterable[Measured], *, long: bool) -> str:
    """Return the page with the results of some services in place of their rows.

    Raises ValueError for results of the other form.
    """
    if _form(long) not in page:
        raise ValueError("the page has the figures of the other form")
    _, *rows = _cells(measured)
    renewing = {cells[0]: _line(cells) for cells in rows}
    lines = page.split("\n")
    return "\n".join(renewing.get(line.removeprefix("| ").partition(" ")[0], line) for line in lines)


def plain(measured: Iterable[Measured]) -> str:
    """Return the table in columns of text."""
    rows = list(_cells(measured))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows)


def save(measured: Iterable[Measured], path: Path) -> None:
    path.write_text(json.dumps([asdict(one) for one in measured]), "utf-8")


def saved(folder: Path) -> list[Measured]:
    """Return the results that were saved in the folder's files."""
    files = sorted(folder.glob("*.json"))
    return [Measured(**one) for file in files for one in json.loads(file.read_text("utf-8"))]


def _form(long: bool) -> str:
    return f"The figures are those of the {'long' if long else 'short'} form."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(measured: Iterable[Measured]) -> Iterable[list[str]]:
    """Yield the heads, and a row for each service."""
    by_image: dict[str, list[Measured]] = {}
    for one in measured:
        by_image.setdefault(one.image, []).append(one)
    yield list(_COLUMNS)
    for image in sorted(by_image):
        yield [column(by_image[image]) for column in _COLUMNS.values()]


if __name__ == "__main__":
    print(plain(saved(Path(sys.argv[1]))))
