"""Repositories of every form that slipway adopts: it builds the same images as their own commands build.

Each sample of tests/stacks without a tasks.py is built twice: by ``slipway``, installed from the wheel, and by the
repository itself: ``docker build``, ``docker compose build`` or ``docker buildx bake``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.plan.adopted import ADOPTED, PLANS
from tests.rig.layers import SavedImage, saved_images
from tests.rig.outside import docker
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.adopted import Adopted

    Adopt = Callable[[str], Adopted]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("wheel")]
#: ``slipway init`` alone adopts these. The others build several images of one Dockerfile, and init asks which.
BY_INIT = set(ADOPTED) - {"argued", "staged"}


def golden(name: str) -> dict[str, Any]:
    return dict(json.loads((PLANS / f"{name}.json").read_text("utf-8")))


def tag_roots(sample: Adopted, plan: dict[str, Any], root_image: str) -> None:
    """Give the engine the published images on which the sample stands, under the sample's own owner."""
    roots = {root for image in plan["images"].values() for root in image.get("roots", ()) if root.startswith("acme/")}
    for root in roots:
        docker("tag", root_image, sample.named(root))


def steps(sample: Adopted) -> dict[str, dict[str, str]]:
    """Return the step of each image in ``slipway plan``."""
    return {step["image"]: step for step in sample.json("plan")["steps"]}


def both(sample: Adopted, planned: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[SavedImage, SavedImage]]:
    """Return each image as slipway built it, and as the repository's own command built it. ``planned``: the steps."""
    references = {name: step["reference"] for name, step in planned.items()}
    saved = saved_images([*references.values(), *map(sample.plain, references.values())])
    return {name: (saved[ours], saved[sample.plain(ours)]) for name, ours in references.items()}


@pytest.mark.parametrize("name", ADOPTED)
def test_slipway_builds_the_images_that_the_repository_builds(adopted: Adopt, root_image: str, name: str) -> None:
    sample, plan = adopted(name), golden(name)
    tag_roots(sample, plan, root_image)
    sample.init(alone=name in BY_INIT)
    sample.make()
    planned = steps(sample)
    references = {step["reference"] for step in planned.values()}
    assert references >= {sample.named(image["reference"]) for image in plan["images"].values()}
    assert len(planned) == len(plan["images"]) + len(plan["faults"])
    sample.invoke("build").ok()
    assert sample.status() == dict.fromkeys(planned, "built")
    sample.build_plainly()
    for image, (ours, theirs) in both(sample, planned).items():
        assert (image, ours.platform, ours.config) == (image, theirs.platform, theirs.config)
        assert ours.layers == theirs.layers, image


def test_a_changed_file_changes_the_images_that_read_it(adopted: Adopt) -> None:
    """Their digests change, and they alone differ from the images that the repository built before the change."""
    sample = adopted("nearest")
    sample.build_plainly()
    before = steps(sample)
    sample.write("requirements.txt", "another\n")
    after = steps(sample)
    changed = {name for name in before if before[name]["input_digest"] != after[name]["input_digest"]}
    sample.invoke("build").ok()
    different = {name for name, (ours, theirs) in both(sample, after).items() if ours.layers != theirs.layers}
    assert different == changed == {"docs", "tools"}


@SMOKE
def test_an_image_that_knows_nothing_of_slipway_is_smoke_tested(adopted: Adopt) -> None:
    sample = adopted("staged")
    sample.invoke("build", "server").ok()
    (report,) = sample.json("smoke", "server")["images"]
    assert (report["name"], report["failed"], report["health"]) == ("server", 0, "job: ended with 0")
    assert report["passed"] > 5
