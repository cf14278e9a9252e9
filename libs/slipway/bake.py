"""plan → buildx: the bake file and the argv.

One ``docker buildx bake`` solves the whole graph. A parent in the same bake is linked by ``target:``; one that is
there already by its content tag, so baking a child never rebuilds its base. A builder that is not the engine's own
finds that tag in the registry alone; a parent that is not there either is linked, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.command import Command

#: Default attestations would give every cached build a new digest; bake must not ask questions on a terminal.
ENVIRONMENT = {
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    "BUILDX_METADATA_PROVENANCE": "disabled",
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
}


#: The bake file's one group; no image can be called so.
_ALL = "_all"


@dataclass(frozen=True)
class Target:
    """One image to bake. ``links`` maps a FROM string to ``target:<name>`` or ``docker-image://<reference>``.

    ``fresh``: no step of it comes from the cache.
    """

    name: str
    context: str
    dockerfile: str
    tags: tuple[str, ...]
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    fresh: bool = False


def bake_file(targets: Sequence[Target], unseen: Sequence[Target] = (), *, output: str = "type=docker") -> bytes:
    """The bake file as JSON. ``output`` is buildx's: ``type=docker`` loads into the engine.

    ``unseen`` are only built upon: they come out of the builder's cache, or into it, and buildx exports none of them.
    """
    described = {target.name: _describe(target, output) for target in (*targets, *unseen)}
    group = {_ALL: {"targets": [target.name for target in targets]}}
    return json.dumps({"group": group, "target": described}, indent=1, sort_keys=True).encode()


def _describe(target: Target, output: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "context": target.context,
        "dockerfile": target.dockerfile,
        "tags": list(target.tags),
        "output": [output],
    }
    optional = {
        "args": dict(target.args),
        "labels": dict(target.labels),
        "contexts": dict(target.links),
        "secret": list(target.secrets),
        "platforms": list(target.platforms),
        "no-cache": target.fresh,
    }
    return said | {key: value for key, value in optional.items() if value}


def bake_command(file: bytes, *, buildx: tuple[str, ...], root: str, builder: str = "", count: int) -> Command:
    """``buildx bake``, by the words that run buildx, fed ``file`` on stdin; progress comes as rawjson on stderr."""
    chosen = ("--builder", builder) if builder else ()
    argv = (*buildx, "bake", *chosen, "--file", "-", "--progress", "rawjson", _ALL)
    return Command(argv, cwd=root, env=ENVIRONMENT, stdin=file, label=f"bake {count} images")
