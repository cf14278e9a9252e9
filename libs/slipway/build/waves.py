"""Cut the images to build into waves: each wave is one bake, of images whose parents are all in the engine. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from slipway.stack import graph

#: BuildKit in the engine starts all that can start: the memory that a step may take, and how many builds a core can
#: mostly start in the six seconds after which BuildKit's client gives up on one ("no such job").
_MEMORY_EACH = 192 * 2**20
_EACH_CORE = 50
#: So few at once are never too many.
_FEW = 8


@dataclass(frozen=True)
class Waves:
    """How images are spread over waves.

    ``jobs``: JOBS, 0 when it is not set. ``capacity``: asks the engine for its memory in bytes and its cores.
    ``linked``: the builder is not the engine's own. It cannot see the engine's images, so it gets all of them at once,
    linked inside one bake, and limits itself (``max-parallelism``).
    """

    parents: graph.Graph
    capacity: Callable[[], tuple[int, int]]
    jobs: int = 0
    linked: bool = False

    def next(self, names: Sequence[str]) -> Sequence[str]:
        """Choose the images to bake now: those with no parent in ``names``, in equal parts if they are too many."""
        if self.linked:
            return names
        ready = [name for name in names if not set(self.parents[name]) & set(names)]
        return ready[: ceil(len(ready) / ceil(len(ready) / self._at_once(len(ready))))]

    def all(self, names: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield every wave, for the case that nothing fails."""
        remaining = names
        while remaining:
            wave = self.next(remaining)
            yield wave
            remaining = [name for name in remaining if name not in wave]

    def _at_once(self, ready: int) -> int:
        """JOBS, else as many as the engine's memory may hold, and no more than its cores can start."""
        if self.jobs or ready <= _FEW:
            return self.jobs or ready
        memory, cores = self.capacity()
        return max(_FEW, min(memory // _MEMORY_EACH, cores * _EACH_CORE))
