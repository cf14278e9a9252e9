"""The measurements as tables for a terminal and for Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.core.units import size
from slipway.ui import columns
from tests.bench.peers import PEERS
from tests.bench.samples import Results, Series
from tests.bench.targets import TARGETS, Target, Verdict, verdicts

_PEERS = tuple(peer.name for peer in PEERS)

#: A head and the rows below it.
Table = Sequence[Sequence[str]]


def times(results: Results) -> Table:
    """A row per scenario and size that the peers share: everyone's median, shortest and longest."""
    rows = [("scenario", "services", *_PEERS, "rounds")]
    for scenario, services in dict.fromkeys((one.scenario, one.services) for one in results.series):
        found = [results.find(scenario, services, peer) for peer in _PEERS]
        if services and any(found[1:]):
            rounds = max(len(one.samples) for one in found if one)
            rows.append((scenario, str(services), *(_cell(one) if one else "" for one in found), str(rounds)))
    return rows


def others(results: Results) -> Table:
    """A row per series that ``times`` has no column for."""
    rows: list[Sequence[str]] = []
    head = ("scenario", "services", "who", "median", "processor time", "peak memory", "sent", "received", "rounds")
    shared = {(row[0], row[1]) for row in times(results)}
    for one in results.series:
        if one.peer not in _PEERS or (one.scenario, str(one.services)) not in shared:
            services = str(one.services) if one.services else ""
            sizes = (size(count) if count else "" for count in (one.memory, one.sent, one.received))
            cells = (one.peer, _cell(one), columns.seconds(one.cpu), *sizes)
            rows.append((one.scenario, services, *cells, str(len(one.samples))))
    return [head, *rows]


def judged(results: Results) -> Table:
    """A row per target whose series were measured."""
    return [
        ("target", "measured", "against", "ratio", "at most", ""),
        *(_verdict(results, verdict) for verdict in verdicts(results)),
    ]


def unmeasured(results: Results) -> str:
    """How many targets this run says nothing about; an empty string for none."""
    missing = len(TARGETS) - len(verdicts(results))
    return f"{missing} of {len(TARGETS)} targets were not measured" if missing else ""


def text(results: Results) -> str:
    """For a terminal."""
    tables = [columns.aligned(table) for table in (times(results), others(results), judged(results)) if len(table) > 1]
    tables.append([f"{name} {value}" for name, value in results.machine.items()])
    tables += [[missing]] if (missing := unmeasured(results)) else []
    return "\n\n".join("\n".join(lines) for lines in tables)


def markdown(table: Table) -> str:
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(one: Series) -> str:
    """``0.52 s (0.50–0.61)``: the median, and all there was; then the tries that failed."""
    failed = f"failed: {one.failed}" if one.failed else ""
    return ", ".join(filter(None, (_measured(one) if one.samples else "", failed)))


def _measured(one: Series) -> str:
    if len(one.samples) == 1:
        return columns.seconds(one.seconds)
    least, most = one.spread
    digits = 2 if most < 9.95 else 1
    return f"{columns.seconds(one.seconds)} ({least:.{digits}f}–{most:.{digits}f})"


def _verdict(results: Results, verdict: Verdict) -> tuple[str, ...]:
    target = verdict.target
    said = "reached" if verdict.reached else "not reached"
    if verdict.figure is None:
        return _unjudged(results, target)
    if target.unit in ("bytes", "bytes sent"):
        return target.text, size(round(verdict.figure)), "", "", size(round(target.limit)), said
    measured = results.find(*target.measured)
    assert measured
    if not target.against:
        return target.text, columns.seconds(measured.seconds), "", "", columns.seconds(target.limit), said
    against = results.find(*target.against)
    assert against
    other = f"{target.against[2]}{f' at {against.services}' if against.services not in (0, measured.services) else ''}"
    return (
        target.text,
        columns.seconds(measured.seconds),
        f"{other} {columns.seconds(against.seconds)}",
        f"{verdict.figure:.3f}",
        f"{target.limit:.3f}",
        said,
    )


def _unjudged(results: Results, target: Target) -> tuple[str, ...]:
    """Return the row of a target whose other peer failed in all of its tries."""
    measured, against = results.find(*target.measured), target.against and results.find(*target.against)
    assert measured and against
    other = f"{against.peer} {_cell(against)}"
    return target.text, columns.seconds(measured.seconds), other, "", f"{target.limit:.3f}", "no ratio"
