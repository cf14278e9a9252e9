"""The client, the link and the host fail at random moments; then nothing is left over, and the next build is right."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
#: About as long as such a build takes.
_LONGEST = 1.2


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost) -> Iterator[Repository]:
    made = stack("shop")
    made.configure(**build_host.settings)
    made.invoke("build", "--remote").ok()
    yield made
    made.invoke("remote-clean", "--yes")


def runs_of(shop: Repository) -> str:
    """The folders there of its runs, as a pattern."""
    return f"/var/tmp/slipway/builder/{shop.settings['OWNER']}-*/runs/*"


def at_random(shop: Repository, host: BuildHost, until: Until, turn: int, strike: Callable[..., None]) -> None:
    """Edit, build, strike at some moment; then the next build's image holds the edit, and nothing is left there."""
    shop.write("apps/svc_cart/cart.txt", f"cart {turn}\n")
    chance = random.Random(turn)
    with shop.start("build", "svc-cart", "--remote") as process:
        time.sleep(chance.uniform(0.1, _LONGEST))
        strike(process)
        process.communicate(timeout=120)
    shop.invoke("build", "svc-cart", "--remote").ok()
    assert host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /shop/cart.txt") == f"cart {turn}"
    until(lambda: "buildx bake" not in host.processes(), "the end of every bake", 60)
    until(lambda: "rsync --server" not in host.processes(), "the end of every rsync", 60)
    assert host.sh(f"ls -d {runs_of(shop)}/secrets 2>/dev/null || true") == ""
    assert int(host.sh(f"ls -d {runs_of(shop)} | wc -l")) <= 5, "older runs go"


def killed(process: object) -> None:
    process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined]


def interrupted(process: object) -> None:
    process.send_signal(signal.SIGINT)  # type: ignore[attr-defined]


@pytest.mark.fault("S09")
@pytest.mark.parametrize("strike", [killed, interrupted])
def test_the_client_ends_at_random(
    shop: Repository, build_host: BuildHost, until: Until, strike: Callable[..., None]
) -> None:
    for turn in range(4):
        at_random(shop, build_host, until, turn, strike)


@pytest.mark.soak
@pytest.mark.parametrize("strike", [killed, interrupted])
def test_the_client_ends_at_random_fifty_times(
    shop: Repository, build_host: BuildHost, until: Until, strike: Callable[..., None]
) -> None:
    for turn in range(50):
        at_random(shop, build_host, until, turn, strike)


def cut_at_random(shop: Repository, host: BuildHost, until: Until, turns: int) -> None:
    struck: list[bool] = []
    for turn in range(turns):
        at_random(shop, host, until, turn, lambda process: struck.append(host.cut()))
    assert sum(struck) > turns / 3, f"the link was up at {sum(struck)} of {turns} moments"


@pytest.mark.fault("S08", "S10")
def test_the_link_is_cut_at_random(shop: Repository, build_host: BuildHost, until: Until) -> None:
    cut_at_random(shop, build_host, until, 4)


@pytest.mark.soak
def test_the_link_is_cut_at_random_fifty_times(shop: Repository, build_host: BuildHost, until: Until) -> None:
    cut_at_random(shop, build_host, until, 50)
