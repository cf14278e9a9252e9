"""base-ml: built with uv and with pip, and pushed for the first time by slipway and by docker.

The real Dockerfiles and requirements of this repository, in a tree of their own, built by slipway both times. The two
kinds differ in nothing but the installer: the same mounts, and a cache mount for both, filled before the first round.
pip compiles while it installs, and gets no second compiler.
Another part pushes from an engine with containerd's image store: slipway zstd layers, docker the gzip layers of the
same files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from slipway.config.settings import load
from tests.bench import targets
from tests.bench.measure import FailedError, Place, check_changed, image_ids, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.releases import asked
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import LABEL, VERSION, Tree
from tests.rig.outside import docker, machine_docker
from tests.rig.registries import a_registry
from tests.rig.stacks import ROOT
from tests.rig.stores import engine_with

_IMAGE = "base-ml"
#: base-ml installs this file first, so an edit of it installs everything again.
_REQUIREMENTS = "libs/requirements-torch.txt"
#: The line before the first layer of the bases.
_FROM_ROOT = "FROM ${PYTHON_IMAGE}\n"
#: Replacements that make the Dockerfile install with pip; each must be found.
_PIP_INSTEAD = {
    "target=/root/.cache/uv": "target=/root/.cache/pip",
    "--mount=from=uv,source=/uv,target=/usr/local/bin/uv ": "",
    "id=uv.toml,target=/etc/uv/uv.toml": "id=pip.conf,target=/etc/pip.conf",
    "UV_TORCH_BACKEND=cpu": "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu",
    "UV_COMPILE_BYTECODE=0 ": "",
    "python -m compileall -qq": "true",
    "uv pip check": "python -m pip check",
    "uv pip install": "python -m pip install --break-system-packages",
}


def with_pip(dockerfile: str) -> str:
    """base-ml's Dockerfile with pip in uv's place. Raises FailedError when there is another text than was expected."""
    for uv, pip in _PIP_INSTEAD.items():
        if uv not in dockerfile:
            raise FailedError(f"{_IMAGE}.Dockerfile: {uv.strip()!r} is not in it: what is pip's counterpart now?")
        dockerfile = dockerfile.replace(uv, pip)
    return dockerfile


def build_and_push(field: Field) -> Iterator[Series]:
    """Every round installs again, from the installer's own cache, and then pushes the images to empty registries."""
    field.say(f"{_IMAGE} with uv and with pip, once to fill their caches and {field.rounds} rounds")
    trees = {kind: _tree(field, kind) for kind in ("uv", "pip")}
    for tree in trees.values():
        _build(field, tree, 0)
    builds = {kind: partial(_build, field, tree) for kind, tree in trees.items()}
    for kind, samples in field.in_turn(builds, field.rounds).items():
        yield Series("ml", targets.ML_BUILD, 0, kind, samples)
    field.say(f"{_IMAGE} pushed to empty registries, {field.rounds} rounds")
    tree = trees["uv"]
    pushes = {who: partial(_push, field, tree, who) for who in (SLIPWAY, "docker push")}
    for who, samples in field.in_turn(pushes, field.rounds).items():
        yield Series("ml", targets.ML_PUSH, 0, who, samples)


def push_compressed(field: Field) -> Iterator[Series]:
    """Every round pushes the images to empty registries. The engine compressed their layers when it built them.

    A layer in BuildKit's cache keeps its compression, so the two images share none.
    """
    field.say(f"{_IMAGE} with zstd and with gzip, on containerd's image store")
    peers = {SLIPWAY: "zstd", "docker push": "gzip"}
    with engine_with("containerd"):
        _get_root_image(field)
        trees = {}
        for who, compression in peers.items():
            trees[who] = _tree(field, compression, {"COMPRESSION": compression})
            _build(field, trees[who], 0)
        builds = {peers[who]: partial(_build, field, tree) for who, tree in trees.items()}
        for compression, samples in field.in_turn(builds, field.rounds).items():
            yield Series("ml-zstd", targets.ML_COMPRESSED, 0, compression, samples)
        field.say(f"{_IMAGE} pushed to empty registries, {field.rounds} rounds")
        pushes = {who: partial(_push, field, tree, who) for who, tree in trees.items()}
        for who, samples in field.in_turn(pushes, field.rounds).items():
            yield Series("ml-zstd", targets.ML_ZSTD, 0, who, samples)


def _get_root_image(field: Field) -> None:
    """Pull the root image by way of a registry, which has its layers as they are published: with gzip."""
    root = load(ROOT)["PYTHON_IMAGE"]
    passing = f"{field.registry}/root:{field.run}"
    machine_docker("tag", root, passing)
    try:
        machine_docker("push", "--quiet", passing)
    finally:
        machine_docker("rmi", passing)
    docker("pull", "--quiet", passing)
    docker("tag", passing, root)
    docker("rmi", passing)


def _tree(field: Field, kind: str, settings: Mapping[str, str] | None = None) -> Tree:
    owner = f"bench-{field.run}-ml-{kind}"
    root_image = load(ROOT)["PYTHON_IMAGE"]
    tree = Tree(field.folder / owner, 0, field.registry, owner, field.run, root_image, settings or {})
    for folder, pattern in (("infra/docker", "*.Dockerfile"), ("libs", "requirements-*.txt")):
        (tree.root / folder).mkdir(parents=True)
        for file in (ROOT / folder).glob(pattern):
            shutil.copy(file, tree.root / folder)
    shutil.copy(ROOT / ".dockerignore", tree.root)
    tree.write("pyproject.toml", '[project]\nname = "bench"\nversion = "1"\n')
    PEERS[0].prepare(tree)
    uv, runtime, ml = (tree.root / f"infra/docker/{name}.Dockerfile" for name in ("base-uv", "base-runtime", _IMAGE))
    for below in (uv, runtime):
        below.write_text(f'{below.read_text("utf-8")}LABEL {LABEL}="{field.run}"\n', "utf-8")
    if kind == "pip":
        ml.write_text(with_pip(ml.read_text("utf-8")), "utf-8")
    if settings:  # a variable keys the steps below, so that no other tree has their layers
        runtime.write_text(runtime.read_text("utf-8").replace(_FROM_ROOT, f"{_FROM_ROOT}ENV BENCH={owner}\n"), "utf-8")
    measure(slipway("build-base", "base-runtime"), _place(field, tree))
    return tree


def _place(field: Field, tree: Tree) -> Place:
    return replace(field.place(tree), inherit_pip=True)


def _build(field: Field, tree: Tree, turn: int) -> Sample:
    requirements = (tree.root / _REQUIREMENTS).read_text("utf-8")
    tree.write(_REQUIREMENTS, f"{requirements}# {next(tree.marks)}\n")
    prefix = f"{tree.registry}/{tree.owner}"
    before = image_ids(prefix)
    sample = measure(slipway("build-base", _IMAGE), _place(field, tree))
    check_changed(before, image_ids(prefix), {_IMAGE}, tree.owner)
    return sample


def _push(field: Field, tree: Tree, who: str, turn: int) -> Sample:
    """To a registry that has nothing; the image is the one that was built last.

    Raises FailedError when the registry's layers are not compressed as the tree's settings say.
    """
    built = f"{tree.registry}/{tree.owner}/{_IMAGE}"
    tags = docker("images", "--format", "{{.Tag}}", "--filter", f"label={LABEL}={field.run}", built).split()
    with a_registry({}) as (registry, _):
        elsewhere = replace(tree, registry=registry)
        pushed = f"{registry}/{tree.owner}/{_IMAGE}"
        for tag in tags:
            docker("tag", f"{built}:{tag}", f"{pushed}:{tag}")
        PEERS[0].prepare(elsewhere)
        try:
            argv = slipway("push", _IMAGE) if who == SLIPWAY else ("docker", "push", f"{pushed}:{VERSION}")
            sample = measure(argv, _place(field, elsewhere))
            _check_compression(f"{pushed}:{VERSION}", tree.settings.get("COMPRESSION", "gzip"))
            return sample
        finally:
            PEERS[0].prepare(tree)
            docker("rmi", *(f"{pushed}:{tag}" for tag in tags))


def _check_compression(reference: str, compression: str) -> None:
    """Raises FailedError when the layers that base-ml adds have another media type in the registry."""
    layers = json.loads(asked(reference, "GET")[1])["layers"][-2:]
    if not all(layer["mediaType"].endswith(compression) for layer in layers):
        raise FailedError(f"{reference}: not compressed with {compression}: {[layer['mediaType'] for layer in layers]}")
