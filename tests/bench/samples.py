"""The measurements as values: samples in series, and the figures that are drawn from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One run of one command: ``seconds`` by the clock, ``cpu`` seconds of the command and its children (not of the
    engine, which works for it), ``memory`` bytes at the command's peak, ``sent`` and ``received`` bytes over the line
    to a build host (0 when not measured)."""

    seconds: float
    cpu: float = 0.0
    memory: int = 0
    sent: int = 0
    received: int = 0


@dataclass(frozen=True)
class Series:
    """The samples of one peer in one scenario at one size; ``services`` is 0 where the size plays no part.

    ``part`` names what was measured in one go: its series of one size may be compared with each other. ``failed``: the
    reason of tries that failed, and their number. A series without samples has only failed tries, and no figures.
    """

    part: str
    scenario: str
    services: int
    peer: str
    samples: tuple[Sample, ...]
    failed: str = ""

    @property
    def seconds(self) -> float:
        """The median."""
        return median(sample.seconds for sample in self.samples)

    @property
    def cpu(self) -> float:
        """The median."""
        return median(sample.cpu for sample in self.samples)

    @property
    def memory(self) -> int:
        """The greatest peak, in bytes."""
        return max(sample.memory for sample in self.samples)

    @property
    def sent(self) -> int:
        """The most, in bytes."""
        return max(sample.sent for sample in self.samples)

    @property
    def received(self) -> int:
        """The most, in bytes."""
        return max(sample.received for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest and the longest, in seconds."""
        return min(sample.seconds for sample in self.samples), max(sample.seconds for sample in self.samples)


@dataclass(frozen=True)
class Results:
    """Every series, and the machine, named as ``machine`` says it, that they were taken on."""

    machine: Mapping[str, str]
    series: tuple[Series, ...]

    def find(self, scenario: str, services: int, peer: str) -> Series | None:
        wanted = (scenario, services, peer)
        return next((one for one in self.series if (one.scenario, one.services, one.peer) == wanted), None)

    def joined(self, newer: Results) -> Results:
        """``newer``, and what of ours it did not measure again at the same size; nothing from another machine.

        A newer kernel does not make another machine.
        """
        if any(self.machine.get(name) != value for name, value in newer.machine.items() if name != "kernel"):
            return newer
        again = {(one.part, one.services) for one in newer.series}
        kept = (one for one in self.series if (one.part, one.services) not in again)
        return Results(newer.machine, tuple(sorted((*kept, *newer.series), key=lambda one: one.services)))


def as_json(results: Results) -> dict[str, Any]:
    """Return the samples and their medians."""
    return {"machine": dict(results.machine), "series": [_as_entry(one) for one in results.series]}


def _as_entry(one: Series) -> dict[str, Any]:
    entry = asdict(one)
    if not one.failed:
        del entry["failed"]
    if one.samples:
        entry |= {"median_seconds": round(one.seconds, 4), "median_cpu": round(one.cpu, 4)}
    return entry


def from_json(content: Mapping[str, Any]) -> Results:
    """Raises KeyError and TypeError for what ``as_json`` did not write."""
    return Results(dict(content["machine"]), tuple(_series(content["series"])))


def _series(entries: Sequence[Mapping[str, Any]]) -> Iterable[Series]:
    for entry in entries:
        samples = tuple(Sample(**sample) for sample in entry["samples"])
        failed = entry.get("failed", "")
        yield Series(entry["part"], entry["scenario"], entry["services"], entry["peer"], samples, failed)
