"""``invoke push`` against a real registry, asked over plain HTTP what it holds."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.foreign import HTML, PAGE

if TYPE_CHECKING:
    from tests.rig.foreign import ForeignServer
    from tests.rig.relay import Relay
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.both_stores]
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
WRITES = r"(POST|PUT|PATCH|DELETE) /v2/"


def content_tags(shop: Repository) -> dict[str, str]:
    return {step["image"]: step["content"].rpartition(":")[2] for step in shop.json("plan")["steps"]}


def digests(shop: Repository, tag: str = "v1") -> dict[str, str]:
    return {name: shop.published(name, tag) for name in NAMES}


def test_both_tags_stand_for_one_digest_and_again_nothing_moves(
    stack: Stack, relay: Callable[..., Relay], registry: str
) -> None:
    between = relay("tcp", to=registry)
    shop = stack("shop", REGISTRY=between.address)
    shop.invoke("build", "push").ok()
    assert between.asked(WRITES)
    assert set(shop.status().values()) == {"pushed"} and set(shop.status()) == set(NAMES)
    for name, tag in content_tags(shop).items():
        assert shop.published(name) == shop.published(name, tag) == shop.record()[name]["image_digest"] != ""

    before, runs = digests(shop), shop.runs()
    between.requests.clear()
    shop.invoke("push").ok()
    assert between.asked(r"HEAD /v2/") and not between.asked(WRITES)
    assert digests(shop) == before and shop.runs() == runs


def test_a_resumed_push_goes_on_with_its_images_and_its_version(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("build", "push", "svc-sign", "--version", "v2").ok()
    resumed = json.loads(shop.invoke("push", "--json", "--resume", shop.runs()[-1].name).ok().stdout)
    (entry,) = resumed["images"]
    assert (entry["status"], entry["reference"]) == ("present", shop.reference("svc-sign", "v2"))
    assert shop.published("svc-sign", "v2") != "" and shop.published("svc-sign") == ""


@pytest.mark.fault("B08")
def test_an_image_built_without_cache_needs_a_new_version(stack: Stack) -> None:
    shop = stack("shop")
    till = "apps/svc_till/Dockerfile"
    shop.write(till, (shop.root / till).read_text() + "RUN cat /proc/sys/kernel/random/uuid > /drawn.txt\n")
    shop.invoke("build", "push").ok()
    before = digests(shop)
    shop.invoke("build", "svc-till", "--no-cache").ok()
    ran = shop.invoke("push", "svc-till")
    ran.failed(10, shop.reference("svc-till"), "--version", "--force")
    assert digests(shop) == before

    shop.invoke("build", "push", "svc-till", "--version", "v2").ok()
    assert shop.status() == {"svc-till": "pushed"}
    assert shop.published("svc-till", "v2") not in ("", before["svc-till"])
    assert shop.published("svc-till", "v2") == shop.published("svc-till", content_tags(shop)["svc-till"])
    assert digests(shop) == before


def test_a_new_version_of_the_same_content_uploads_no_blob(
    stack: Stack, relay: Callable[..., Relay], registry: str
) -> None:
    between = relay("tcp", to=registry)
    shop = stack("shop", REGISTRY=between.address)
    shop.invoke("build", "push").ok()
    between.requests.clear()
    shop.invoke("build", "push", "--version", "v2").ok()
    assert set(shop.status().values()) == {"tagged"}
    assert digests(shop, "v2") == digests(shop)
    assert not between.asked(r"(PATCH|PUT) /v2/\S+/blobs/")
    assert len(between.asked("POST /v2/")) == len(between.asked("DELETE /v2/")) == len(NAMES)
    assert len(between.asked(r"PUT /v2/\S+/manifests/v2")) == len(NAMES)


@pytest.mark.fault("P10")
def test_a_version_is_written_once_unless_forced(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("build", "push").ok()
    was = digests(shop)
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    shop.invoke("build").ok()
    ran = shop.invoke("push").failed(10, f"{shop.reference('svc-cart')} is {was['svc-cart'][:19]}", "--force")
    assert content_tags(shop)["svc-cart"] in ran.closing
    assert digests(shop) == was
    assert shop.published("svc-cart", content_tags(shop)["svc-cart"]) == ""

    shop.invoke("push", "--force").ok()
    now = digests(shop)
    assert {name for name in NAMES if now[name] != was[name]} == {"svc-cart"}
    assert now["svc-cart"] == shop.published("svc-cart", content_tags(shop)["svc-cart"])


def test_a_tag_declared_moving_moves(stack: Stack) -> None:
    shop = stack("shop", BASE_VERSION="edge")
    shop.invoke("build", "push").ok()
    was = digests(shop, "edge")
    shop.write("apps/svc_sign/sign.txt", "closed\n")
    shop.invoke("build", "push").ok()
    now = digests(shop, "edge")
    assert {name for name in NAMES if now[name] != was[name]} == {"svc-sign"}


def test_a_dry_run_pushes_nothing(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("build").ok()
    ran = shop.invoke("push", "--dry-run").ok()
    assert all(f"{name} " in ran.stdout for name in NAMES)
    assert set(digests(shop).values()) == {""}


def test_an_image_that_is_not_built_is_not_pushed(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("push").failed(2, "error: push base-floor", "invoke build push")
    shop.invoke("build", "svc-sign").ok()
    shop.invoke("push", "svc-sign", "svc-cart").failed(2, "push svc-cart: not built")
    assert shop.published("svc-sign") == ""
    shop.invoke("push", "svc-sign").ok()
    assert shop.published("svc-sign") != ""


def test_a_registry_that_is_down_is_named_with_the_cause(stack: Stack) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = f"127.0.0.1:{unused.getsockname()[1]}"
    shop = stack("shop", REGISTRY=down)
    built = shop.invoke("build", "svc-sign").ok()
    assert f"note: {down} does not answer" in built.stderr
    shop.invoke("push", "svc-sign").failed(7, down, "connection refused")


@pytest.mark.fault("P40")
def test_a_web_page_is_not_taken_for_a_registry(stack: Stack, foreign: Callable[..., ForeignServer]) -> None:
    """A server that gives the same page to everything: nothing is there already, and nothing is taken from it."""
    server = foreign(200, HTML, PAGE)
    shop = stack("shop", REGISTRY=server.host)
    said = f"{server.host} does not answer as a registry (GET /v2/ gives 200, text/html)"
    assert shop.steps("plan", "svc-sign") == {"svc-sign": ("build", "not built yet")}
    built = shop.invoke("build", "svc-sign").ok()
    assert f"note: {said}: slipway does not know which images it has" in built.stderr
    shop.invoke("push", "svc-sign").failed(7, said, "hint:  invoke doctor")
    answer = json.loads(shop.invoke("push", "svc-sign", "--json").stdout)
    assert (answer["ok"], answer["exit_code"], answer["error"]) == (False, 7, said)
    checks = {check["name"]: check for check in json.loads(shop.invoke("doctor", "--json").stdout)}
    assert (checks["registry"]["state"], said in checks["registry"]["detail"].replace(": ", " ", 1)) == (
        "missing",
        True,
    )
    assert {request.partition(" ")[0] for request in server.requests} == {"GET"}


def docker_config(folder: Path, registry: str, password: str) -> tuple[str, str]:
    """A DOCKER_CONFIG that logs ann in, and the login itself."""
    login = base64.b64encode(f"ann:{password}".encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": login}}}))
    return str(folder), login


@pytest.mark.fault("P01")
def test_a_login_is_asked_for_and_honoured(
    stack: Stack, login_registry: str, tmp_path: Path, engine_address: str
) -> None:
    shop = stack("shop", REGISTRY=login_registry)
    hint = f"docker login {login_registry}"
    none, _ = docker_config(tmp_path / "none", "elsewhere.example", "")
    wrong, _ = docker_config(tmp_path / "wrong", login_registry, "let-me-in")
    right, login = docker_config(tmp_path / "right", login_registry, "open-sesame")
    shop.invoke("build", "svc-sign").ok()
    for config, cause in ((none, "the registry wants a login"), (wrong, f"login to {login_registry} as ann failed")):
        ran = shop.invoke("push", "svc-sign", DOCKER_CONFIG=config, DOCKER_HOST=engine_address)
        ran.failed(7, cause, hint)
        assert "let-me-in" not in ran.stdout + ran.stderr
    shop.invoke("push", "svc-sign", DOCKER_CONFIG=right, DOCKER_HOST=engine_address).ok()
    assert shop.published("svc-sign", login=login) == shop.record()["svc-sign"]["image_digest"]
    assert not [path for path in shop.root.rglob("*") if path.is_file() and b"open-sesame" in path.read_bytes()]


@pytest.mark.fault("P35")
def test_a_missing_credential_helper_is_reported_when_the_registry_wants_a_login(
    stack: Stack, registry: str, login_registry: str, tmp_path: Path, engine_address: str
) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "nowhere"}')
    around = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": engine_address}
    shop = stack("shop", REGISTRY=registry)
    shop.invoke("build", "push", "svc-sign", **around).ok()
    shop.configure(REGISTRY=login_registry)
    shop.invoke("build", "svc-sign", **around).ok()
    ran = shop.invoke("push", "svc-sign", **around)
    ran.failed(7, f"login to {login_registry}: docker-credential-nowhere cannot be run: not found", "install")
    assert "Warning" not in ran.stderr


def test_a_credential_helper_is_asked(
    stack: Stack, login_registry: str, tmp_path: Path, engine_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Docker's configuration has it: ``credHelpers`` names the program that knows the login."""
    asked = tmp_path / "asked"
    helper = tmp_path / "docker-credential-vault"
    answer = json.dumps({"ServerURL": login_registry, "Username": "ann", "Secret": "open-sesame"})
    helper.write_text(f"#!/bin/sh\ncat >> {asked}\necho '{answer}'\n")
    helper.chmod(0o755)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.json").write_text(json.dumps({"credHelpers": {login_registry: "vault"}}))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shop = stack("shop", REGISTRY=login_registry)
    shop.invoke("build", "svc-sign").ok()
    ran = shop.invoke("push", "svc-sign", DOCKER_CONFIG=str(tmp_path / "config"), DOCKER_HOST=engine_address).ok()
    assert login_registry in asked.read_text()
    assert shop.status() == {"svc-sign": "pushed"}
    assert "open-sesame" not in ran.stdout + ran.stderr


def under_umask(shop: Repository, umask: int) -> None:
    """As a checkout under ``umask`` leaves it: git records whether a file may be run, and no more."""
    for path in shop.root.glob("[al]*/**/"):
        for file in (path, *path.iterdir()):
            file.chmod((0o777 if file.is_dir() else 0o666) & ~umask)


@pytest.mark.fault("B52")
def test_two_checkouts_of_one_commit_under_two_umasks(stack: Stack) -> None:
    """Where COPY sets the modes they release the same; else the refusal says that modes alone differ, and of which."""
    one = stack("shop")
    other = stack("shop", OWNER=one.settings["OWNER"])
    for shop, umask in ((one, 0o022), (other, 0o002)):
        sign = (shop.root / "apps/svc_sign/Dockerfile").read_text().replace("COPY ", "COPY --chmod=644 ")
        shop.write("apps/svc_sign/Dockerfile", sign)
        under_umask(shop, umask)
    one.invoke("build", "push").ok()
    plan = other.steps()
    assert plan["svc-sign"][0] == "reuse"
    assert plan["base-floor"][1].startswith("only modes of files differ")
    noted = other.invoke("build").ok().stderr
    assert "note: only modes of files differ for base-floor, base-counter, svc-cart and 1 more; a checkout" in noted
    refused = other.invoke("push").failed(10, "4 of 5 version tags", "hint:  a checkout under umask 022", "--chmod=755")
    assert "only modes differ: libs/floor.txt 0664" in refused.closing
    under_umask(other, 0o022)
    assert {action for action, _ in other.steps().values()} <= {"tag", "reuse"}, "the same content again"
