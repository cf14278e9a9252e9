"""Inputs that slipway refuses: secrets, downloads without a pin, missing bases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.rig.offline import Offline
from tests.rig.outside import docker
from tests.rig.stacks import Repository

CART = "apps/svc_cart/Dockerfile"
SIGN = "apps/svc_sign/Dockerfile"
TILL = "apps/svc_till/Dockerfile"
FLOOR = "infra/docker/base-floor.Dockerfile"
DIGEST = "sha256:" + "ab" * 32


@pytest.mark.fault("X01", "X09", "U08")
def test_secrets_and_unpinned_downloads_are_refused_together(shop: Offline) -> None:
    shop.configure(INDEX="https://ann:geheim12@pypi.example/simple", MY_TOKENS="geheim34")
    shop.append(FLOOR, "ARG GITHUB_TOKEN=x\nRUN curl -fsSL https://x.example/install | sh\n")
    shop.append(CART, "ARG INDEX\nADD https://x.example/a.tar /\n")
    shop.append(TILL, "ARG MY_TOKENS\nLABEL from=${MY_TOKENS}\n")
    ran = shop.refused(10, "GITHUB_TOKEN", "INDEX", "MY_TOKENS", "x.example/a.tar", task=("build", "--json"))
    assert sorted(ran.problems) == [
        (f"{CART}:6", "secret-value"),
        (f"{CART}:7", "unpinned-add"),
        (f"{TILL}:7", "known-secret"),
        (f"{TILL}:8", "known-secret"),
        (f"{FLOOR}:6", "secret-name"),
        (f"{FLOOR}:7", "download"),
    ]
    assert "geheim" not in ran.stdout + ran.stderr


@pytest.mark.fault("X04", "X12")
@pytest.mark.parametrize("path", [".env", "tls/server.pem", "home/id_ed25519", ".docker/config.json", ".git/HEAD"])
def test_a_file_that_may_be_a_secret_enters_no_image_without_git(shop: Offline, path: str) -> None:
    """By name and within a folder, whatever .dockerignore says or leaves out."""
    shop.write(".dockerignore", ".slipway\n" if path == ".env" else ".slipway\n.env\n")
    if path != ".env":
        shop.write(path, "secret")
    shop.append(CART, f"COPY {path} /x\n")
    shop.append(TILL, "COPY . /all\n")
    named = ".git" if path == ".git/HEAD" else path
    ran = shop.refused(10, f"error: {CART}:6: {named} ", f"error: {TILL}:7: {named} ")
    assert ran.closing.count("name it in .dockerignore") == 2
    assert f'[tool.slipway.allow] svc-cart = {{ "context-file:{named}" = "why" }}' in ran.closing
    assert ran.closing.count("docs/policy.md#context-file") == 2
    assert shop.refused(10, task=("build", "--policy", "note")).closing == ran.closing


@pytest.mark.fault("B14")
def test_a_frontend_that_is_not_pinned(shop: Offline) -> None:
    shop.write(SIGN, "# syntax=me/dockerfile:1\n" + (shop.root / SIGN).read_text())
    ran = shop.refused(10, "hint:  # syntax=me/dockerfile:1@sha256:…", task=("plan", "svc-sign", "--json"))
    assert ran.problems == [(f"{SIGN}:1", "frontend")]


@pytest.mark.integration
@pytest.mark.fault("B14", "U03")
def test_a_pinned_frontend_and_an_extra_index_are_reported(stack: Callable[..., Repository]) -> None:
    shop = stack("shop")
    frontend = f"docker/dockerfile:1@{DIGEST}"
    shop.write(SIGN, f"# syntax={frontend}\n" + (shop.root / SIGN).read_text())
    shop.write(TILL, (shop.root / TILL).read_text() + "RUN pip install --extra-index-url https://x.example a\n")
    shop.write("apps/svc_cart/requirements.txt", "httpx\n  --extra-index-url=https://y.example\n# --extra-index-url\n")
    shop.write(CART, (shop.root / CART).read_text() + "COPY apps/svc_cart/requirements.txt /requirements.txt\n")
    ran = shop.invoke("plan", "--json").ok()
    assert re.search(r"note: apps/svc_cart/requirements\.txt:2 +extra-index +extra-index-url: ", ran.stderr)
    assert ran.stderr.count("extra-index-url: ") == 2
    assert json.loads(ran.stdout)["frontends"] == {"svc-sign": frontend}
    assert f"note: {SIGN} is read by {frontend}\n" in ran.stderr
    assert re.search(f"note: {TILL}:7 +extra-index +extra-index-url: ", ran.stderr)
    assert all(step["reference"].startswith(f"{shop.prefix}/") for step in json.loads(ran.stdout)["steps"])


@pytest.mark.integration
@pytest.mark.fault("C42", "C43")
def test_names_that_policy_allows_are_built(stack: Callable[..., Repository]) -> None:
    """BuildKit warns of each of these names, which would fail the image; policy has weighed them."""
    shop = stack("shop")
    text = (shop.root / SIGN).read_text() + "ENV KMS_KEY_ALIAS=alias/app SORT_KEY=day\nARG GITHUB_TOKEN\n"
    shop.write(SIGN, text + "ENV DB_PASSWORD=x\n")
    shop.invoke("build", "svc-sign").failed(10, f"{SIGN}:5: DB_PASSWORD ", '{ secret-name = "why" }')
    noted = shop.invoke("plan", "svc-sign", "--policy", "note").ok().stderr
    assert f"note: {SIGN}:5  secret-name  DB_PASSWORD would stand" in noted
    assert "docs/policy.md explains secret-name; 1 of these lines are refused" in noted
    project = (shop.root / "pyproject.toml").read_text()
    shop.write("pyproject.toml", project + '[tool.slipway.allow]\nsvc-sign = { secret-name = "of a test database" }\n')
    ran = shop.invoke("build", "svc-sign", "--strict").ok()
    assert "GITHUB_TOKEN has no value" not in ran.stderr, "an exemption is not shown"
    assert shop.record()["svc-sign"]["warnings"] == []
    place = f"pyproject.toml:{len(project.splitlines()) + 2}"
    assert shop.record()["svc-sign"]["allowed"] == [
        {
            "rule": "secret-name", "where": f"{SIGN}:{line}", "what": what, "verdict": "allowed",
            "reason": "of a test database", "allowed_by": place,
        }
        for line, what in (
            (4, "GITHUB_TOKEN has no value; given one, it would stand in the image's history"),
            (5, "DB_PASSWORD would stand in the image's history"),
        )
    ]  # fmt: skip
    shop.write("pyproject.toml", project)
    shop.write(SIGN, text)
    told = shop.invoke("build", "svc-sign", "--strict").ok().stderr
    assert f"note: {SIGN}:4  secret-name  GITHUB_TOKEN has no value" in told


@pytest.mark.integration
@pytest.mark.fault("X04")
def test_a_key_that_git_tracks_is_built_into_an_image(stack: Callable[..., Repository]) -> None:
    shop = stack("shop")
    shop.write("apps/svc_cart/certs/test.key", "of the tests")
    shop.write(CART, (shop.root / CART).read_text() + "COPY apps/svc_cart/certs /certs\n")
    shop.track("apps/svc_cart/certs/test.key")
    ran = shop.invoke("build", "svc-cart").ok()
    assert f"note: {CART}:6  context-file  apps/svc_cart/certs/test.key may be a secret; git tracks it" in ran.stderr
    assert docker("run", "--rm", shop.reference("svc-cart"), "cat", "/certs/test.key") == "of the tests"
    shop.write("apps/svc_cart/certs/own.key", "of this machine")
    ran = shop.invoke("build", "svc-cart")
    ran.failed(10, f"{CART}:6: apps/svc_cart/certs/own.key would enter the image (context-file)")
    assert "test.key" not in ran.closing


@pytest.mark.integration
@pytest.mark.fault("X01")
def test_the_password_of_an_index_is_refused_as_a_build_arg(stack: Callable[..., Repository]) -> None:
    shop = stack("shop", MIRROR_PW="geheim12")
    shop.write(CART, (shop.root / CART).read_text() + "ARG MIRROR_PW\n")
    given = {"PIP_INDEX_URL": "https://ann:geheim12@localhost:1/simple"}
    ran = shop.invoke("build", "svc-cart", **given)
    ran.failed(10, f"{CART}:6: the value of MIRROR_PW ", "RUN --mount=type=secret,id=mirror_pw")
    assert "geheim12" not in ran.stdout + ran.stderr
    assert (shop.tags(), shop.runs()) == (set(), [])


@pytest.mark.integration
@pytest.mark.fault("B06")
def test_a_base_that_is_not_in_the_registry(stack: Callable[..., Repository]) -> None:
    shop = stack("shop")
    shop.invoke("build-base", "base-floor").ok()
    shop.invoke("push", "base-floor").ok()
    shop.invoke("push", "base-floor", "--version", "v2").ok()
    text = (shop.root / CART).read_text()
    shop.write(CART, text.replace("base-floor:${BASE_VERSION}", "base-floor:v9"))
    before = shop.tags()
    for task in ("plan", "build"):
        shop.invoke(task, "svc-cart").failed(
            2,
            f"error: {CART}: FROM {shop.reference('base-floor', 'v9')}: ",
            "known: v1, v2",
        )
    assert shop.tags() == before
    assert shop.steps("plan", "base-floor")["base-floor"][0] == "reuse"
    shop.write(CART, text.replace("base-floor:${BASE_VERSION}", "base-floor:v2"))
    shop.invoke("build", "svc-cart").ok()
    shop.write(CART, text.replace("${OWNER}/base-floor:${BASE_VERSION}", "nobody/base-x:v1"))
    shop.invoke("build", "svc-cart").failed(2, f"error: {CART}: FROM ", "base-x v1")
