"""Test the running service: its key, its closed file system, and the tools that stayed in the builder."""

from __future__ import annotations

import json
import re

import pytest

from slipway.core.errors import SmokeError
from slipway.testing.plugin import BuiltImage, Container, Stack

KEY = "smoke-0123456789abcdef"
pytestmark = pytest.mark.slipway(env={"API_KEY": KEY})


def test_it_says_hello(container: Container) -> None:
    assert container.get("/").json() == {"message": "こんにちは"}
    assert container.get("/health").json()["ready"] is True


def test_the_key_opens_inspect(container: Container, image: BuiltImage) -> None:
    reply = container.get("/inspect", headers={"Authorization": f"Bearer {KEY}"})
    told = reply.json()
    assert (reply.status_code, told["user"], told["group"]) == (200, 10001, 10001)
    assert {"amd64": "x86_64", "arm64": "aarch64"}[image.architecture] == told["architecture"]
    assert KEY not in reply.text


@pytest.mark.parametrize(
    ("sent", "challenge"),
    [({}, "Bearer"), ({"Authorization": "Bearer wrong"}, 'Bearer error="invalid_token"')],
)
def test_inspect_stays_closed_without_the_key(container: Container, sent: dict[str, str], challenge: str) -> None:
    refused = container.get("/inspect", headers=sent)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, challenge)


def test_it_refuses_to_start_without_a_key(stack: Stack) -> None:
    with pytest.raises(SmokeError, match="API_KEY: Field required"):
        stack.start("svc-konnichiwa")


def test_neither_poetry_nor_a_compiler_is_in_the_image(container: Container) -> None:
    told = container.get("/inspect", headers={"Authorization": f"Bearer {KEY}"}).json()
    assert not {name for name in told["packages"] if re.match("poetry|uv$", name.lower())}
    tools = ["as", "c++", "cc", "clang", "g++", "gcc", "ld", "make", "poetry", "uv"]
    program = f"import json, shutil; print(json.dumps([tool for tool in {tools} if shutil.which(tool)]))"
    assert json.loads(container.exec("python", "-c", program).output) == []


def test_its_user_may_change_nothing(container: Container) -> None:
    """Search by owner and mode. On a read-only root file system ``find -writable`` finds nothing in any case."""
    owned = ["(", "-user", "10001", "-o", "-group", "10001", "-o", "-perm", "-o+w", ")"]
    found = container.exec("find", "/", "-xdev", *owned, "-not", "-type", "l", "-not", "-perm", "-1000").output
    assert [line for line in found.splitlines() if "Permission denied" not in line] == []
    assert "Read-only file system" in container.exec("touch", "/app/new").output


def test_nothing_of_the_build_is_left(image: BuiltImage) -> None:
    assert not any("index" in entry["CreatedBy"] or "://" in entry["CreatedBy"] for entry in image.history)
    assert not [path for layer in image.layers() for path in layer.paths if re.search("uv.toml|poetry.lock", path)]
