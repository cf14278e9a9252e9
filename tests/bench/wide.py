"""500 services: slipway beside bake of all and of parts, with the memory of each. compose and the script take too long.

BuildKit may lose sight of a build when hundreds start together. A failed try gives no sample, and the series says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.bench import targets
from tests.bench.measure import FailedError, measure
from tests.bench.peers import AT_ONCE, BAKE, BAKE_IN_PARTS, PEERS, SLIPWAY, Peer, slipway
from tests.bench.processes import Peaks
from tests.bench.rounds import PEERS_TRIES, Edit, Field, edit_and_build
from tests.bench.samples import Sample, Series
from tests.bench.stacks import BASES, Tree

SERVICES = 500
_PART = "wide"
#: The services are built for the first time in the first round of the first scenario.
_SCENARIOS: Mapping[str, Edit] = {targets.COLD: Tree.edit_every_service, targets.LIBRARY: Tree.edit_library}
#: A cause that BuildKit gives in the midst of other words.
_KNOWN_CAUSES = ("no such job",)


@dataclass
class Tries:
    """The tries of one peer in one scenario: the samples of those that succeeded, and the causes of the others."""

    samples: list[Sample] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    buildx: list[int] = field(default_factory=list)

    @property
    def failed(self) -> str:
        """Return ``no such job, 5 tries``, or ``no such job, 1 of 3 tries`` where others succeeded.

        The cause is the most frequent one.
        """
        count, total = len(self.causes), len(self.causes) + len(self.samples)
        tries = f"{total} {'try' if total == 1 else 'tries'}"
        most = Counter(self.causes).most_common(1)
        return f"{most[0][0]}, {tries if count == total else f'{count} of {tries}'}" if most else ""

    def series(self, scenario: str, peer: str) -> Iterator[Series]:
        """Yield the times, and the peaks of the peer's own process and of its buildx."""
        yield Series(_PART, scenario, SERVICES, peer, tuple(self.samples), self.failed)
        peaks = {targets.buildx_of(peer): self.buildx, **({peer: self.own} if peer == SLIPWAY else {})}
        for who, peak in peaks.items():
            held = tuple(Sample(one.seconds, one.cpu, most) for one, most in zip(self.samples, peak, strict=True))
            if held:
                yield Series(_PART, targets.peak(scenario), SERVICES, who, held)


def wide(field: Field) -> Iterator[Series]:
    """Every service built after its bases, then the shared library edited."""
    peers = [*(peer for peer in PEERS if peer.name in (SLIPWAY, BAKE)), BAKE_IN_PARTS]
    trees = {peer.name: field.tree(f"{peer.name}-wide", SERVICES) for peer in peers}
    for peer in peers:
        peer.prepare(trees[peer.name])
        bases = slipway("build-base") if peer.name == SLIPWAY else ("docker", "buildx", "bake", *BASES)
        measure(bases, field.place(trees[peer.name]))
    for scenario, edit in _SCENARIOS.items():
        field.say(f"{SERVICES} services: {scenario}, {field.rounds} rounds")
        tries = {peer.name: Tries() for peer in peers}
        for turn in range(field.rounds):
            for peer in peers if turn % 2 == 0 else reversed(peers):
                _try(peer, edit, trees[peer.name], field, turn, tries[peer.name])
            field.sweep()
        for peer in peers:
            yield from tries[peer.name].series(scenario, peer.name)
            if scenario == targets.COLD and not tries[peer.name].samples:
                _build_in_parts(peer, trees[peer.name], field)


def _build_in_parts(peer: Peer, tree: Tree, field: Field) -> None:
    """Build the services that no try built, a few at a time, so that the next scenario finds all of them."""
    field.say(f"{peer.name} builds {AT_ONCE} services at a time, unmeasured")
    services = [name for name in tree.names if name not in BASES]
    for at in range(0, len(services), AT_ONCE):
        measure((*peer.build, *services[at : at + AT_ONCE]), field.place(tree))


def _try(peer: Peer, edit: Edit, tree: Tree, field: Field, turn: int, tries: Tries) -> None:
    """Take one sample, in several tries for another peer than slipway. Raises FailedError when slipway fails."""
    if tries.causes and not tries.samples:
        return  # it failed in the round before, in all of its tries
    for _ in range(1 if peer.name == SLIPWAY else PEERS_TRIES):
        peaks = Peaks()
        try:
            sample = edit_and_build(peer, edit, tree, field, turn, peaks.watching)
        except FailedError as error:
            if peer.name == SLIPWAY:
                raise
            tries.causes.append(cause(str(error)))
            field.say(f"{peer.name} failed: {tries.causes[-1]}")
        else:
            tries.samples.append(sample)
            tries.own.append(peaks.own)
            tries.buildx.append(peaks.buildx)
            return


def cause(said: str) -> str:
    """Return the cause in the words of a command that failed: BuildKit's own, else the last line."""
    known = next((each for each in _KNOWN_CAUSES if each in said), "")
    return known or said.strip().splitlines()[-1].removeprefix("ERROR: ")[:80]
