"""A build host at the end of a line: slipway's own way to it beside the two that everybody knows.

The host is the rig's, in a container of this machine, so its engine has the same cores as ours; the line between is as
long as ``line`` makes it. Every peer has a tree of its own, which it has built there before.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from tests.bench import targets
from tests.bench.line import Line, a_line
from tests.bench.measure import FailedError, check_changed, image_ids, measure
from tests.bench.peers import PEERS, SLIPWAY, bake_file, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import Tree
from tests.bench.targets import CONTEXT, RSYNC
from tests.rig.hosts import BuildHost, a_build_host
from tests.rig.stacks import ROOT_IMAGE

SERVICES = 20
_REGISTRY = "localhost:5000"
#: ssh's own way to keep a connection from one command to the next.
_KEPT = {"ControlMaster": "auto", "ControlPersist": "300"}
_FILES, _FILE_BYTES = 4000, 21_750
_SCENARIOS = {targets.NOTHING: Tree.edit_nothing, targets.ONE: Tree.edit_one_service}
_NUMBERS = count()


@dataclass(frozen=True)
class Bench:
    """The host, the line to it, and the ssh configuration that goes by the line."""

    field: Field
    host: BuildHost
    line: Line
    config: str

    @property
    def ssh(self) -> str:
        return shlex.join(("ssh", "-F", self.config))

    def hang_up(self) -> None:
        """End the connection that ssh has kept."""
        subprocess.run(("ssh", "-F", self.config, "-O", "exit", "builder"), capture_output=True, check=False)

    def counted(self, argv: tuple[str, ...], tree: Tree) -> Sample:
        """Run the command, and return its figures and the bytes on the line."""
        there, back = self.line.there.passed, self.line.back.passed
        sample = measure(argv, self.field.place(tree))
        return replace(sample, sent=self.line.there.passed - there, received=self.line.back.passed - back)

    def image_ids(self, tree: Tree) -> Mapping[str, str]:
        """Of the tree's images there."""
        return image_ids(f"{tree.registry}/{tree.owner}", lambda *argv: self.host.sh(shlex.join(("docker", *argv))))


#: Writes what a peer needs into its tree; the command that builds there.
Prepare = Callable[[Bench, Tree], tuple[str, ...]]


def over_the_line(field: Field) -> Iterator[Series]:
    """Nothing changed and one service edited, with 20 services, also for peers whose ssh keeps its connection; then the
    first sync of a large tree."""
    with ExitStack() as opened:
        folder = field.folder / "host"
        folder.mkdir()
        host = opened.enter_context(a_build_host(folder))
        line = opened.enter_context(a_line(host.port))
        way = {"Port": str(line.port), "HostKeyAlias": f"[127.0.0.1]:{host.port}"}
        bench = Bench(field, host, line, host.options("line", **way))
        kept = replace(bench, config=host.options("kept", **way, **_KEPT, ControlPath=str(folder / "%C")))
        opened.callback(kept.hang_up)
        host.load(ROOT_IMAGE)
        host.load("slipway-registry")
        host.sh("docker run --detach --publish 127.0.0.1:5000:5000 slipway-registry")
        peers = {SLIPWAY: _with_slipway, CONTEXT: _with_context, RSYNC: _with_rsync}
        yield from _builds(bench, peers)
        yield from _builds(kept, {targets.kept(peer): prepare for peer, prepare in peers.items()})
        yield from _first_sync(bench)


def _builds(bench: Bench, peers: Mapping[str, Prepare]) -> Iterator[Series]:
    field = bench.field
    trees: dict[str, Tree] = {}
    commands: dict[str, tuple[str, ...]] = {}
    for name, prepare in peers.items():
        field.say(f"remote, {SERVICES} services: {name} builds all for the first time")
        trees[name] = replace(field.tree(f"remote-{next(_NUMBERS)}", SERVICES), registry=_REGISTRY)
        commands[name] = prepare(bench, trees[name])
        bench.counted(commands[name], trees[name])
    for scenario, edit in _SCENARIOS.items():
        field.say(f"remote, {SERVICES} services: {scenario}, {field.rounds} rounds")
        rounds = {name: _round(bench, name, edit, trees[name], commands[name]) for name in peers}
        for name, samples in field.in_turn(rounds, field.rounds).items():
            yield Series("remote", targets.remote(scenario), SERVICES, name, samples)


def _with_slipway(bench: Bench, tree: Tree) -> tuple[str, ...]:
    PEERS[0].prepare(tree)
    _name_host(bench, tree)
    return slipway("build", "--remote")


def _name_host(bench: Bench, tree: Tree) -> None:
    env = (tree.root / ".env").read_text("utf-8")
    tree.write(".env", f"{env}REMOTE_HOST=builder\nSSH_CONFIG='{bench.config}'\n")


def _with_context(bench: Bench, tree: Tree) -> tuple[str, ...]:
    """docker's CLI runs ``ssh`` as it finds it, and has no option for another configuration."""
    tree.write("docker-bake.hcl", bake_file(tree))
    programs = bench.field.folder / f"{tree.owner}-programs"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/{bench.ssh} "$@"\n')
    (programs / "ssh").chmod(0o755)
    found = f"PATH={programs}:{os.environ['PATH']}"
    return ("env", found, "DOCKER_HOST=ssh://builder", "docker", "buildx", "bake")


def _with_rsync(bench: Bench, tree: Tree) -> tuple[str, ...]:
    tree.write("docker-bake.hcl", bake_file(tree))
    there = f"bench/{tree.owner}"
    bench.host.sh("mkdir -p /home/builder/bench && chown builder /home/builder/bench")
    lines = [
        "set -e",
        f"rsync -az --delete --rsh '{bench.ssh}' ./ builder:{there}/",
        f"{bench.ssh} builder 'cd {there} && docker buildx bake'",
    ]
    script = bench.field.folder / f"{tree.owner}.sh"
    script.write_text("\n".join(lines) + "\n")
    return ("sh", str(script))


def _round(
    bench: Bench,
    name: str,
    edit: Callable[[Tree, int], frozenset[str]],
    tree: Tree,
    command: tuple[str, ...],
) -> Callable[[int], Sample]:
    """Edit, build, and see that exactly the edited images are new there."""

    def run(turn: int) -> Sample:
        edited = edit(tree, turn)
        before = bench.image_ids(tree)
        sample = bench.counted(command, tree)
        check_changed(before, bench.image_ids(tree), edited, name)
        return sample

    return run


def _first_sync(bench: Bench) -> Iterator[Series]:
    """A new tree each time: nothing of it is there to be linked to."""
    field = bench.field
    field.say(f"remote: first sync of {_FILES} files, {field.rounds} rounds")
    ways = {SLIPWAY: _sync_by_slipway, RSYNC: _sync_by_rsync}
    rounds = {name: _synced(bench, name, way) for name, way in ways.items()}
    for name, samples in field.in_turn(rounds, field.rounds).items():
        yield Series("remote", targets.SYNC, 0, name, samples)


def _synced(bench: Bench, name: str, way: Callable[[Bench, Tree], tuple[str, ...]]) -> Callable[[int], Sample]:
    def run(turn: int) -> Sample:
        tree = replace(bench.field.tree(f"sync-{len(name)}-{turn}", 1), registry=_REGISTRY)
        _fill(tree)
        command = way(bench, tree)
        before = _files_there(bench)
        sample = bench.counted(command, tree)
        if (new := _files_there(bench) - before) < _FILES:
            raise FailedError(f"{name}: {new} files arrived, not {_FILES}")
        return sample

    return run


def _files_there(bench: Bench) -> int:
    return int(bench.host.sh("find /home/builder/bench /var/tmp/slipway -name '*.bin' | wc -l"))


def _fill(tree: Tree) -> None:
    """Half of each file can be made smaller, half cannot."""
    for number in range(_FILES):
        file = tree.root / f"apps/svc_000/svc_000/{number // 100:02}/{number:04}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(_FILE_BYTES // 2) + bytes(_FILE_BYTES // 2))


def _sync_by_slipway(bench: Bench, tree: Tree) -> tuple[str, ...]:
    PEERS[0].prepare(tree)
    _name_host(bench, tree)
    return (sys.executable, str(Path(__file__).with_name("syncing.py")))


def _sync_by_rsync(bench: Bench, tree: Tree) -> tuple[str, ...]:
    return ("rsync", "-az", "--delete", "--rsh", bench.ssh, "./", f"builder:bench/{tree.owner}/")
