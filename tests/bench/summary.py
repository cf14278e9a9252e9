"""The one table of docs/performance.md: slipway beside the tool that a reader would use otherwise. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.core.units import size
from slipway.ui import columns
from tests.bench import targets
from tests.bench.peers import BAKE, IN_PARTS, SLIPWAY
from tests.bench.samples import Results, Series
from tests.bench.targets import Key


@dataclass(frozen=True)
class Work:
    """One line: some work, the series of slipway, and that of the other tool if there is one."""

    title: str
    measured: Key
    against: Key | None = None


def _beside(title: str, scenario: str, services: int, peer: str) -> Work:
    return Work(title, (scenario, services, SLIPWAY), (scenario, services, peer))


_SIZES = (20, 100)


def _on_a_host(title: str, scenario: str) -> tuple[Work, Work]:
    """Return a work on a build host: as it is, and where ssh keeps its connection for both."""
    there, peers = targets.remote(scenario), (SLIPWAY, targets.RSYNC)
    first, second = ((there, 20, peer) for peer in peers)
    own, other = ((there, 20, targets.kept(peer)) for peer in peers)
    return Work(title, first, second), Work("the same over a connection that ssh keeps", own, other)


#: Its scenarios are measured at this size, too, with the flag ``--wide``.
_WIDE, _WIDE_SCENARIOS = 500, (targets.LIBRARY, targets.COLD)
_BUILDS = {
    targets.NOTHING: "build, nothing changed",
    targets.ONE: "build, one service edited",
    targets.LIBRARY: "build, shared library edited",
    targets.COLD: "build, every service edited",
}
WORKS = (
    *(
        _beside(f"{title}, {services} services", scenario, services, peer)
        for scenario, title in _BUILDS.items()
        for services in (*_SIZES, *((_WIDE,) if scenario in _WIDE_SCENARIOS else ()))
        for peer in ((BAKE, IN_PARTS) if services == _WIDE else (BAKE,))
    ),
    _beside("push of 100 services, nothing changed", targets.PUSH, 100, "docker push"),
    _beside("push of one edited service", targets.EDIT_PUSHED, 2, "docker push"),
    Work("install base-ml's packages", (targets.ML_BUILD, 0, "uv"), (targets.ML_BUILD, 0, "pip")),
    _beside("push base-ml for the first time", targets.ML_PUSH, 0, "docker push"),
    Work(
        "the same with zstd on containerd's store", (targets.ML_ZSTD, 0, SLIPWAY), (targets.ML_PUSH, 0, "docker push")
    ),
    *_on_a_host("build on a host behind 20 ms, nothing changed", targets.NOTHING),
    *_on_a_host("build there, one service edited", targets.ONE),
    _beside("first sync of 4,000 files to that host", targets.SYNC, 0, targets.RSYNC),
    _beside("start 8 services, until healthy", targets.UP, 8, targets.COMPOSE_UP),
    _beside("save a file under watch, until healthy", targets.EDIT, 1, targets.COMPOSE_WATCH),
    Work("plan 2,000 services in 200,000 files", (targets.TREES, 2000, SLIPWAY)),
    Work(
        f"plan {targets.FOREIGN_IMAGES} images in the shapes of foreign repositories",
        (targets.PLAN, targets.FOREIGN_IMAGES, targets.SHAPES),
        (targets.PLAN, targets.FOREIGN_IMAGES, targets.OWN),
    ),
    Work("release 100 services, nothing changed", (targets.RELEASED, 100, SLIPWAY)),
    Work("return to an earlier release of 100 services", (targets.ROLLBACK, 100, SLIPWAY)),
)


def summary(results: Results) -> Sequence[Sequence[str]]:
    """Return a head, and a row for each work that was measured."""
    rows = [("work", "slipway", "other tool", "")]
    for work in WORKS:
        measured = results.find(*work.measured)
        against = results.find(*work.against) if work.against else None
        if measured and (against or not work.against):
            rows.append((work.title, _shown(measured), *_compared(measured, against)))
    return rows


def _shown(one: Series) -> str:
    return f"{columns.seconds(one.seconds)}{f', {size(one.memory)}' if one.memory else ''}"


def _compared(measured: Series, against: Series | None) -> tuple[str, str]:
    if not against:
        return "", ""
    if not against.samples:
        return f"{against.peer} failed: {against.failed}", ""
    ratio = measured.seconds / against.seconds
    factor, word = (1 / ratio, "faster") if ratio < 1 else (ratio, "slower")
    told = f"{factor:.{2 if factor < 2 else 1}f} × {word}"
    failed = f", failed: {against.failed}" if against.failed else ""
    return f"{against.peer}: {columns.seconds(against.seconds)}{failed}", told
