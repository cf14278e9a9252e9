"""Two checkouts with other contents, as on two machines, release one version at the same time to one registry."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
RELEASE = ("release", "--no-smoke", "--also", "latest")


@pytest.fixture
def checkouts(stack: Stack) -> tuple[Repository, Repository]:
    """Return two checkouts of one OWNER, whose images are built. No image of one has the content of the other."""
    one = stack("shop")
    two = stack("shop", OWNER=one.settings["OWNER"])
    for number, shop in enumerate((one, two)):
        shop.write("libs/floor.txt", f"floor {number}\n")
        shop.write("apps/svc_sign/sign.txt", f"sign {number}\n")
        shop.invoke("build").ok()
    return one, two


def recorded(shop: Repository, version: str, registry: str) -> dict[str, str]:
    """Return image → digest of the record in the registry, as any OCI client reads it."""
    home = f"http://{registry}/v2/{shop.settings['OWNER']}/releases"
    headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{home}/manifests/{version}", headers=headers)) as reply:
        (layer,) = json.load(reply)["layers"]
    with urllib.request.urlopen(f"{home}/blobs/{layer['digest']}", timeout=10) as reply:
        subjects = json.load(reply)["subject"]
    return {one["name"].rpartition("/")[2]: f"sha256:{one['digest']['sha256']}" for one in subjects}


def compete(checkouts: tuple[Repository, Repository], version: str, registry: str, stagger: float) -> int:
    """Start both releases, ``stagger`` seconds apart, and return the number of the winner."""
    releases = []
    for shop in checkouts:
        releases.append(shop.start(*RELEASE, "--version", version))
        time.sleep(stagger)
    said = ["\n".join(process.communicate(timeout=180)) for process in releases]
    codes = [process.returncode for process in releases]
    assert sorted(codes) == [0, 11], (stagger, codes, said)
    winner, loser = codes.index(0), codes.index(11)
    shop = checkouts[winner]
    first = shop.published("releases", version)
    assert f"releases:{version}: was written before, as {first}" in said[loser]
    found = recorded(shop, version, registry)
    own = {name: shop.published(name, shop.content(name).rpartition(":")[2]) for name in NAMES}
    assert found == own
    for tag in (version, "latest"):
        assert {name: shop.published(name, tag) for name in NAMES} == found
    return winner


@pytest.mark.fault("P45")
def test_of_two_releases_together_one_wins_and_the_other_names_it(
    checkouts: tuple[Repository, Repository], registry: str
) -> None:
    for number, stagger in enumerate((0.0, 0.4)):
        compete(checkouts, f"v{number + 2}", registry, stagger)
    checkouts[0].invoke("release.verify", "v3").ok()


@pytest.mark.soak
def test_of_two_releases_together_one_wins_in_each_of_many_rounds(
    checkouts: tuple[Repository, Repository], registry: str
) -> None:
    staggers = [step * 0.1 for step in range(15)] * 2
    winners = [compete(checkouts, f"v{number + 2}", registry, stagger) for number, stagger in enumerate(staggers)]
    print(f"{len(winners)} rounds: the first won {winners.count(0)}, the second {winners.count(1)}")
