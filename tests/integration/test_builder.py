"""BUILDER: another BuildKit than the engine's own, which sees none of its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.builders import Builder
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


def test_a_base_that_is_in_the_engine_alone_is_no_obstacle(stack: Stack, builder: Builder) -> None:
    """Nobody pushed it, so that builder cannot pull it."""
    shop = stack("shop")
    shop.invoke("build").ok()
    floor = shop.image_id(shop.reference("base-counter"))
    shop.configure(BUILDER=builder.name)
    shop.write("apps/svc_till/till.txt", "another till\n")
    shop.invoke("build").ok()
    assert shop.status()["svc-till"] == "built" and shop.status()["base-counter"] == "reused"
    assert shop.image_id(shop.reference("base-counter")) == floor, "what is here is left as it is"


def test_a_builder_that_is_not_there(stack: Stack, builder: Builder) -> None:
    shop = stack("shop", BUILDER="nobody-knows-it")
    shop.invoke("build").failed(6, 'no builder "nobody-knows-it" found')
    assert shop.tags() == set()
