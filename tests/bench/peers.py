"""The measured peers: slipway and its alternatives, each used as its own documentation recommends.

Every peer builds the same Dockerfiles from the same kind of tree; a peer is the file it needs and the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.stacks import BASES, Tree, dockerfile, parent_of

SLIPWAY, BAKE, COMPOSE, SCRIPT = "slipway", "bake", "compose", "script"
#: The most services in one bake of the peer that bakes hundreds in parts.
AT_ONCE = 50
IN_PARTS = f"bake, {AT_ONCE} at a time"


@dataclass(frozen=True)
class Peer:
    """``prepare`` writes what the peer needs into a tree; ``build`` makes every image of it."""

    name: str
    prepare: Callable[[Tree], None]
    build: tuple[str, ...]


def slipway(*words: str) -> tuple[str, ...]:
    """``invoke`` with these words."""
    return (sys.executable, "-m", "invoke", *words)


def _slipway(tree: Tree) -> None:
    tree.write("tasks.py", "from slipway.tasks import namespace\n\n__all__ = ['namespace']\n")
    tree.write(".env", "".join(f"{name}={value}\n" for name, value in {**tree.args, **tree.settings}.items()))


def bake_file(tree: Tree) -> str:
    """As a person writes it by hand: what is common inherited, every parent linked by ``target:``."""
    args = "".join(f'    {name} = "{value}"\n' for name, value in tree.args.items())
    every = ", ".join(f'"{name}"' for name in tree.names)
    blocks = [
        f'group "default" {{\n  targets = [{every}]\n}}\n',
        f'target "_common" {{\n  context = "."\n  args = {{\n{args}  }}\n}}\n',
    ]
    for name in tree.names:
        parent = parent_of(name)
        link = f'  contexts = {{ "{tree.reference(parent)}" = "target:{parent}" }}\n' if parent else ""
        blocks.append(
            f'target "{name}" {{\n  inherits = ["_common"]\n  dockerfile = "{dockerfile(name)}"\n'
            f'{link}  tags = ["{tree.reference(name)}"]\n}}\n'
        )
    return "\n".join(blocks)


def compose_file(tree: Tree) -> str:
    """Every image a service; a parent is an additional context, ``service:<name>``, as compose documents it."""
    args = "".join(f"        {name}: {value}\n" for name, value in tree.args.items())
    blocks = [f"name: {tree.owner}\nservices:\n"]
    for name in tree.names:
        parent = parent_of(name)
        link = f"      additional_contexts:\n        {tree.reference(parent)}: service:{parent}\n" if parent else ""
        blocks.append(
            f"  {name}:\n    image: {tree.reference(name)}\n    build:\n      context: .\n"
            f"      dockerfile: {dockerfile(name)}\n      args:\n{args}{link}"
        )
    return "".join(blocks)


def build_script(tree: Tree) -> str:
    """The scripts that slipway replaces: one ``docker build`` after another, bases first."""
    args = " ".join(f"--build-arg {name}={value}" for name, value in tree.args.items())
    lines = [f"docker build --file {dockerfile(name)} --tag {tree.reference(name)} {args} .\n" for name in tree.names]
    return "".join(["#!/bin/sh\nset -eu\n", *lines])


def push_script(tree: Tree) -> str:
    """One ``docker push`` after another."""
    return "".join(["#!/bin/sh\nset -eu\n", *(f"docker push {tree.reference(name)}\n" for name in tree.names)])


def _script(tree: Tree) -> None:
    tree.write("build.sh", build_script(tree))
    tree.write("push.sh", push_script(tree))


def bake_script(tree: Tree) -> str:
    """Bakes of some services each, as a person writes them where BuildKit fails with all together."""
    names = [name for name in tree.names if name not in BASES]
    parts = [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
    lines = [f"docker buildx bake {' '.join(part)}\n" for part in parts]
    return "".join(["#!/bin/sh\nset -eu\n", *lines])


def _in_parts(tree: Tree) -> None:
    tree.write("docker-bake.hcl", bake_file(tree))
    tree.write("bake.sh", bake_script(tree))


PEERS = (
    Peer(SLIPWAY, _slipway, slipway("build")),
    Peer(BAKE, lambda tree: tree.write("docker-bake.hcl", bake_file(tree)), ("docker", "buildx", "bake")),
    Peer(COMPOSE, lambda tree: tree.write("compose.yaml", compose_file(tree)), ("docker", "compose", "build")),
    Peer(SCRIPT, _script, ("sh", "build.sh")),
)
#: Beside hundreds of services only.
BAKE_IN_PARTS = Peer(IN_PARTS, _in_parts, ("sh", "bake.sh"))
