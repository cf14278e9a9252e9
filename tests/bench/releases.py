"""Releases of 100 services and their two bases, and the push of one edit.

Every release after the first has the content of one of two earlier ones, so nothing is built or uploaded.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.bench import targets
from tests.bench.line import Line, a_line
from tests.bench.measure import FailedError, Place, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import BASES, VERSION, Tree, service

SERVICES = 100
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


def releases(field: Field) -> Iterator[Series]:
    """Release again, release the same content as a new version, and move ``latest`` of all services to and fro."""
    field.say(f"{SERVICES} services: releases, {field.rounds} rounds")
    tree = field.tree("releases", SERVICES)
    PEERS[0].prepare(tree)
    tree.write(
        "pyproject.toml", '[project]\nname = "bench"\nversion = "1"\n\n[tool.slipway]\nmoving-tags = ["latest"]\n'
    )
    place = field.place(tree)
    measure(_release("one"), place)
    again = tuple(measure(_release("one"), place) for _ in range(field.rounds))
    yield Series("releases", targets.RELEASED, SERVICES, SLIPWAY, again)
    samples, flips = [], []
    for number in range(field.rounds):
        samples.append(measure(_release(f"one.{number}"), place))
        flips.append(_flip(tree.root, SERVICES + len(BASES)))
    yield Series("releases", targets.SAME, SERVICES, SLIPWAY, tuple(samples))
    yield Series("releases", targets.FLIP, SERVICES, SLIPWAY, tuple(flips))
    tree.edit_library()
    measure(_release("two"), place)
    yield Series("releases", targets.ROLLBACK, SERVICES, SLIPWAY, tuple(_rollbacks(field, tree, place)))


def _release(version: str) -> tuple[str, ...]:
    return slipway("release", "--no-smoke", "--also", "latest", "--version", version)


def _rollbacks(field: Field, tree: Tree, place: Place) -> Iterator[Sample]:
    """Return to each of two releases in turn. Raises FailedError when ``latest`` of a service does not move."""
    latest = tree.reference(service(0)).removesuffix(VERSION) + "latest"
    stands = _digest(latest)
    for turn in range(field.rounds):
        yield measure(slipway("release.rollback", ("one", "two")[turn % 2], "--yes"), place)
        before, stands = stands, _digest(latest)
        if before == stands:
            raise FailedError(f"{latest}: did not move")


def _flip(root: Path, tags: int) -> Sample:
    """Return the time from the first tag's move to the last one's, read from the journal of the newest run."""
    newest = max((root / ".slipway/runs").glob("*/journal*"), key=lambda file: file.stat().st_mtime_ns)
    lines = [json.loads(line) for line in newest.read_text("utf-8").splitlines()]
    began = [line["at"] for line in lines if "moving" in line]
    ended = [line["at"] for line in lines if "moved" in line]
    if len(ended) != tags:
        raise FailedError(f"{newest.name}: {len(ended)} tags moved, not {tags}")
    return Sample(round(ended[-1] - began[0], 4))


def edits_pushed(field: Field) -> Iterator[Series]:
    """Push one edited service through a line that counts; ``sent`` has the bytes beside the layers of the edit."""
    field.say(f"one edit pushed, {field.rounds} rounds")
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(a_line(int(field.registry.rpartition(":")[2])))
        trees = {}
        for peer in (PEERS[0], PEERS[-1]):
            tree = replace(field.tree(f"edit-{peer.name}", 2), registry=f"127.0.0.1:{line.port}")
            peer.prepare(tree)
            measure(peer.build, field.place(tree))
            measure(_push(peer.name, tree, "all"), field.place(tree))
            trees[peer.name] = tree
        runs = {
            "docker push" if name != SLIPWAY else name: lambda turn, name=name, tree=tree: _edited(
                field, line, name, tree, turn
            )
            for name, tree in trees.items()
        }
        for who, samples in field.in_turn(runs, field.rounds).items():
            yield Series("edits pushed", targets.EDIT_PUSHED, 2, who, samples)


def _push(peer: str, tree: Tree, name: str) -> tuple[str, ...]:
    if peer == SLIPWAY:
        return slipway("push", *([] if name == "all" else [name]))
    return ("sh", "push.sh") if name == "all" else ("docker", "push", tree.reference(name))


def _edited(field: Field, line: Line, peer: str, tree: Tree, turn: int) -> Sample:
    """Edit, build and push one service. BuildKit keeps a layer's bytes, so another push has only the edit's layer."""
    (name,) = tree.edit_one_service(turn)
    before = _layers(tree.reference(name))
    build = next(one.build for one in PEERS if one.name == peer)
    if peer == SLIPWAY:
        build = (*slipway("build", name), "--version", f"{VERSION}.{turn}")
    measure(build, field.place(tree))
    passed = line.there.passed
    pushed = tree.reference(name)
    if peer == SLIPWAY:  # a version is written once
        pushed = f"{pushed}.{turn}"
        sample = measure((*_push(peer, tree, name), "--version", f"{VERSION}.{turn}"), field.place(tree))
    else:
        sample = measure(_push(peer, tree, name), field.place(tree))
    after = _layers(pushed)
    own = sum(size for digest, size in after.items() if digest not in before)
    if not own:
        raise FailedError(f"{tree.reference(name)}: the edit has no layer of its own")
    return replace(sample, sent=line.there.passed - passed - own)


def _layers(reference: str) -> dict[str, int]:
    """Return the compressed size of each layer, by its digest."""
    found = json.loads(asked(reference, "GET")[1])
    return {layer["digest"]: layer["size"] for layer in found["layers"]}


def _digest(reference: str) -> str:
    return asked(reference, "HEAD")[0]


def asked(reference: str, method: str) -> tuple[str, bytes]:
    """Return the digest and the bytes of the manifest in the registry."""
    host, _, rest = reference.partition("/")
    path, _, tag = rest.rpartition(":")
    request = urllib.request.Request(
        f"http://{host}/v2/{path}/manifests/{tag}", method=method, headers={"Accept": _MANIFEST}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.headers["Docker-Content-Digest"], reply.read()
