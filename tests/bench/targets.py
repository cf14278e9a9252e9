"""The targets of the benchmarks, and whether a run reached them. Pure.

A target compares two medians of one run, or one median with a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.peers import BAKE, IN_PARTS, SCRIPT, SLIPWAY
from tests.bench.samples import Results, Series
from tests.bench.stacks import source

NOTHING, ONE, LIBRARY, COLD = "nothing changed", "one service edited", "shared library edited", "cold, bases cached"
INIT = "init, 100,000 files"
PUSH, LIST, MEMORY, FILES = "push, nothing changed", "start", "peak memory", "plan of 100,000 files"
TREES = "plan, 100 files in each service"
TREES_ASKED = f"{TREES}, registry asked"
FOREIGN_IMAGES = 463
PLAN = "plan"
PLAN_AFTER, PLAN_COLD = f"{PLAN}, after the start", f"{PLAN}, no file hashed before"
#: The peers of these plans: repositories in the shapes of foreign ones, and stacks of the bench.
SHAPES, OWN = "foreign shapes", "own stacks"
RELEASED, SAME = "release, released already", "release of the same content"
FLIP, ROLLBACK = "release: the tags move", "rollback"
EDIT_PUSHED = "push of one edit"
ML_BUILD, ML_PUSH = "base-ml built", "base-ml pushed first"
ML_ZSTD = "base-ml pushed first, containerd's store"
ML_COMPRESSED = "base-ml built, containerd's store"
SYNC = "remote: first sync of 4,000 files"
CONTEXT, RSYNC = "DOCKER_HOST=ssh", "rsync + ssh"
UP, COMPOSE_UP = "up until healthy", "compose up --wait"
EDIT, EDIT_PROBED, COMPOSE_WATCH = "edit until healthy", "edit until healthy, own start_interval", "compose watch"
LOGS, COMPOSE_LOGS = "logs of 10,000 lines/s, greatest delay", "compose logs --follow"
#: The systems of this repository.
SYSTEMS = ("cat-dog", "documents", "konnichiwa", "ocr-inference", "strain-seer")
#: The size of an edit of one service, in bytes.
_EDIT = len(source("main", "0" * 16))

#: A series by scenario, services, peer.
Key = tuple[str, int, str]


@dataclass(frozen=True)
class Target:
    """``measured`` is at most ``limit`` times ``against``; without ``against`` at most ``limit`` of ``unit``: seconds,
    bytes of memory, or bytes sent."""

    measured: Key
    limit: float
    against: Key | None = None
    unit: str = "seconds"

    @property
    def text(self) -> str:
        scenario, services, peer = self.measured
        size = f", {services} services" if services else ""
        return f"{scenario}{size}: {peer}"


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured: ``figure`` is a ratio, seconds or bytes, as the target's limit is.

    ``figure`` is None where the other peer failed in all of its tries.
    """

    target: Target
    figure: float | None

    @property
    def reached(self) -> bool:
        return self.figure is not None and self.figure <= self.target.limit


def remote(scenario: str) -> str:
    """The scenario, on a build host."""
    return f"remote: {scenario}"


def kept(peer: str) -> str:
    """The peer, over a connection that ssh keeps from one command to the next."""
    return f"{peer}, kept"


def up(system: str) -> str:
    """The scenario of a system of this repository."""
    return f"{system}: {UP}"


def peak(scenario: str) -> str:
    """The scenario, of which the memory was measured."""
    return f"{MEMORY}: {scenario}"


def buildx_of(peer: str) -> str:
    """The processes of buildx that ``peer`` starts."""
    return f"{peer}'s buildx"


def _beside(scenario: str, services: int, peer: str, limit: float) -> Target:
    return Target((scenario, services, SLIPWAY), limit, (scenario, services, peer))


TARGETS = (
    _beside(NOTHING, 20, BAKE, 0.8),
    _beside(NOTHING, 100, BAKE, 1 / 20),
    Target((NOTHING, 20, SLIPWAY), 1.7, (LIST, 0, "invoke --list")),
    Target((NOTHING, 100, SLIPWAY), 2.2, (LIST, 0, "invoke --list")),
    _beside(NOTHING, 100, SCRIPT, 1 / 40),
    Target((NOTHING, 500, SLIPWAY), 3, (NOTHING, 100, SLIPWAY)),
    _beside(ONE, 20, BAKE, 1 / 2),
    _beside(ONE, 100, BAKE, 1 / 10),
    _beside(LIBRARY, 20, BAKE, 1),
    _beside(LIBRARY, 100, BAKE, 1),
    _beside(LIBRARY, 500, BAKE, 1),
    _beside(LIBRARY, 500, IN_PARTS, 1),
    _beside(COLD, 20, BAKE, 1),
    _beside(COLD, 100, BAKE, 1),
    _beside(COLD, 500, BAKE, 1),
    _beside(COLD, 500, IN_PARTS, 1),
    Target((PUSH, 100, SLIPWAY), 1 / 4, (PUSH, 100, "docker push")),
    Target((RELEASED, 100, SLIPWAY), 1.5),
    Target((SAME, 100, SLIPWAY), 1.5),
    Target((FLIP, 100, SLIPWAY), 1),
    Target((ROLLBACK, 100, SLIPWAY), 2),
    Target((EDIT_PUSHED, 2, SLIPWAY), 20e3, unit="bytes sent"),
    Target((LIST, 0, "invoke --list"), 2, (LIST, 0, "import invoke")),
    Target((MEMORY, 500, SLIPWAY), 150e6, unit="bytes"),
    Target((peak(LIBRARY), 500, SLIPWAY), 150e6, unit="bytes"),
    Target((peak(COLD), 500, SLIPWAY), 150e6, unit="bytes"),
    Target((FILES, 0, SLIPWAY), 1.5),
    Target((TREES, 2000, SLIPWAY), 3),
    Target((TREES, 2000, SLIPWAY), 200e6, unit="bytes"),
    Target((TREES, 2000, SLIPWAY), 2.2, (TREES, 1000, SLIPWAY)),
    *(Target((plan, FOREIGN_IMAGES, SHAPES), 1, (plan, FOREIGN_IMAGES, OWN)) for plan in (PLAN, PLAN_AFTER, PLAN_COLD)),
    Target((INIT, 500, SLIPWAY), 3),
    _beside(remote(NOTHING), 20, CONTEXT, 1 / 8),
    _beside(remote(NOTHING), 20, RSYNC, 1 / 2),
    Target((remote(NOTHING), 20, SLIPWAY), 15e3, unit="bytes sent"),
    _beside(remote(ONE), 20, CONTEXT, 1 / 4),
    _beside(remote(ONE), 20, RSYNC, 1),
    Target((remote(NOTHING), 20, kept(SLIPWAY)), 1, (remote(NOTHING), 20, kept(RSYNC))),
    Target((remote(ONE), 20, kept(SLIPWAY)), 1, (remote(ONE), 20, kept(RSYNC))),
    Target((remote(ONE), 20, SLIPWAY), 20e3 + _EDIT, unit="bytes sent"),
    _beside(SYNC, 0, RSYNC, 1.05),
    _beside(UP, 8, COMPOSE_UP, 1),
    *(_beside(up(system), 0, COMPOSE_UP, 1) for system in SYSTEMS),
    _beside(EDIT, 1, COMPOSE_WATCH, 0.8),
    _beside(EDIT_PROBED, 1, COMPOSE_WATCH, 1),
    Target((LOGS, 20, SLIPWAY), 1),
    Target((LOGS, 20, SLIPWAY), 100e6, unit="bytes"),
    Target((ML_BUILD, 0, "uv"), 0.4, (ML_BUILD, 0, "pip")),
    Target((ML_PUSH, 0, SLIPWAY), 1, (ML_PUSH, 0, "docker push")),
    Target((ML_ZSTD, 0, SLIPWAY), 0.6, (ML_PUSH, 0, "docker push")),
)


def verdicts(results: Results) -> tuple[Verdict, ...]:
    """One for every target whose series were measured, in the targets' order."""
    found = []
    for target in TARGETS:
        measured = results.find(*target.measured)
        against = results.find(*target.against) if target.against else None
        if measured and (against or not target.against):
            found.append(Verdict(target, _figure(target, measured, against)))
    return tuple(found)


def _figure(target: Target, measured: Series, against: Series | None) -> float | None:
    if against and not against.samples:
        return None
    if target.unit == "bytes":
        return float(measured.memory)
    if target.unit == "bytes sent":
        return float(measured.sent)
    return measured.seconds / against.seconds if against else measured.seconds
