"""How an image that was built is compared with its plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.build.verify import mismatch
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage, Reference, content_tag
from slipway.plan.decide import Action, Step


@pytest.mark.fault("B17")
@pytest.mark.parametrize(
    ("labels", "tags", "platform", "what"),
    [
        ({}, "v1 in-aaaaaaaaaaaa", "linux/arm64", ""),
        ({}, "v1 in-aaaaaaaaaaaa", "linux/arm64/v8", ""),
        ({}, "v1 in-aaaaaaaaaaaa", "linux/arm", "its platform is linux/arm, not linux/arm64"),
        ({}, "in-aaaaaaaaaaaa", "linux/arm64", "v1 stands for another image"),
        ({INPUT_LABEL: "sha256:b"}, "v1", "linux/arm64", f"its label slipway.input is sha256:b, not sha256:{'a' * 64}"),
        ({TITLE_LABEL: "x"}, "v1", "linux/arm64", f"its label {TITLE_LABEL} is x, not svc-ocr"),
    ],
)
def test_an_image_that_differs_from_its_plan(labels: dict[str, str], tags: str, platform: str, what: str) -> None:
    digest = f"sha256:{'a' * 64}"
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, "", reference, reference.tagged(content_tag(digest)), digest)
    held = tuple(str(reference.tagged(tag)) for tag in tags.split())
    planned = {INPUT_LABEL: digest, TITLE_LABEL: "svc-ocr"}
    image = LocalImage("sha256:1", held, labels=planned | labels, platform=platform)
    assert mismatch(step, image, ["linux/arm64"]).removeprefix("built, but ") == what
    missing = f"its label slipway.input is missing, not {digest}"
    assert mismatch(step, replace(image, labels={}), ["linux/arm64"]) == f"built, but {missing}"


def test_an_image_for_one_of_several_platforms_is_as_planned() -> None:
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, "", reference, reference.tagged("in-1"), "sha256:1")
    labels = {INPUT_LABEL: "sha256:1", TITLE_LABEL: "svc-ocr"}
    image = LocalImage("sha256:2", (str(reference),), labels=labels, platform="linux/arm64")
    assert mismatch(step, image, ["linux/amd64", "linux/arm64"]) == ""
    other = replace(image, platform="linux/arm64x")
    assert mismatch(step, other, ["linux/amd64", "linux/arm64"]) == (
        "built, but its platform is linux/arm64x, not linux/amd64 or linux/arm64"
    )


@pytest.mark.fault("B17")
def test_an_image_that_is_missing_from_the_engine_is_not_as_planned() -> None:
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, "", reference, reference.tagged("in-1"), "sha256:1")
    assert mismatch(step, None, ["linux/arm64"]) == "built, but in-1 is not in the engine"
