"""This repository's own images: their Dockerfiles under BuildKit's lint, with plain docker, and layer by layer."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from slipway.config.settings import load

#: One worker builds in this very checkout: a run in it locks out any other.
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("this checkout")]
ROOT = Path(__file__).parent.parent.parent
DOCKERFILES = sorted([*ROOT.glob("infra/docker/*.Dockerfile"), *ROOT.glob("apps/*/Dockerfile")])
#: The services with source of their own, in the package of their name.
SERVICES = sorted(path.parent for path in DOCKERFILES if (path.parent / path.parent.name).is_dir())
OWNER = "t-images"


def run(*argv: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(argv, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def build_args() -> list[str]:
    """The args a person would give plain ``docker build``; the base is built first."""
    built = run(sys.executable, "-m", "invoke", "build-base")
    assert built.returncode == 0, built.stderr
    settings = load(ROOT)
    given = {"PYTHON_IMAGE": settings["PYTHON_IMAGE"], "BASE_VERSION": settings["BASE_VERSION"]}
    return [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_buildkit_s_lint_finds_nothing(dockerfile: Path, build_args: list[str]) -> None:
    checked = run("docker", "buildx", "build", "--check", *build_args, "--file", str(dockerfile), ".")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no warnings found" in checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["svc_forms", "svc_extract"])
def test_a_service_builds_with_plain_docker_build(name: str, build_args: list[str]) -> None:
    tag = f"localhost:5000/{OWNER}/{name}:plain"
    try:
        built = run("docker", "build", *build_args, "--file", f"apps/{name}/Dockerfile", "--tag", tag, ".")
        assert built.returncode == 0, built.stderr
    finally:
        run("docker", "rmi", tag)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Path]:
    """The repository in another folder, under another owner; its images are gone afterwards."""
    target = tmp_path / "clone"
    left = shutil.ignore_patterns(".git", ".venv", ".nox", ".slipway", "__pycache__", "*.egg-info", ".*_cache")
    shutil.copytree(ROOT, target, ignore=left)
    yield target
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    ours = [tag for tag in listed if f"/{OWNER}/" in tag]
    if ours:
        run("docker", "rmi", *ours)


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_the_service_s_own_source_is_the_last_layer(service: Path) -> None:
    lines = (service / "Dockerfile").read_text("utf-8").splitlines()
    instructions = [line for line in lines if line and not line.startswith(("#", " "))]
    kind, *_, target = instructions[-1].split()
    assert (kind, target) == ("COPY", f"/app/{service.name}")


def test_a_source_edit_changes_only_the_last_layer(copied: Path) -> None:
    """The library is this test's own: BuildKit may know another layer with the files that all services share.

    Under load BuildKit sometimes makes a layer again that it made seconds before. So the layers below must stay in one
    of three edits.
    """
    (copied / "libs/servicekit/own.py").write_text(f'"""{secrets.token_hex()}"""\n', "utf-8")
    made = [_layers_after_an_edit(copied, edit) for edit in range(4)]
    assert len({layers[-1] for layers in made}) == len(made)
    assert any(before[:-1] == after[:-1] for before, after in pairwise(made))


def _layers_after_an_edit(copied: Path, edit: int) -> list[str]:
    main = copied / "apps/svc_forms/svc_forms/main.py"
    main.write_text(f"{main.read_text('utf-8')}\n# edit {edit}\n", "utf-8")
    built = run(sys.executable, "-m", "invoke", "build", "svc-forms", "--json", cwd=copied, OWNER=OWNER)
    assert built.returncode == 0, built.stderr
    images = {image["image"]: image for image in json.loads(built.stdout)["images"]}
    found = run("docker", "image", "inspect", images["svc-forms"]["image_digest"])
    layers: list[str] = json.loads(found.stdout)[0]["RootFS"]["Layers"]
    return layers
