"""``invoke base-bump`` from the command line, with a registry on loopback and no engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from slipway.config.definitions import SETTINGS
from slipway.testing.fakes import RegistryServer
from tests.rig import in_process

Bump = Callable[..., CompletedProcess[str]]


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def bump(repository: Path, server: RegistryServer, tmp_path: Path) -> Bump:
    """Run ``invoke base-bump`` in a repository of version v0.1.0."""
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    (repository / ".env").write_text(f"REGISTRY={server.host}\nBASE_VERSION=v0.1.0\n")
    kept = {name: value for name, value in os.environ.items() if name not in {setting.name for setting in SETTINGS}}
    env = {**kept, "DOCKER_HOST": f"unix://{tmp_path}/nowhere"}

    def run(*words: str) -> CompletedProcess[str]:
        return in_process.invoke("base.bump", *words, cwd=repository, env=env)

    return run


def set_version(repository: Path) -> str:
    return (repository / ".env").read_text().splitlines()[1]


def test_a_patch_is_the_default(bump: Bump, repository: Path) -> None:
    done = bump()
    assert done.returncode == 0, done.stderr
    assert set_version(repository) == "BASE_VERSION=v0.1.1"
    assert done.stdout.splitlines()[:5] == [
        "--- .env",
        "+++ .env",
        "@@ -2 +2 @@",
        "-BASE_VERSION=v0.1.0",
        "+BASE_VERSION=v0.1.1",
    ]
    assert done.stdout.endswith("v0.1.0 → v0.1.1 · 4 to tag\n")
    assert "note: wrote .env" in done.stderr and "not compared" in done.stdout


def test_a_dry_run_writes_nothing_and_shows_the_same(bump: Bump, repository: Path) -> None:
    shown = bump("major", "--dry-run")
    assert set_version(repository) == "BASE_VERSION=v0.1.0" and "wrote" not in shown.stderr
    assert bump("major").stdout == shown.stdout
    assert set_version(repository) == "BASE_VERSION=v1.0.0"


def test_json_has_the_files_and_the_images(bump: Bump) -> None:
    found = json.loads(bump("v3.0.0", "--json").stdout)
    assert (found["old"], found["new"], found["written"]) == ("v0.1.0", "v3.0.0", True)
    assert [one["path"] for one in found["files"]] == [".env"]
    assert {one["image"]: one["reference"].rpartition(":")[2] for one in found["images"]} == dict.fromkeys(
        ("base-runtime", "base-ml", "svc-forms", "svc-ocr"), "v3.0.0"
    )


def test_a_version_in_the_registry_is_refused(bump: Bump, repository: Path, server: RegistryServer) -> None:
    server.add("slipway/base-ml", "v0.2.0")
    done = bump("minor", "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (10, "version-taken")
    assert f"{server.host}/slipway/base-ml:v0.2.0" in done.stderr
    assert set_version(repository) == "BASE_VERSION=v0.1.0"


def test_a_registry_that_refuses_leaves_the_files(bump: Bump, repository: Path, server: RegistryServer) -> None:
    fault = server.fault("manifests/v0.1.1", 403, times=9)
    assert bump().returncode == 7
    assert fault.struck and set_version(repository) == "BASE_VERSION=v0.1.0"


def test_it_takes_one_version(bump: Bump, repository: Path) -> None:
    done = bump("minor", "major")
    assert done.returncode == 2 and "major" in done.stderr
    assert set_version(repository) == "BASE_VERSION=v0.1.0"
