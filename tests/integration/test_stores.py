"""An engine's classic image store and containerd's: the same said of the same image, and what ids are good for."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slipway.smoke.image_archive import ArchiveStream
from slipway.smoke.layer_cache import LayerCache
from slipway.testing.bench import Bench
from tests.rig.stacks import MANIFESTS

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.both_stores]
NAMES = {"classic": "classic image store", "containerd": "containerd's image store"}


def manifest_of(shop: Repository, name: str) -> dict[str, Any]:
    """Return the digest of the version tag in the registry."""
    url = f"http://{shop.settings['REGISTRY']}/v2/{shop.settings['OWNER']}/{name}/manifests/v1"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFESTS}), timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


@pytest.mark.fault("P44")
def test_a_push_has_lost_no_reply_and_its_images_have_one_size(
    stack: Stack, store: str, cli: Callable[..., str]
) -> None:
    shop = stack("shop")
    shop.invoke("build").ok()
    built = shop.record()
    listed = {entry["image"]: entry["bytes"] for entry in shop.json("images")}
    ran = shop.invoke("push").ok()
    pushed = shop.record()
    assert "lost" not in ran.stdout + ran.stderr
    for name, entry in pushed.items():
        assert (entry["status"], entry["reason"], entry["image_digest"]) == (
            "pushed",
            f"v1 is {entry['image_digest'][:19]}",
            shop.published(name),
        )
        history = cli("history", "--human=false", "--format", "{{.Size}}", entry["reference"]).split()
        size = sum(map(int, history))
        assert (listed[name], built[name]["size"], entry["size"]) == (size, size, size), name
        assert (shop.image_id(entry["reference"]) == shop.published(name)) is (store == "containerd")
        assert "config" in manifest_of(shop, name), "one platform gives one manifest, without attestations"


@pytest.mark.fault("P70")
def test_several_platforms_need_containerd_s_store(stack: Stack, store: str) -> None:
    shop = stack("shop", PLATFORMS="linux/amd64,linux/arm64")
    ran = shop.invoke("build", "svc-sign", "push", "svc-sign")
    if store == "classic":
        ran.failed(3, "classic image store", "docs/platforms.md")
        assert shop.tags() == set() and not shop.runs()
        return
    ran.ok()
    members = manifest_of(shop, "svc-sign")["manifests"]
    assert [(each["platform"]["os"], each["platform"]["architecture"]) for each in members] == [
        ("linux", "amd64"),
        ("linux", "arm64"),
    ]
    assert shop.image_id(shop.reference("svc-sign")) == shop.published("svc-sign")
    assert {action for action, _ in shop.steps("plan", "svc-sign").values()} == {"reuse"}


def test_the_layers_of_images_on_one_base_come_in_one_stream(stack: Stack, engine_client: Any, tmp_path: Path) -> None:
    shop = stack("shop")
    shop.invoke("build").ok()
    images = {name: shop.reference(name) for name in ("svc-till", "svc-cart")}
    bench = Bench(engine_client, "", tmp_path, images, cache=LayerCache(tmp_path))
    till, cart = map(bench.sibling, images)

    def save() -> ArchiveStream:
        raise AssertionError("its layers were read with those of svc-till")

    read = [till.layers(), LayerCache(tmp_path).layers(cart.chain, save)]
    assert [tuple(layer.name for layer in layers) for layers in read] == [till.chain, cart.chain]
    files = [{path for layer in layers for path in layer.paths} for layers in read]
    of_each = [{"floor.txt", "shop/total.txt", "shop/cart.txt"} & paths for paths in files]
    assert of_each == [{"floor.txt", "shop/total.txt"}, {"floor.txt", "shop/cart.txt"}]


def test_the_store_is_named(stack: Stack, store: str, build_host: BuildHost) -> None:
    shop = stack("shop")
    shop.configure(**build_host.settings)
    here = json.loads(shop.invoke("doctor", "--json").stdout)
    there = shop.json("remote-check")["checks"]
    for checks in (here, there):
        details = [check["detail"] for check in checks if check["name"] == "engine"]
        assert [f", {NAMES[store]} on overlay" in detail for detail in details] == [True], details
