"""Builds whose layers the engine would not keep compressed as COMPRESSION says are refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.errors import PrerequisiteError
from slipway.core.image import LocalImage
from slipway.plan.compression import refuse_compression
from slipway.plan.decide import plan_build
from slipway.plan.facts import Snapshot, gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine

PYTHON = LocalImage("sha256:python", ("docker.io/library/python:3.12-slim",))
NAMES = ["base-runtime", "svc-forms"]


def snapshot_of(root: Path, *, containerd: bool, **settings: str) -> Snapshot:
    engine = FakeEngine([PYTHON])
    engine.containerd = containerd
    given = load(root, environment={"REGISTRY": "127.0.0.1:1", **settings})
    registry = Registry("127.0.0.1:1", policy=HASTE)
    return gather_facts(read_repository(given, Worktree(root), {}, "linux/amd64"), engine, lambda: registry)


def refuse(snapshot: Snapshot, names: Sequence[str] = NAMES) -> None:
    refuse_compression(snapshot, plan_build(snapshot.stack, names, snapshot.facts))


@pytest.mark.fault("B55")
def test_the_classic_store_keeps_no_layer_compressed_with_zstd(repository: Path) -> None:
    snapshot = snapshot_of(repository, containerd=False, COMPRESSION="zstd")
    with pytest.raises(PrerequisiteError) as caught:
        refuse(snapshot)
    assert (caught.value.exit_code, caught.value.code) == (3, "compression-classic")
    assert str(caught.value) == (
        "error: COMPRESSION=zstd: the engine's classic image store keeps no compressed layers\n"
        "hint:  COMPRESSION=gzip, or BUILDER=<a builder of buildx>, or containerd's image store: docs/compression.md"
    )
    refuse(snapshot, [])


@pytest.mark.parametrize(
    ("containerd", "settings"),
    [(False, {}), (False, {"COMPRESSION": "zstd", "BUILDER": "team"}), (True, {"COMPRESSION": "zstd"})],
    ids=["gzip", "a separate builder", "containerd's store"],
)
def test_a_build_that_keeps_its_compression_is_not_refused(
    repository: Path, containerd: bool, settings: dict[str, str]
) -> None:
    refuse(snapshot_of(repository, containerd=containerd, **settings))


def test_compression_is_not_an_input(repository: Path) -> None:
    gzip, zstd = (snapshot_of(repository, containerd=True, COMPRESSION=name).facts for name in ("gzip", "zstd"))
    assert gzip.digests == zstd.digests and all(gzip.digests.values())


def test_a_builder_stores_an_image_of_zstd_layers_in_the_registry_for_the_classic_store(repository: Path) -> None:
    kept = [
        snapshot_of(repository, containerd=containerd, BUILDER="team", COMPRESSION=name).facts.is_kept_in_registry(
            "svc-forms"
        )
        for containerd, name in ((False, "zstd"), (False, "gzip"), (True, "zstd"))
    ]
    assert kept == [True, False, False]
