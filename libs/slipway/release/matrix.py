"""Decide which images to build and to test since an earlier commit, and in which jobs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from slipway.core.image import Image
from slipway.release.inputs import Inputs
from slipway.stack.changes import Part, differences

#: GitHub's largest matrix. GitLab takes more jobs.
MOST_JOBS = 256


@dataclass(frozen=True)
class Entry:
    """Hold one image to build or to test.

    ``build``: its inputs differ; else only its smoke tests do. ``level``: 0 when no image of the matrix is below it,
    else one more than that of the highest. ``needs``: the images below it that the matrix builds. ``changes``: the
    reasons, the most significant first.
    """

    image: str
    kind: str
    build: bool
    level: int
    needs: tuple[str, ...]
    changes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "kind": self.kind,
            "level": self.level,
            "build": self.build,
            "smoke": True,
            "needs": list(self.needs),
            "changes": list(self.changes),
        }


@dataclass(frozen=True)
class Job:
    """Hold images of one level that one job builds and tests. ``needs``: the names of the jobs below it."""

    level: int
    images: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        first, more = self.images[0], len(self.images) - 1
        return f"{first} and {more} more" if more else first

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "level": self.level, "images": " ".join(self.images), "needs": list(self.needs)}


@dataclass(frozen=True)
class Matrix:
    """Hold the images to build or to test, parents before children."""

    entries: tuple[Entry, ...]

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Return the images of each level. Those of one level can be built at the same time."""
        levels = sorted({entry.level for entry in self.entries})
        return tuple(tuple(entry.image for entry in self.entries if entry.level == level) for level in levels)

    def jobs(self, most: int = MOST_JOBS) -> tuple[Job, ...]:
        """Return a job per image, or, where that makes more than ``most``, jobs of equally many images.

        A job has images of one level, so there is at least one job for each level.
        """
        each = next(size for size in count(1) if _jobs_of(self.levels, size) <= max(most, len(self.levels)))
        jobs = [
            Job(level, names[start : start + each])
            for level, names in enumerate(self.levels)
            for start in range(0, len(names), each)
        ]
        job_of = {image: job.name for job in jobs for image in job.images}
        below = {entry.image: entry.needs for entry in self.entries}
        return tuple(
            replace(job, needs=_unique(job_of[one] for name in job.images for one in below[name])) for job in jobs
        )


def _jobs_of(levels: Sequence[Sequence[str]], size: int) -> int:
    return sum(-(-len(names) // size) for names in levels)


def _unique(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def changed_since(before: Inputs, now: Inputs, since: str) -> Matrix:
    """Return the images whose inputs or smoke tests differ. ``since``: the earlier commit, for the reasons.

    An image that cannot be planned, now or earlier, counts as changed: its build tells the reason.
    """
    names = {image.name for image in before.images}
    found: dict[str, Entry] = {}
    for image in now.images:
        changes = _build_changes(image, before, now, names, since)
        build = bool(changes)
        changes = changes or _test_changes(before.tests[image.name], now.tests[image.name])
        if changes:
            needs = tuple(name for name in image.parents if name in found and found[name].build)
            level = max((found[name].level + 1 for name in needs), default=0)
            found[image.name] = Entry(image.name, image.kind, build, level, needs, changes)
    return Matrix(tuple(found.values()))


def _build_changes(image: Image, before: Inputs, now: Inputs, names: Collection[str], since: str) -> tuple[str, ...]:
    """Return the reasons to build an image; none when its inputs are equal."""
    name = image.name
    if name in now.faults:
        return (f"cannot be planned: {now.faults[name]}",)
    if before.problem:
        return (before.problem,)
    if name in before.faults:
        return (f"in {since} it cannot be planned: {before.faults[name]}",)
    if name not in names:
        return ("is new",)
    if before.digests[name] == now.digests[name]:
        return ()
    found = differences(before.manifests[name], now.manifests[name], {**before.trees, **now.trees})
    return tuple(str(replace(one, name=image.dockerfile) if one.part is Part.DOCKERFILE else one) for one in found)


def _test_changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files and rules in which the smoke tests of an image differ."""
    removed = [f"{name} removed" for name in before if name not in now]
    return tuple(
        [f"{name} {'changed' if name in before else 'added'}" for name in now if before.get(name) != now[name]]
        + removed
    )
