"""The measuring: peers in turn, round after round, on trees of their own; nothing is left in the engine."""

from __future__ import annotations

import contextlib
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import targets
from tests.bench.measure import FailedError, Place, check_changed, image_ids, measure, peak_memory, settle
from tests.bench.peers import PEERS, SCRIPT, SLIPWAY, Peer, slipway
from tests.bench.samples import Sample, Series
from tests.bench.stacks import LABEL, Tree, service
from tests.rig.outside import docker
from tests.rig.registries import a_registry
from tests.rig.stacks import ROOT_IMAGE

#: The sizes at which every peer takes part; above, slipway alone is measured.
COMPARED = (20, 100)
#: Edits a tree in a turn; returns the names of the images that are no longer as they were.
Edit = Callable[[Tree, int], frozenset[str]]
_SCENARIOS: Mapping[str, Edit] = {
    targets.NOTHING: Tree.edit_nothing,
    targets.ONE: Tree.edit_one_service,
    targets.LIBRARY: Tree.edit_library,
    targets.COLD: Tree.edit_every_service,
}
_ALONE = (targets.NOTHING, targets.ONE)
_FILES = 100_000
#: The sizes of stacks of which slipway makes a plan and no image.
TREES = (500, 1000, 2000)
_IN_EACH = 100
#: A tree of a peer has the peer's name, which may be words.
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
#: No server answers on this port.
SILENT = "127.0.0.1:1"
#: Short commands vary more, and cost little.
_SHORT_ROUNDS = 15
PEERS_TRIES = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Field:
    """Where one run of the bench does its work: a folder, a registry, the word its images are labelled with."""

    folder: Path
    registry: str
    run: str
    rounds: int
    say: Say

    def tree(self, name: str, services: int) -> Tree:
        """A new tree. Contexts are kept by BuildKit under their folder's name, so no two trees share one."""
        owner = f"bench-{self.run}-{_NOT_PLAIN.sub('-', name)}"
        tree = Tree(self.folder / owner, services, self.registry, owner, self.run, ROOT_IMAGE)
        tree.create()
        return tree

    def place(self, tree: Tree) -> Place:
        return Place(tree.root, self.folder / f"{tree.owner}.log")

    def sweep(self) -> None:
        """Remove what lost its tag to a later build: thousands of those would slow every list of images."""
        _remove("--filter", "dangling=true", "--filter", f"label={LABEL}={self.run}")

    def in_turn(self, commands: Mapping[str, Callable[[int], Sample]], rounds: int) -> dict[str, tuple[Sample, ...]]:
        """Each command once a round, another one first in each."""
        names = list(commands)
        taken: dict[str, list[Sample]] = {name: [] for name in names}
        for turn in range(rounds):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                taken[name].append(commands[name](turn))
        return {name: tuple(samples) for name, samples in taken.items()}


@contextlib.contextmanager
def a_field(rounds: int, say: Say) -> Iterator[Field]:
    """Afterwards the folder, the registry and every image of the run are gone; BuildKit's cache keeps its own house."""
    run = secrets.token_hex(3)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, a_registry({}) as (registry, _):
        try:
            yield Field(Path(folder), registry, run, rounds, say)
        finally:
            _remove("--all", "--filter", f"label={LABEL}={run}")


def _remove(*which: str) -> None:
    """The images that ``docker images`` lists with these words."""
    listed = docker("images", "--quiet", "--no-trunc", *which).split()
    ids = list(dict.fromkeys(listed))
    for at in range(0, len(ids), 50):
        docker("rmi", "--force", *ids[at : at + 50], check=False)


def builds(field: Field, services: int) -> Iterator[Series]:
    """Every scenario at one size; pushes, too, where their target says so. Peers build all once before."""
    alone = services not in COMPARED
    peers = PEERS[:1] if alone else PEERS
    trees = {peer.name: field.tree(f"{peer.name}-{services}", services) for peer in peers}
    for peer in peers:
        field.say(f"{services} services: {peer.name} builds all for the first time")
        peer.prepare(trees[peer.name])
        first = _first(peer, field.place(trees[peer.name]))
        if alone:
            yield Series("builds", targets.MEMORY, services, peer.name, (first,))
    for scenario, edit in _SCENARIOS.items():
        if alone and scenario not in _ALONE:
            continue
        field.say(f"{services} services: {scenario}, {field.rounds} rounds")
        commands = {peer.name: _round(peer, edit, trees[peer.name], field) for peer in peers}
        for name, samples in field.in_turn(commands, field.rounds).items():
            yield Series("builds", scenario, services, name, samples)
        field.sweep()
    if (targets.PUSH, services, SLIPWAY) in {target.measured for target in targets.TARGETS}:
        yield from _pushes(field, services, trees)


def _first(peer: Peer, place: Place) -> Sample:
    """All images of the tree, and what the peer's own process held at most while it built them."""
    if peer.name == SLIPWAY:
        measure(slipway("build-base"), place)
        return peak_memory("invoke", ("build",), place)
    return measure(peer.build, place)


def _round(peer: Peer, edit: Edit, tree: Tree, field: Field) -> Callable[[int], Sample]:
    """Edit, build, and see that exactly the edited images are new.

    A peer that fails is reported and gets the same work again, a few times: at 100 services BuildKit may lose sight of
    a build.
    """

    def run(turn: int) -> Sample:
        for left in reversed(range(1 if peer.name == SLIPWAY else PEERS_TRIES)):
            try:
                return edit_and_build(peer, edit, tree, field, turn)
            except FailedError as error:
                if not left:
                    raise
                field.say(f"{peer.name} failed and tries again: {str(error).strip().splitlines()[-1]}")
        raise AssertionError("the last try returns or raises")

    return run


def edit_and_build(
    peer: Peer,
    edit: Edit,
    tree: Tree,
    field: Field,
    turn: int,
    during: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> Sample:
    """Edit, build, and raise FailedError unless exactly the edited images are new. ``during``: see ``measure``."""
    prefix = f"{tree.registry}/{tree.owner}"
    edited = edit(tree, turn)
    before = image_ids(prefix)
    settle()
    sample = measure(peer.build, field.place(tree), during)
    check_changed(before, image_ids(prefix), edited, peer.name)
    return sample


def _pushes(field: Field, services: int, trees: Mapping[str, Tree]) -> Iterator[Series]:
    """Push again what is in the registry already."""
    field.say(f"{services} services: push, nothing changed, {field.rounds} rounds")
    commands = {SLIPWAY: (slipway("push"), trees[SLIPWAY]), "docker push": (("sh", "push.sh"), trees[SCRIPT])}
    for argv, tree in commands.values():
        measure(argv, field.place(tree))
    runs = {name: _again(argv, field.place(tree)) for name, (argv, tree) in commands.items()}
    for name, samples in field.in_turn(runs, field.rounds).items():
        yield Series("push", targets.PUSH, services, name, samples)


def start(field: Field) -> Iterator[Series]:
    """``invoke --list`` beside what no Invoke task can do without."""
    field.say(f"start, {_SHORT_ROUNDS} rounds")
    tree = field.tree("start", 20)
    PEERS[0].prepare(tree)
    bare = (sys.executable, "-c", "import invoke")
    commands = {"invoke --list": slipway("--list"), "import invoke": bare}
    for argv in commands.values():
        measure(argv, field.place(tree))
    runs = {name: _again(argv, field.place(tree)) for name, argv in commands.items()}
    for name, samples in field.in_turn(runs, _SHORT_ROUNDS).items():
        yield Series("start", targets.LIST, 0, name, samples)


def files(field: Field) -> Iterator[Series]:
    """A plan over a folder of 100,000 files that were all hashed before."""
    field.say(f"{_FILES} files, {field.rounds} rounds")
    tree = field.tree("files", 1)
    PEERS[0].prepare(tree)
    for number in range(_FILES):
        folder = tree.root / f"apps/svc_000/svc_000/{number // 1000:03}"
        if number % 1000 == 0:
            folder.mkdir()
        (folder / f"{number:06}.json").write_text(f'{{"number": {number}}}\n')
    place = field.place(tree)
    measure(slipway("plan"), place)
    measure(slipway("plan"), place)
    runs = {SLIPWAY: _again(slipway("plan"), place)}
    for name, samples in field.in_turn(runs, field.rounds).items():
        yield Series("files", targets.FILES, 0, name, samples)


def trees(field: Field) -> Iterator[Series]:
    """A plan of many services with 100 files each, all hashed before and none built.

    First no registry answers, so that slipway alone is measured. Then one answers about each image, on this machine.
    """
    for services in TREES:
        field.say(f"{services} services with {_IN_EACH} files each, {field.rounds} rounds")
        tree = field.tree(f"trees-{services}", services)
        PEERS[0].prepare(replace(tree, registry=SILENT))
        for number in range(services):
            name = service(number).replace("-", "_")
            folder = tree.root / f"apps/{name}/{name}/data"
            folder.mkdir()
            for file in range(_IN_EACH):
                (folder / f"{file:03}.json").write_text(f'{{"number": {file}, "of": {number}}}\n')
        place = field.place(tree)
        measure(slipway("plan"), place)
        measure(slipway("plan"), place)
        samples = tuple(peak_memory("invoke", ("plan",), place) for _ in range(field.rounds))
        yield Series("trees", targets.TREES, services, SLIPWAY, samples)
        PEERS[0].prepare(tree)
        samples = tuple(peak_memory("invoke", ("plan",), place) for _ in range(field.rounds))
        yield Series("trees", targets.TREES_ASKED, services, SLIPWAY, samples)


def _again(argv: Sequence[str], place: Place) -> Callable[[int], Sample]:
    return lambda turn: measure(argv, place)
