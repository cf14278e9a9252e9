"""Bases whose files change: the check finds them, and a new version publishes them, with the real parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration

BASES = ("base-floor", "base-counter")


@pytest.mark.fault("P20")
def test_a_changed_base_gets_a_new_version(stack: Stack) -> None:
    shop = stack("shop", BASE_VERSION="v1.0.0")
    for file in shop.root.glob("*/*/*ockerfile"):
        file.write_text(file.read_text().replace("BASE_VERSION=v1\n", "BASE_VERSION=v1.0.0\n"))
    shop.invoke("build", "push").ok()
    assert shop.invoke("base.check").ok().stdout.count("as published") == 2
    first = {name: shop.published(name, "v1.0.0") for name in BASES}

    shop.write("libs/floor.txt", "polished\n")
    lines = [f"{BASES[0]}: libs/floor.txt changed", f"{BASES[1]}: parent {BASES[0]} changed"]
    shop.invoke("base.check").failed(10, *lines)
    shutil.rmtree(shop.root / ".slipway")
    found = json.loads(shop.invoke("base-check", "--json").failed(10).stdout)
    assert [(one["image"], one["state"]) for one in found["bases"]] == [(name, "changed") for name in BASES]

    env, till = (shop.root / ".env").read_text(), (shop.root / "apps/svc_till/Dockerfile").read_text()
    shop.invoke("base.bump", "v1.0.0").failed(2, "does not rise")
    shown = shop.invoke("base.bump", "minor", "--dry-run").ok().stdout
    assert "+BASE_VERSION=v1.1.0" in shown and (shop.root / ".env").read_text() == env
    written = shop.invoke("base.bump", "minor").ok().stdout
    assert written == shown
    assert (shop.root / ".env").read_text() == env.replace("v1.0.0", "v1.1.0")
    assert (shop.root / "apps/svc_till/Dockerfile").read_text() == till.replace("v1.0.0", "v1.1.0")

    assert shop.invoke("base.check").ok().stdout.count("not published") == 2
    shop.invoke("build", "push").ok()
    shop.invoke("base.check").ok()
    assert {name: shop.published(name, "v1.0.0") for name in BASES} == first
    assert not set(first.values()) & {shop.published(name, "v1.1.0") for name in BASES} - {""}

    shop.configure(BASE_VERSION="v1.0.9")
    taken = shop.invoke("base.bump", "v1.1.0", "--json").failed(10)
    assert taken.codes == ["version-taken"]
    assert shop.root.joinpath(".env").read_text().count("v1.0.9") == 1
