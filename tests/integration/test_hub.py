"""Docker Hub: what is built for it is pushed, known again and moved, with each login that docker keeps for it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.rig.hub import IDENTITY, KEY, PASSWORD, USER, Hub
from tests.rig.stacks import Repository

pytestmark = pytest.mark.integration

NAMES = ("base-counter", "base-floor", "svc-cart", "svc-sign", "svc-till")
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def docker_config(folder: Path, **content: object) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(content))
    return str(folder)


def all_are(status: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, status)


@pytest.mark.fault("P30")
@pytest.mark.fault("P33")
@pytest.mark.fault("P34")
@pytest.mark.fault("P36")
@pytest.mark.fault("P37")
def test_a_release_on_docker_hub(
    stack: Callable[..., Repository], hub: Hub, tmp_path: Path, root_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = docker_config(tmp_path / "password", auths={KEY: {"auth": BASIC}})
    shop = stack("shop", REGISTRY="docker.io", PYTHON_IMAGE="index.docker.io/library/floor:1")
    owner = shop.settings["OWNER"]
    shop.around = {**shop.around, **hub.environment, "DOCKER_CONFIG": password}

    def stands(tag: str) -> Mapping[str, str]:
        """Image → what its tag stands for on Docker Hub."""
        return {name: hub.tags(f"{owner}/{name}").get(tag, "") for name in NAMES}

    # A root image that only those who are logged in may pull.
    hub.engine.docker("tag", root_image, "floor:1")
    hub.engine.docker("--config", password, "push", "--quiet", "floor:1")
    hub.engine.docker("rmi", "floor:1", root_image)

    shop.invoke("build-base", "build").ok()
    assert (
        hub.engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=floor") == "floor:1"
    )
    assert {action for action, _ in shop.steps().values()} == {"reuse"}

    # No login, no push, and never half a release.
    anonymous = docker_config(tmp_path / "anonymous")
    shop.invoke("push", DOCKER_CONFIG=anonymous).failed(7, "docker.io/", "wants a login", "docker login docker.io")
    hub.close(f"{owner}/svc-till")
    shop.invoke("push").failed(7, f"docker.io/{owner}/svc-till", f"denied to {USER}")
    assert set(stands("v1").values()) == {""}
    hub.close()
    shop.invoke("push", "--resume", shop.runs()[-1].name).ok()
    assert shop.status() == all_are("pushed")
    released = stands("v1")
    assert released == {name: entry["image_digest"] for name, entry in shop.record().items()}

    runs = shop.runs()
    again = shop.invoke("build-base", "build", "push").ok()
    assert (shop.runs(), stands("v1")) == (runs, released), again.stderr

    # The same content under another version, by an identity token that docker keeps in its configuration.
    identity = docker_config(
        tmp_path / "identity", auths={KEY: {"auth": base64.b64encode(b"ann:").decode(), "identitytoken": IDENTITY}}
    )
    before = len(hub.grants())
    shop.invoke("build-base", "build", "push", "--version", "v2", DOCKER_CONFIG=identity).ok()
    assert shop.status() == all_are("tagged")
    assert stands("v2") == released
    granted = hub.grants()[before:]
    assert granted and {(method, user) for method, _, user, *_ in granted} == {("POST", USER)}

    # Other content under the same version is refused; under a new one the engine pushes it. A helper gives the token.
    helper = tmp_path / "docker-credential-vault"
    helper.write_text(
        f"""#!/bin/sh\ntest "$(cat)" = {KEY} && echo '{{"Username": "<token>", "Secret": "{IDENTITY}"}}'\n"""
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    helped = docker_config(tmp_path / "helped", credHelpers={KEY: "vault"})
    (shop.root / "apps/svc_cart/cart.txt").write_text("more")
    before = len(hub.grants())
    shop.invoke("build", "svc-cart", DOCKER_CONFIG=helped).ok()
    shop.invoke("push", DOCKER_CONFIG=helped).failed(
        10, f"docker.io/{owner}/svc-cart:v1 is {released['svc-cart'][:19]}"
    )
    assert stands("v1") == released
    shop.invoke("build", "push", "--version", "v3", DOCKER_CONFIG=helped).ok()
    assert shop.status() == {**all_are("tagged"), "svc-cart": "pushed"}
    granted = hub.grants()[before:]
    assert {(method, user) for method, _, user, *_ in granted} == {("POST", USER)}
    assert len({client for _, client, *_ in granted}) == 2, "slipway and the engine asked for tokens"

    assert set(hub.asked) == {"registry-1.docker.io:443", "auth.docker.io:443"}
    kept = [path for path in shop.root.rglob("*") if path.is_file()]
    assert not [path for path in kept if any(secret.encode() in path.read_bytes() for secret in (PASSWORD, IDENTITY))]
