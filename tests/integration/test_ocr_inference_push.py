"""The two images of ocr-inference go to a private repository: of a registry with a login, and of Docker Hub."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.config.settings import load
from tests.rig.hub import KEY, PASSWORD, USER, Hub
from tests.rig.stacks import ROOT, Repository

pytestmark = pytest.mark.integration

NAMES = ("svc-ocr-gateway", "svc-ocr-model")
SOURCES = ("infra/docker", "apps/svc_ocr_gateway", "apps/svc_ocr_model", "libs", ".dockerignore")
#: A build of everything from nothing takes minutes. BuildKit keeps the layers for the next build of this repository.
BUILD_SECONDS = 900
STAND_IN = """\
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset
FROM ${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}
COPY apps/%s/name.txt /name.txt
"""


def docker_config(folder: Path, key: str, password: str) -> tuple[str, str]:
    """Return a DOCKER_CONFIG with a login for ann, and the login itself."""
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {key: {"auth": login}}}))
    return str(folder), login


def copy_sources(root: Path) -> None:
    """Copy the two services, and all that their images need, from this repository as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def build(repository: Repository) -> None:
    """Build both images and their bases."""
    with repository.start("build", *NAMES) as process:
        said = process.communicate(timeout=BUILD_SECONDS)
    assert process.returncode == 0, said


def test_the_images_go_to_a_registry_with_a_login(
    stack: Callable[..., Repository], login_registry: str, tmp_path: Path, engine_address: str
) -> None:
    ocr = stack("blank", REGISTRY=login_registry, PYTHON_IMAGE=load(ROOT)["PYTHON_IMAGE"])
    copy_sources(ocr.root)
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    ocr.around = {**ocr.around, "PIP_CONFIG_FILE": "", **pip}
    build(ocr)
    anonymous, _ = docker_config(tmp_path / "anonymous", "elsewhere.example", "")
    ocr.invoke("push", *NAMES, DOCKER_CONFIG=anonymous, DOCKER_HOST=engine_address).failed(7, "wants a login")
    right, login = docker_config(tmp_path / "right", login_registry, PASSWORD)
    ocr.invoke("push", *NAMES, DOCKER_CONFIG=right, DOCKER_HOST=engine_address).ok()
    assert ocr.status() == dict.fromkeys(NAMES, "pushed")
    pushed = {name: entry["image_digest"] for name, entry in ocr.record().items()}
    assert {name: ocr.published(name, login=login) for name in NAMES} == pushed


def test_the_images_go_to_docker_hub(
    stack: Callable[..., Repository], hub: Hub, tmp_path: Path, root_image: str
) -> None:
    """Small stand-ins have the names: Docker Hub's engine would build the real ones from nothing."""
    ocr = stack("shop", REGISTRY="docker.io", PYTHON_IMAGE=root_image)
    for folder in ("svc_ocr_gateway", "svc_ocr_model"):
        ocr.write(f"apps/{folder}/name.txt", folder)
        ocr.write(f"apps/{folder}/Dockerfile", STAND_IN % folder)
    owner = ocr.settings["OWNER"]
    config, _ = docker_config(tmp_path / "right", KEY, PASSWORD)
    ocr.around = {**ocr.around, **hub.environment, "DOCKER_CONFIG": config}
    ocr.invoke("build", *NAMES).ok()
    ocr.invoke("push", *NAMES).ok()
    pushed = {name: entry["image_digest"] for name, entry in ocr.record().items()}
    assert {name: hub.tags(f"{owner}/{name}")["v1"] for name in NAMES} == pushed
    for name in NAMES:
        hub.engine.docker("rmi", f"{owner}/{name}:v1")
        assert "denied" in hub.engine.client_error("pull", f"{owner}/{name}:v1"), "the repository is private"
        hub.engine.docker("--config", config, "pull", "--quiet", f"{owner}/{name}:v1")
