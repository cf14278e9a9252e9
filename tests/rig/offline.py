"""A sample repository where nothing may be contacted: for what has to be refused from the files alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.rig import in_process
from tests.rig.relay import Relay
from tests.rig.stacks import STACKS, Ran, Repository


@dataclass
class Offline(Repository):
    """With an engine that closes each connection and records its request."""

    engine: Relay = field(kw_only=True)

    def refused(self, code: int, *words: str, task: tuple[str, ...] = ("build",), **environment: str) -> Ran:
        """The task ends with ``code`` and ``words``; the engine got no order, nothing was written but the cache."""
        before = self.files()
        ran = self.invoke(*task, **environment).failed(code, *words)
        assert not [request for request in self.engine.requests if not request.startswith("GET /images/")]
        assert self.files() == before
        assert not (self.root / ".slipway/runs").exists()
        return ran

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return super().environment({"DOCKER_HOST": self.engine.address, **more})

    def files(self) -> set[str]:
        return {str(path) for path in self.root.rglob("*") if ".slipway" not in path.parts}

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text() + text)


@pytest.fixture
def shop(tmp_path: Path, relay: Callable[..., Relay]) -> Offline:
    """Two bases and three services, with settings in ``.env``."""
    root = tmp_path / "shop"
    shutil.copytree(STACKS / "shop", root, symlinks=True)
    made = Offline(root, {}, in_process.invoke, engine=relay("unix"))
    made.configure(REGISTRY="127.0.0.1:1", OWNER="t-shop", BASE_VERSION="v1", PYTHON_IMAGE="python:3.12-slim")
    return made
