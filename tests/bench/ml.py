"""base-ml: built with uv and with pip, and pushed for the first time by slipway and by docker.

The real Dockerfiles and requirements of this repository, in a tree of their own, built by slipway both times. The two
kinds differ in nothing but the installer: the same mounts, and a cache mount for both, filled before the first round.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from slipway.config.settings import load
from tests.bench import targets
from tests.bench.measure import FailedError, Place, check_changed, image_ids, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import LABEL, VERSION, Tree
from tests.rig.outside import docker
from tests.rig.registries import a_registry
from tests.rig.stacks import ROOT

_IMAGE = "base-ml"
#: base-ml installs this file first, so an edit of it installs everything again.
_REQUIREMENTS = "libs/requirements-torch.txt"
#: Replacements that make the Dockerfile install with pip; each must be found.
_PIP_INSTEAD = {
    "target=/root/.cache/uv": "target=/root/.cache/pip",
    "--mount=from=uv,source=/uv,target=/usr/local/bin/uv ": "",
    "id=uv.toml,target=/etc/uv/uv.toml": "id=pip.conf,target=/etc/pip.conf",
    "UV_TORCH_BACKEND=cpu": "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu",
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


def _tree(field: Field, kind: str) -> Tree:
    owner = f"bench-{field.run}-ml-{kind}"
    tree = Tree(field.folder / owner, 0, field.registry, owner, field.run, load(ROOT)["PYTHON_IMAGE"])
    for folder, pattern in (("infra/docker", "*.Dockerfile"), ("libs", "requirements-*.txt")):
        (tree.root / folder).mkdir(parents=True)
        for file in (ROOT / folder).glob(pattern):
            shutil.copy(file, tree.root / folder)
    shutil.copy(ROOT / ".dockerignore", tree.root)
    tree.write("pyproject.toml", '[project]\nname = "bench"\nversion = "1"\n')
    PEERS[0].prepare(tree)
    runtime, ml = (tree.root / f"infra/docker/{name}.Dockerfile" for name in ("base-runtime", _IMAGE))
    runtime.write_text(f'{runtime.read_text("utf-8")}LABEL {LABEL}="{field.run}"\n', "utf-8")
    if kind == "pip":
        ml.write_text(with_pip(ml.read_text("utf-8")), "utf-8")
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
    """To a registry that has nothing; the image is the one that was built last."""
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
            return measure(argv, _place(field, elsewhere))
        finally:
            PEERS[0].prepare(tree)
            docker("rmi", *(f"{pushed}:{tag}" for tag in tags))
