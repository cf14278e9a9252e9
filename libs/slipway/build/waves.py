"""Divide the images to build into waves: bakes of images whose parents are all in the engine. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from slipway.stack import graph

#: BuildKit in the engine starts every build that can start, so slipway limits a wave. The limits are the memory that a
#: step may take, and the number of builds that a core can usually start within six seconds. After this time, BuildKit's
#: client gives up on a build ("no such job").
_MEMORY_EACH = 192 * 2**20
_EACH_CORE = 50
#: This number of images is never too large for one wave.
_FEW = 8


@dataclass(frozen=True)
class Waves:
    """Hold the limits by which images are divided into waves.

    ``jobs``: JOBS, or 0 when it is not set. ``capacity``: asks the engine for its memory in bytes and its number of
    cores. ``linked``: the builder is not the engine's own. It cannot see the engine's images, so it gets all images in
    one bake, linked to each other. It limits itself (``max-parallelism``).
    """

    parents: graph.Graph
    capacity: Callable[[], tuple[int, int]]
    jobs: int = 0
    linked: bool = False

    def next(self, names: Sequence[str]) -> Sequence[str]:
        """Return the images to bake now: those without a parent in ``names``.

        If these are too many for one wave, they are divided into equal parts. A ``linked`` builder gets all of
        ``names``.
        """
        if self.linked:
            return names
        ready = [name for name in names if not set(self.parents[name]) & set(names)]
        return ready[: ceil(len(ready) / ceil(len(ready) / self._at_once(len(ready))))]

    def all(self, names: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield every wave, under the assumption that no image fails."""
        remaining = names
        while remaining:
            wave = self.next(remaining)
            yield wave
            remaining = [name for name in remaining if name not in wave]

    def _at_once(self, ready: int) -> int:
        """Return how many images a wave may have: JOBS, or else a number that the engine can build together.

        The engine's memory and cores limit this number. Without JOBS, a few images are always allowed.
        """
        if self.jobs or ready <= _FEW:
            return self.jobs or ready
        memory, cores = self.capacity()
        return max(_FEW, min(memory // _MEMORY_EACH, cores * _EACH_CORE))
