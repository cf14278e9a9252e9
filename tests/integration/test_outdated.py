"""Root images that move in their registry, and images.lock, with a real engine and registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.outside import LABEL, docker
from tests.rig.registries import a_registry

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Floor:
    """A shop whose floor stands on ``root``, an image of the test's own that holds a word."""

    shop: Repository
    root_image: str
    root: str

    def publish(self, word: str) -> str:
        """Push a root image that holds ``word``. Return its digest; the engine keeps neither tag nor image."""
        text = f"FROM {self.root_image}\nLABEL {LABEL} word={word}\nRUN echo {word} > /word\n"
        docker("buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", self.root, "-", stdin=text)
        pushed = re.search(r"digest: (sha256:[0-9a-f]{64})", docker("push", self.root))
        assert pushed
        self.forget()
        return pushed[1]

    def forget(self) -> None:
        repository = self.root.rpartition(":")[0]
        if held := docker("image", "ls", "--quiet", "--filter", f"reference={repository}"):
            docker("image", "rm", "--force", *set(held.split()))

    @property
    def word(self) -> str:
        """Return the word in the built floor."""
        return docker("run", "--rm", self.shop.reference("base-floor"), "cat", "/word")


@pytest.fixture
def floor(stack: Stack, root_image: str) -> Iterator[Floor]:
    shop = stack("shop")
    shop.configure(PYTHON_IMAGE=f"{shop.prefix}/root:1")
    made = Floor(shop, root_image, shop.reference("root", "1"))
    yield made
    made.forget()


@pytest.mark.both_stores
@pytest.mark.fault("U01")
def test_a_build_takes_the_locked_root_image_until_an_update(floor: Floor) -> None:
    shop = floor.shop
    first = floor.publish("first")
    shown = shop.invoke("base.outdated", "--update", "--dry-run").ok().stdout
    assert f'+"{floor.root}" = "{first}"' in shown and not (shop.root / "images.lock").exists()
    assert shop.invoke("base.outdated", "--update").ok().stdout == shown
    assert f'"{floor.root}" = "{first}"' in (shop.root / "images.lock").read_text()

    second = floor.publish("second")
    shop.invoke("build", "base-floor").ok()
    assert floor.word == "first", "the tag moved in the registry, and the build took the locked digest"
    (row,) = shop.json("base.outdated")["roots"]
    assert (row["state"], row["locked"], row["found"]) == ("moved", first, second)
    assert set(row["images"]) == {"base-floor", "base-counter", "svc-cart", "svc-till"}
    assert row["bytes"] > 0
    shop.invoke("base.check").failed(10, first, second)

    docker("pull", "--quiet", floor.root)
    for task in ("plan", "build"):
        shop.invoke(task).failed(10, first, second, "invoke base-outdated --update")
    assert floor.word == "first"

    shop.invoke("base-outdated", "--update").ok()
    reason = shop.steps("plan", "base-floor")["base-floor"]
    assert reason[0] == "build" and floor.root in reason[1]
    shop.invoke("build", "base-floor").ok()
    assert floor.word == "second"
    assert shop.invoke("base.check").ok()


@pytest.mark.fault("U02")
def test_a_locked_digest_that_its_registry_no_longer_has(floor: Floor) -> None:
    shop = floor.shop
    present, lost = floor.publish("present"), f"sha256:{'ab' * 32}"
    shop.write("images.lock", f'"{floor.root}" = "{lost}"\n')
    ended = shop.invoke("build", "base-floor", "--json").failed(7, floor.root, lost, "invoke base-outdated --update")
    assert ended.codes == ["root-gone"]
    shop.invoke("base-outdated", "--update").ok()
    assert present in (shop.root / "images.lock").read_text()
    shop.invoke("build", "base-floor").ok()
    assert floor.word == "present"


@pytest.mark.fault("U02")
def test_a_mirror_serves_a_root_image_whose_registry_is_gone(floor: Floor) -> None:
    shop = floor.shop
    shop.write("pyproject.toml", f"{(shop.root / 'pyproject.toml').read_text()}mirror-roots = true\n")
    with a_registry({}) as (elsewhere, _):
        outside = replace(floor, root=f"{elsewhere}/{shop.settings['OWNER']}/root:1")
        digest = outside.publish("kept")
        shop.configure(PYTHON_IMAGE=outside.root)
        assert "copied" in shop.invoke("base-outdated", "--update").ok().stderr
        assert "copied" not in shop.invoke("base-outdated", "--update").ok().stderr
    shop.invoke("build", "base-floor").ok()
    assert floor.word == "kept"
    assert f'"{outside.root}" = "{digest}"' in (shop.root / "images.lock").read_text()
    mirrored = f"roots/{elsewhere.replace(':', '-')}/{shop.settings['OWNER']}/root"
    assert shop.published(mirrored, f"locked-{digest[7:19]}") == digest
    outside.forget()


@pytest.mark.fault("U09")
def test_a_frontend_is_locked_and_buildkit_takes_this_very_one(floor: Floor) -> None:
    """The image is not a frontend: BuildKit names the digest that it ran, and ends."""
    shop, given = floor.shop, Path("infra/docker/base-floor.Dockerfile")
    digest = floor.publish("frontend")
    shop.write(f"{given}", f"# syntax={floor.root}\n{(shop.root / given).read_text()}")
    shop.configure(PYTHON_IMAGE=floor.root_image)
    shop.invoke("plan", "base-floor").failed(10, "is not pinned by digest")
    shop.write("images.lock", f'"{floor.root}" = "{digest}"\n')
    floor.publish("another")
    shop.invoke("plan", "base-floor").ok()
    shop.invoke("build", "base-floor").failed(6, "base-floor")
    assert digest in "".join(file.read_text() for file in shop.runs()[-1].glob("*.log"))
