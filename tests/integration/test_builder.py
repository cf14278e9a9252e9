"""BUILDER: another BuildKit than the engine's own, which sees none of its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.builders import Builder
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
SHOP = {"base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign"}


def test_a_named_builder_builds_and_the_engine_gets_the_images(stack: Stack, builder: Builder) -> None:
    shop = stack("shop", BUILDER=builder.name)
    before = builder.asked
    shop.invoke("build").ok()
    assert builder.asked > before
    assert shop.status() == dict.fromkeys(SHOP, "built") and {f"{name}:v1" for name in SHOP} <= shop.tags()
    assert len(shop.bakes()) == 1, "it cannot see what an earlier wave left in the engine"
    assert {action for action, _ in shop.steps().values()} == {"reuse"}


def test_a_separate_builder_builds_on_a_base_that_only_the_engine_has(stack: Stack, builder: Builder) -> None:
    """It was not pushed, so that builder cannot pull it."""
    shop = stack("shop")
    shop.invoke("build").ok()
    floor = shop.image_id(shop.reference("base-counter"))
    shop.configure(BUILDER=builder.name)
    shop.write("apps/svc_till/till.txt", "another till\n")
    shop.invoke("build").ok()
    assert shop.status()["svc-till"] == "built" and shop.status()["base-counter"] == "reused"
    assert shop.image_id(shop.reference("base-counter")) == floor, "what is here is left as it is"


def test_a_builder_that_is_not_there(stack: Stack) -> None:
    shop = stack("shop", BUILDER="nobody-knows-it")
    shop.invoke("build").failed(6, 'no builder "nobody-knows-it" found')
    assert shop.tags() == set()


#: An unreachable BuildKit, made the builder in use.
_DEAD = ("buildx", "create", "--driver", "remote", "--use", "--name")


@pytest.mark.fault("C41")
@pytest.mark.parametrize("chosen", ["buildx use", "BUILDX_BUILDER"])
def test_without_builder_the_engines_own_builds(
    stack: Stack, cli: Callable[..., str], chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child finds its base: both are in the engine."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    cli(*_DEAD, "dead", "tcp://127.0.0.1:1")
    if chosen == "BUILDX_BUILDER":
        cli("buildx", "use", "default")
        monkeypatch.setenv("BUILDX_BUILDER", "dead")
    assert "dead" in cli("buildx", "inspect").splitlines()[0]
    shop = stack("shop")
    shop.invoke("build", "svc-cart").ok()
    assert shop.status() == {"base-floor": "built", "svc-cart": "built"}
    rows = [line.split() for line in shop.invoke("config").ok().stdout.splitlines()]
    assert ["BUILDER", "default", "the", "engine's", "own"] in rows


@pytest.mark.fault("C41")
def test_so_it_is_on_the_build_host(stack: Stack, build_host: BuildHost) -> None:
    build_host.sh(f"docker {' '.join(_DEAD)} dead tcp://127.0.0.1:1", user="builder")
    try:
        shop = stack("shop", **build_host.settings)
        shop.invoke("build", "svc-cart", "--remote").ok()
        assert shop.status() == {"base-floor": "built", "svc-cart": "built"}
        assert "the engine's own builder is default" in shop.invoke("remote-check").ok().stdout
    finally:
        build_host.sh("docker buildx rm dead", user="builder")
