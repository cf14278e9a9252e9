"""A repository for two platforms, and an engine that holds images of both.

Programs of the other platform run by emulation: ``invoke setup --platforms`` installs it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.builders import a_builder
from tests.rig.engines import STORES, an_engine, rig_build
from tests.rig.outside import MACHINE_ENGINE, machine_docker, machine_lock
from tests.rig.stacks import ROOT
from tests.rig.stores import loopback_of

if TYPE_CHECKING:
    from tests.rig.builders import Builder
    from tests.rig.engines import OwnEngine
    from tests.rig.stacks import Repository

PLATFORMS = "linux/amd64,linux/arm64"


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``busybox-amd64`` and ``busybox-arm64``, from Debian's packages; their build is cached."""
    folder = tmp_path_factory.mktemp("busybox")
    with machine_lock("images"):
        machine_docker(
            *rig_build("busybox.Dockerfile"), "--output", f"type=local,dest={folder}", str(ROOT / "infra/rig")
        )
    return folder


@pytest.fixture
def twins(stack: Callable[..., Repository], busybox: Path) -> Repository:
    """A base and a service on it, for amd64 and arm64."""
    made = stack("twins", PLATFORMS=PLATFORMS)
    shutil.copytree(busybox, made.root / "libs/box")
    return made


@pytest.fixture(scope="module")
def index_engine(engine_image: str, root_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine with containerd's image store. It reaches the registry of the tests."""
    folder = tmp_path_factory.mktemp("engine")
    with an_engine(engine_image, *STORES["containerd"], socket_in=folder) as engine, loopback_of(engine):
        yield engine


@pytest.fixture
def index_builder(index_engine: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    """A builder for both platforms, which reaches the registry of the tests."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    with a_builder(index_engine, str(tmp_path / "buildx")) as made:
        yield made


@pytest.fixture
def with_indexes(index_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> OwnEngine:
    """Let DOCKER_HOST name an engine that holds images of several platforms."""
    monkeypatch.setenv(MACHINE_ENGINE, os.environ.get(MACHINE_ENGINE, os.environ.get("DOCKER_HOST", "")))
    monkeypatch.setenv("DOCKER_HOST", index_engine.address)
    return index_engine
