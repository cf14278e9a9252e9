"""How images that were built are compared with their plan, and what happens to those that must not be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from slipway.build.progress import Failure
from slipway.build.verify import inspect_images, is_made, mismatch, rejections, untag
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage, content_tag
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Step
from slipway.plan.reasons import NotBuilt
from slipway.testing.fakes import FakeEngine

ARM = dict.fromkeys(("svc-a", "svc-b", "svc-c"), ("linux/arm64",))


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
    step = Step("svc-ocr", Action.BUILD, NotBuilt(), reference, reference.tagged(content_tag(digest)), digest)
    held = tuple(str(reference.tagged(tag)) for tag in tags.split())
    planned = {INPUT_LABEL: digest, TITLE_LABEL: "svc-ocr"}
    image = LocalImage("sha256:1", held, labels=planned | labels, platform=platform)
    assert mismatch(step, image, ["linux/arm64"]).removeprefix("built, but ") == what
    missing = f"its label slipway.input is missing, not {digest}"
    assert mismatch(step, replace(image, labels={}), ["linux/arm64"]) == f"built, but {missing}"


def test_an_image_for_one_of_several_platforms_is_as_planned() -> None:
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, NotBuilt(), reference, reference.tagged("in-1"), "sha256:1")
    labels = {INPUT_LABEL: "sha256:1", TITLE_LABEL: "svc-ocr"}
    image = LocalImage("sha256:2", (str(reference),), labels=labels, platform="linux/arm64")
    assert mismatch(step, image, ["linux/amd64", "linux/arm64"]) == ""
    other = replace(image, platform="linux/arm64x")
    assert mismatch(step, other, ["linux/amd64", "linux/arm64"]) == (
        "built, but its platform is linux/arm64x, not linux/amd64 or linux/arm64"
    )


def test_an_index_is_as_planned_with_all_platforms() -> None:
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, NotBuilt(), reference, reference.tagged("in-1"), "sha256:1")
    labels = {INPUT_LABEL: "sha256:1", TITLE_LABEL: "svc-ocr"}
    image = LocalImage("sha256:2", (str(reference),), labels=labels, platform="linux/amd64", platforms=("linux/amd64",))
    assert mismatch(step, image, ["linux/amd64", "linux/arm64"]) == "built, but not for linux/arm64"
    assert (
        mismatch(step, replace(image, platforms=("linux/amd64", "linux/arm64")), ["linux/amd64", "linux/arm64"]) == ""
    )


@pytest.mark.fault("B17")
def test_an_image_that_is_missing_from_the_engine_is_not_as_planned() -> None:
    reference = Reference("localhost:5000", "acme/svc-ocr", "v1")
    step = Step("svc-ocr", Action.BUILD, NotBuilt(), reference, reference.tagged("in-1"), "sha256:1")
    assert mismatch(step, None, ["linux/arm64"]) == "built, but in-1 is not in the engine"


def planned(name: str, *, no_cache: bool = False) -> Step:
    reference = Reference("localhost:5000", f"acme/{name}", "v1")
    return Step(name, Action.BUILD, NotBuilt(), reference, reference.tagged("in-1"), "sha256:1", no_cache)


def built(step: Step, *, digest: str = "sha256:1", tags: tuple[Reference, ...] = ()) -> LocalImage:
    labels = {INPUT_LABEL: digest, TITLE_LABEL: step.image}
    held = tuple(str(tag) for tag in tags or (step.reference, step.content))
    return LocalImage(f"sha256:{step.image}", held, labels=labels, platform="linux/arm64")


A, B, C = planned("svc-a"), planned("svc-b"), planned("svc-c")
FOUND = {str(step.content): built(step) for step in (A, B, C)}


def unchanged(names: Sequence[str]) -> Mapping[str, str]:
    return {}


def test_images_as_planned_are_kept() -> None:
    asked: list[Sequence[str]] = []

    def changed(names: Sequence[str]) -> Mapping[str, str]:
        asked.append(names)
        return {}

    assert rejections([A, B], FOUND, ARM, changed, {"svc-a": ["Rule: x"]}, strict=False) == {}
    assert asked == [["svc-a", "svc-b"]]


def test_an_image_is_rejected_for_its_first_cause() -> None:
    """A mismatch comes before a change of inputs, and that before a warning. No second try would end otherwise."""
    found = {**FOUND, str(A.content): built(A, digest="sha256:2")}
    warned = dict.fromkeys(("svc-a", "svc-b", "svc-c"), ("Rule: x (line 1)", "Rule: y (line 2)"))
    asked: list[str] = []

    def changed(names: Sequence[str]) -> Mapping[str, str]:
        asked.extend(names)
        return {"svc-b": "main.py changed"}

    assert rejections([A, B, C], found, ARM, changed, warned, strict=True) == {
        "svc-a": Failure("", "built, but its label slipway.input is sha256:2, not sha256:1", final=True),
        "svc-b": Failure("", "main.py changed while it was built", final=True),
        "svc-c": Failure("", "Rule: x (line 1) (+1 more)", final=True),
    }
    assert asked == ["svc-b", "svc-c"], "an image that differs from its plan needs no second cause"


def test_a_secret_in_a_dockerfile_is_rejected_without_strict() -> None:
    text = "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (line 5)"
    warned = {"svc-a": ("Rule: x", text), "svc-b": ("Rule: x",)}
    found = rejections([A, B], FOUND, ARM, unchanged, warned, strict=False)
    assert found == {"svc-a": Failure("", text, final=True)}


def test_an_image_is_made_when_buildx_reports_it_or_the_engine_has_it_with_these_inputs() -> None:
    assert is_made(A, ["svc-a"], {})
    assert is_made(A, [], FOUND)
    assert not is_made(A, ["svc-b"], {})
    assert not is_made(A, [], {str(A.content): built(A, digest="sha256:2")})


@pytest.mark.fault("B08")
def test_an_image_that_was_there_before_a_build_without_cache_proves_nothing() -> None:
    assert not is_made(planned("svc-a", no_cache=True), [], FOUND)
    assert is_made(planned("svc-a", no_cache=True), ["svc-a"], FOUND)


def test_an_image_loses_its_tags_and_another_image_keeps_its_own() -> None:
    held, other = built(A, tags=(A.content,)), LocalImage("sha256:other", (str(A.reference), str(B.reference)))
    engine = FakeEngine([held, other])
    untag([A, B], {str(A.content): held}, engine)
    assert [call for call in engine.calls if call[0] == "untag"] == [("untag", str(A.content))]


def test_only_references_that_the_engine_has_are_found() -> None:
    engine = FakeEngine([built(A)])
    assert list(inspect_images(engine, [str(A.content), str(B.content)])) == [str(A.content)]
