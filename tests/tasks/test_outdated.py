"""``invoke base-outdated`` from the command line: a registry on loopback, uv with a folder of wheels, and no engine."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from slipway.config.definitions import SETTINGS
from slipway.testing.fakes import RegistryServer
from tests.rig import in_process

pytestmark = pytest.mark.process
Outdated = Callable[..., CompletedProcess[str]]
BEFORE = {"libs/requirements.in": "# ours\nleaves==1.0\n", "libs/requirements.txt": "leaves==1.0\ntwigs==1.0\n"}


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


def write_wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    needed = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def outdated(repository: Path, server: RegistryServer, tmp_path: Path) -> Outdated:
    """Run ``invoke base-outdated`` where base-ml installs leaves 1.0; there is leaves 2.0, and twigs 1.1 fits it."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version, needs in (("1.0", "twigs"), ("2.0", "twigs<2")):
        write_wheel(wheels, "leaves", version, needs)
    for version in ("1.0", "1.1", "2.0"):
        write_wheel(wheels, "twigs", version)
    for path, text in BEFORE.items():
        (repository / path).write_text(text)
    dockerfile = repository / "infra/docker/base-ml.Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text()}COPY libs/requirements.txt /\n")
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    (repository / ".env").write_text(f"REGISTRY={server.host}\nPYTHON_IMAGE={server.host}/roots/python:3.11\n")
    server.add("roots/python", "3.11")
    names = {setting.name for setting in SETTINGS}
    kept = {name: value for name, value in os.environ.items() if name not in names and name[:4] != "PIP_"}
    given = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    env = {**kept, **given, "DOCKER_HOST": f"unix://{tmp_path}/nowhere", "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0"}

    def run(*words: str, **more: str) -> CompletedProcess[str]:
        return in_process.invoke("base.outdated", *words, cwd=repository, env={**env, **more})

    return run


def texts(repository: Path) -> dict[str, str]:
    return {path: (repository / path).read_text() for path in BEFORE}


def test_newer_versions_are_listed_with_the_images_that_they_touch(outdated: Outdated, repository: Path) -> None:
    done = outdated("--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    touched = {"file": "libs/requirements.txt", "images": ["base-ml", "svc-ocr"], "bytes": 0}
    assert found["requirements"] == [
        {"name": "leaves", "old": "1.0", "new": "2.0", **touched},
        {"name": "twigs", "old": "1.0", "new": "1.1", **touched},
    ]
    (root,) = found["roots"]
    assert (root["state"], len(root["images"])) == ("not locked", 4)
    assert texts(repository) == BEFORE and not (repository / "images.lock").exists()


def test_an_update_writes_list_lock_and_images_lock_as_one_change(
    outdated: Outdated, repository: Path, server: RegistryServer
) -> None:
    shown = outdated("--update", "--dry-run")
    assert shown.returncode == 0 and texts(repository) == BEFORE, shown.stderr
    assert {"-leaves==1.0", "+leaves==2.0", "+twigs==1.1"} <= set(shown.stdout.replace(" \\", "").splitlines())
    assert outdated("--update").stdout == shown.stdout
    after = texts(repository)
    assert after["libs/requirements.in"] == "# ours\nleaves==2.0\n"
    assert {"leaves==2.0", "twigs==1.1"} <= set(after["libs/requirements.txt"].splitlines())
    assert f'"{server.host}/roots/python:3.11" = "sha256:' in (repository / "images.lock").read_text()
    again = outdated("--update")
    assert "→" not in again.stdout and "wrote" not in again.stderr


def test_the_projects_own_command_locks(outdated: Outdated, repository: Path) -> None:
    (repository / "slipway.toml").write_text('lock-command = "sh lock.sh"\n')
    (repository / "lock.sh").write_text("sed s/^/locked-/ libs/requirements.in > libs/requirements.txt\n")
    done = outdated("--update")
    assert done.returncode == 0, done.stderr
    assert (repository / "libs/requirements.txt").read_text() == "locked-# ours\nlocked-leaves==2.0\n"
    assert "+locked-leaves==2.0" in done.stdout


@pytest.mark.fault("U51")
def test_a_lock_command_that_fails_leaves_all_files(outdated: Outdated, repository: Path) -> None:
    (repository / "slipway.toml").write_text('lock-command = "sh lock.sh"\n')
    (repository / "lock.sh").write_text("rm libs/requirements.txt; echo no way >&2; exit 4\n")
    done = outdated("--update", "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (3, "lock-command-failed")
    assert texts(repository) == BEFORE and not (repository / "images.lock").exists()
    assert "no way" in done.stderr


def test_a_list_with_hashes_and_no_short_list_is_noted(outdated: Outdated, repository: Path) -> None:
    (repository / "libs/requirements.in").unlink()
    (repository / "libs/requirements.txt").write_text("leaves==1.0 --hash=sha256:aa\n")
    done = outdated("--update")
    assert done.returncode == 0 and "1.0 → 2.0" in done.stdout, done.stderr
    assert "has hashes" in done.stderr and "aa" in (repository / "libs/requirements.txt").read_text()


@pytest.mark.fault("U50")
@pytest.mark.parametrize(
    ("line", "index", "code"),
    [("leaves==1.0", "http://127.0.0.1:1/simple", (3, "index-failed")), ("leaves==9.0", "", (2, "requirements-unfit"))],
)
def test_an_index_that_does_not_serve(
    outdated: Outdated, repository: Path, line: str, index: str, code: tuple[int, str]
) -> None:
    (repository / "libs/requirements.in").write_text(f"{line}\n")
    more = {"PIP_INDEX_URL": index, "PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""} if index else {}
    done = outdated("--update", "--json", **more)
    assert (done.returncode, json.loads(done.stdout)["code"]) == code
    assert not (repository / "images.lock").exists()


def test_a_registry_that_refuses_ends_it_with_nothing_written(
    outdated: Outdated, repository: Path, server: RegistryServer
) -> None:
    fault = server.fault("manifests/3.11", 403, times=9)
    assert outdated("--update").returncode == 7
    assert fault.struck and texts(repository) == BEFORE and not (repository / "images.lock").exists()


def test_a_tag_that_its_registry_does_not_have(outdated: Outdated, repository: Path, server: RegistryServer) -> None:
    (repository / ".env").write_text(f"REGISTRY={server.host}\nPYTHON_IMAGE={server.host}/roots/python:4\n")
    done = outdated("--update", "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (7, "root-gone")
    (repository / "images.lock").write_text(f'"{server.host}/roots/python:4" = "local"\n')
    assert json.loads(outdated("--json").stdout)["roots"][0]["state"] == "local"
