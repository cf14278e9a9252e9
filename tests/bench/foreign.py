"""``plan`` of a repository in the shapes of foreign ones, beside as many images of the bench's own stacks.

No registry answers, and nothing is built, so that slipway alone is measured. "After the start" is the time that a plan
of six images does not take: without Python, the imports and the engine's list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from slipway.runs.cache import UserCache
from tests.bench import shapes, targets
from tests.bench.measure import Place, measure
from tests.bench.peers import PEERS, slipway
from tests.bench.rounds import SILENT, Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import BASES

_PART = "foreign"
#: As many as the images of foreign repositories whose contexts slipway was tried with.
IMAGES, _FEW = targets.FOREIGN_IMAGES, 6
_PLAN = slipway("plan")


def foreign(field: Field) -> Iterator[Series]:
    """Plan both repositories, with the hashes of all files known, and without any."""
    field.say(f"plan of {IMAGES} images, {field.rounds} rounds")
    many = {targets.SHAPES: _shaped(field, IMAGES), targets.OWN: _own(field, IMAGES)}
    few = {targets.SHAPES: _shaped(field, _FEW), targets.OWN: _own(field, _FEW)}
    for place in (*many.values(), *few.values()):
        measure(_PLAN, place)
        measure(_PLAN, place)
    starts = field.in_turn({who: _again(place) for who, place in few.items()}, field.rounds)
    known = field.in_turn({who: _again(place) for who, place in many.items()}, field.rounds)
    unknown = field.in_turn({who: _hashing(place) for who, place in many.items()}, field.rounds)
    for who in many:
        start = median(sample.seconds for sample in starts[who])
        after = tuple(Sample(round(max(0.0, one.seconds - start), 4), one.cpu) for one in known[who])
        yield Series(_PART, targets.PLAN, IMAGES, who, known[who])
        yield Series(_PART, targets.PLAN_AFTER, IMAGES, who, after)
        yield Series(_PART, targets.PLAN_COLD, IMAGES, who, unknown[who])


def _shaped(field: Field, images: int) -> Place:
    root = field.folder / f"shapes-{images}"
    shapes.create(root, images)
    (root / "tasks.py").write_text("from slipway.tasks import namespace\n\n__all__ = ['namespace']\n")
    (root / ".env").write_text(f"REGISTRY={SILENT}\nOWNER=bench\n")
    return Place(root, field.folder / f"shapes-{images}.log")


def _own(field: Field, images: int) -> Place:
    tree = field.tree(f"own-{images}", images - len(BASES))
    PEERS[0].prepare(replace(tree, registry=SILENT))
    return field.place(tree)


def _again(place: Place) -> Callable[[int], Sample]:
    return lambda turn: measure(_PLAN, place)


def _hashing(place: Place) -> Callable[[int], Sample]:
    """A plan after the hashes of the checkout were removed."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")

    def run(turn: int) -> Sample:
        kept = UserCache(home).hashes(place.folder)
        assert kept
        kept.unlink()  # it fails when the plan before kept nothing: then something else would be measured
        return measure(_PLAN, place)

    return run
