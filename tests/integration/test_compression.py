"""COMPRESSION=zstd: the registry gets zstd layers, engines run them, and slipway's own readers read them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.rig.stacks import MANIFESTS
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.builders import Builder
    from tests.rig.relay import Relay
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.both_stores]
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MAGIC = b"\x28\xb5\x2f\xfd"
#: Two layers on the root image, whose only one stays as it is.
IMAGE = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY libs/bin /bin/
RUN mkdir /srv && for i in 1 2 3 4 5 6 7 8; do cat /bin/grep /bin/sed >> /srv/large; done
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["test", "-d", "/"]
CMD ["sleep", "infinity"]
"""


def asked(shop: Repository, name: str, path: str) -> bytes:
    """Return a manifest or a blob of the registry, as any client reads it."""
    url = f"http://{shop.settings['REGISTRY']}/v2/{shop.settings['OWNER']}/{name}/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFESTS}), timeout=10) as reply:
        body: bytes = reply.read()
        return body


def compressions(shop: Repository, name: str, tag: str = "v1") -> list[str]:
    """Return the form of each layer but that of the root image: ``zstd`` where its type and its bytes say so."""
    layers = json.loads(asked(shop, name, f"manifests/{tag}"))["layers"][1:]
    types = [layer["mediaType"].rpartition("tar")[2].lstrip("+.") for layer in layers]
    for layer, kind in zip(layers, types, strict=True):
        assert asked(shop, name, f"blobs/{layer['digest']}").startswith(MAGIC) is (kind == "zstd")
    return types


@SMOKE
@pytest.mark.fault("B55")
def test_zstd_layers_are_built_tested_pushed_and_run(
    stack: Stack, store: str, relay: Callable[..., Relay], registry: str, cli: Callable[..., str]
) -> None:
    between = relay("tcp", to=registry)
    harbour = stack("blank", COMPRESSION="zstd", REGISTRY=between.address)
    harbour.write_programs("libs/bin")
    harbour.write("libs/bin/own", harbour.settings["OWNER"])  # BuildKit may have other layers with gzip
    harbour.write("apps/svc_good/Dockerfile", IMAGE)
    if store == "classic":
        harbour.invoke("build").failed(3, "COMPRESSION=zstd", "docs/compression.md")
        assert harbour.tags() == set() and not harbour.runs()
        return
    plain = {step["image"]: step["input_digest"] for step in harbour.json("plan", COMPRESSION="gzip")["steps"]}
    assert {step["image"]: step["input_digest"] for step in harbour.json("plan")["steps"]} == plain
    harbour.invoke("build").ok()
    harbour.invoke("smoke").ok()
    packages = harbour.json("sbom", "svc-good")
    harbour.invoke("push").ok()
    assert compressions(harbour, "svc-good") == ["zstd", "zstd"]
    before, runs = harbour.published("svc-good"), harbour.runs()
    between.requests.clear()
    harbour.invoke("push").ok()
    assert not between.asked(r"(POST|PUT|PATCH|DELETE) /v2/") and harbour.runs() == runs
    assert harbour.published("svc-good") == before

    exact = f"{harbour.prefix}/svc-good@{before}"
    cli("rmi", "--force", *(f"{harbour.prefix}/{tag}" for tag in harbour.tags()))
    assert cli("run", "--rm", exact, "sh", "-c", "test -s /srv/large && id") == "10001"
    cli("rmi", "--force", exact)
    harbour.invoke("build").ok()
    assert harbour.status() == {"svc-good": "pulled"} and harbour.json("sbom", "svc-good") == packages


def own_layers(shop: Repository) -> None:
    """Give the base a first layer that no other test has: BuildKit keeps the compression of a layer that it knows."""
    shop.write("libs/own", shop.settings["OWNER"])
    base = shop.root / "infra/docker/base-floor.Dockerfile"
    shop.write("infra/docker/base-floor.Dockerfile", base.read_text().replace("COPY", "COPY libs/own /own\nCOPY", 1))


@pytest.mark.fault("B56")
def test_a_gzip_build_on_a_zstd_base_gets_no_version_tag_until_it_is_built_again(stack: Stack, store: str) -> None:
    shop = stack("shop")
    if store == "classic":
        shop.invoke("build", "base-floor", COMPRESSION="zstd").failed(3, "COMPRESSION=zstd")
        shop.invoke("build", "svc-cart", "push", "svc-cart").ok()
        return
    own_layers(shop)
    shop.invoke("build", "base-floor", COMPRESSION="zstd").ok()
    shop.invoke("build", "svc-cart", "push", "svc-cart").failed(7, "svc-cart", "COMPRESSION=zstd", "--no-cache")
    assert shop.published("svc-cart") == ""
    shop.invoke("build", "svc-cart", "--no-cache", "push", "svc-cart", COMPRESSION="zstd").ok()
    assert set(compressions(shop, "svc-cart")) == {"zstd"}


def test_a_builder_s_zstd_layers_reach_the_registry(stack: Stack, index_builder: Builder, store: str) -> None:
    shop = stack("shop", COMPRESSION="zstd", BUILDER=index_builder.name)
    shop.invoke("build").ok()
    early = shop.published("svc-till", shop.content("svc-till").rpartition(":")[2])
    assert bool(early) is (store == "classic"), "the builder stores it in the registry where the engine cannot hold it"
    shop.invoke("push").ok()
    for name in ("base-counter", "svc-till"):
        assert set(compressions(shop, name)) == {"zstd"}
        assert shop.image_id(shop.reference(name)) != ""
    assert {action for action, _ in shop.steps().values()} == {"reuse"}
