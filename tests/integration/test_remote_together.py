"""Several builds on one build host at the same time: each run has its own tree and its own image."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("another build host")]


def build_together(one: Repository, other: Repository, host: BuildHost, turn: int) -> None:
    """Both are of one owner and differ in bytes alone: equal paths, and files of equal size."""
    shops = {"one": one, "two": other}
    for said, shop in shops.items():
        shop.write("apps/svc_cart/cart.txt", f"{said} {turn:04}\n")
        shop.configure(BASE_VERSION=said)
    with ThreadPoolExecutor() as pool:
        for ran in pool.map(lambda shop: shop.invoke("build", "svc-cart", "--remote"), shops.values()):
            ran.ok()
    for said, shop in shops.items():
        image = shop.reference("svc-cart", said)
        assert host.sh(f"docker run --rm {image} cat /shop/cart.txt") == f"{said} {turn:04}"
        assert shop.record()["svc-cart"]["status"] == "built"


@pytest.fixture
def shops(stack: Stack, build_host: BuildHost) -> tuple[Repository, Repository]:
    one, other = stack("shop"), stack("shop")
    for shop in (one, other):
        shop.configure(**build_host.settings, OWNER=one.settings["OWNER"])
    return one, other


@pytest.mark.fault("S18")
def test_two_clients_build_side_by_side(shops: tuple[Repository, Repository], build_host: BuildHost) -> None:
    for turn in range(3):
        build_together(*shops, build_host, turn)


@pytest.mark.soak
def test_two_clients_build_side_by_side_thirty_times(
    shops: tuple[Repository, Repository], build_host: BuildHost
) -> None:
    for turn in range(30):
        build_together(*shops, build_host, turn)
