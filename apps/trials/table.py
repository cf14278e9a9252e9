"""Write the results of the trials as a page of tables: docs/services.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_HEAD = """# The services under kills, load and hostile inputs

`nox -s services` tries each service in its container, with the memory of its label `slipway.memory`: every hostile
input of `apps/trials/corpus/`, four of the largest requests at the same time, ten seconds of load, and a SIGKILL under
load. `nox -s services -- --long` takes 60 seconds of load and 20 kills. `--service svc-ingestion` tries one service.
`--write` makes this page.

Every input is answered in time, with a reason, and the probes are answered within four seconds meanwhile. The client
runs on the same machine, so throughput is a lower bound.
"""


@dataclass(frozen=True)
class Measured:
    """Hold the result of one test of a service: of a hostile input, the largest requests, a load, or kills.

    ``largest`` is the number of the largest requests that were refused with 503.
    """

    image: str
    hostile: str = ""
    status: int = 0
    seconds: float = 0.0
    probe: float = 0.0
    largest: int | None = None
    rate: float | None = None
    middle: float = 0.0
    slow: float = 0.0
    refused: int = 0
    failed: int = 0
    peak: int = 0
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0


def page(measured: Sequence[Measured]) -> str:
    """Return the page in Markdown."""
    return "\n".join([_HEAD, *_hostile(measured), *_largest(measured), *_load(measured), *_kills(measured)])


def _hostile(measured: Sequence[Measured]) -> list[str]:
    images = sorted({one.image for one in measured if one.hostile})
    rows = []
    for image in images:
        inputs = [one for one in measured if one.image == image and one.hostile]
        slowest = max(inputs, key=lambda one: one.seconds)
        errors = sum(one.status >= 500 for one in inputs)
        probe = max(one.probe for one in inputs)
        rows.append([image, len(inputs), errors, f"{slowest.seconds:.1f} s: {slowest.hostile}", f"{probe:.2f} s"])
    return _table(["service", "inputs", "answers of 5xx", "slowest input", "slowest probe"], rows)


def _largest(measured: Sequence[Measured]) -> list[str]:
    found = [one for one in sorted(measured, key=lambda one: one.image) if one.largest is not None]
    return _table(
        ["service", "four of the largest requests: refused (503)", "slowest probe", "peak memory"],
        [[one.image, one.largest, f"{one.probe:.2f} s", f"{one.peak} MB"] for one in found],
    )


def _load(measured: Sequence[Measured]) -> list[str]:
    heads = ["service", "answers per s", "p50", "p99", "refused (503)", "failed", "slowest probe", "peak memory"]
    rows = [
        [
            one.image,
            f"{one.rate:.0f}" if one.rate >= 10 else f"{one.rate:.1f}",
            f"{one.middle:.0f} ms",
            f"{one.slow:.0f} ms",
            one.refused,
            one.failed,
            f"{one.probe:.2f} s",
            f"{one.peak} MB",
        ]
        for one in sorted(measured, key=lambda one: one.image)
        if one.rate is not None
    ]
    return _table(heads, rows)


def _kills(measured: Sequence[Measured]) -> list[str]:
    found = [one for one in sorted(measured, key=lambda one: one.image) if one.kills]
    return _table(
        ["service", "kills", "acknowledged", "lost"],
        [[one.image, one.kills, f"{one.acknowledged:,}", one.lost] for one in found],
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, ""] if lines else []
