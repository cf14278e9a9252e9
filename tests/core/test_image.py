"""The images of a stack and of the engine, and the labels on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.core.errors import UsageError
from slipway.core.image import INPUT_LABEL, RUN_LABEL, TITLE_LABEL, Image, LocalImage, Stack, content_tag
from slipway.core.reference import check_tag

DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_the_stack_knows_near_names() -> None:
    stack = Stack((Image("base-ml", "infra/docker/base-ml.Dockerfile"), Image("svc-ocr", "apps/svc_ocr/Dockerfile")))
    assert len(stack) == 2
    with pytest.raises(UsageError) as caught:
        stack["svc_ocr"]
    assert (caught.value.message, caught.value.hint) == (
        "svc_ocr: matches no image (2 known)",
        "did you mean svc-ocr?",
    )
    with pytest.raises(UsageError) as caught:
        stack["zzz"]
    assert caught.value.hint == "known: base-ml, svc-ocr"


def test_an_image_stands_on_its_foundations_and_not_on_mounted_images() -> None:
    runtime = Image("base-runtime", "a", parents=("base-uv",), foundation="python:3.12-slim")
    ml = Image("base-ml", "b", parents=("base-uv", "base-runtime"), foundation="base-runtime")
    ocr = Image("svc-ocr", "c", parents=("base-uv", "base-ml"), foundation="base-ml")
    stack = Stack((Image("base-uv", "d"), runtime, ml, ocr))
    assert stack.below("svc-ocr") == ("base-runtime", "base-ml")
    assert stack.below("base-runtime") == stack.below("base-uv") == ()


def test_an_id_that_is_a_digest_in_a_registry_is_a_manifest() -> None:
    elsewhere, here = "r.example.com/a/b@sha256:1", "r.example.com/a/b@sha256:2"
    assert LocalImage("sha256:2", digests=(elsewhere, here)).is_known_by_manifest
    assert not LocalImage("sha256:3", digests=(elsewhere, here)).is_known_by_manifest
    assert not LocalImage("sha256:3").is_known_by_manifest


def test_an_image_built_by_other_means_is_not_ours() -> None:
    labels = {INPUT_LABEL: "sha256:1", TITLE_LABEL: "base-ml"}
    assert LocalImage("id", labels=labels).is_own("base-ml")
    assert not LocalImage("id", labels=labels).is_own("svc-ocr")
    assert not LocalImage("id").is_own("base-ml")
    assert LocalImage("id").input_digest == ""


def test_the_content_tag() -> None:
    assert content_tag(DIGEST) == "in-0123456789ab"
    assert check_tag(content_tag(DIGEST))


def test_the_words_on_images() -> None:
    """They stand on images that are already built: another word, and nothing built before is known any more."""
    assert (INPUT_LABEL, TITLE_LABEL, RUN_LABEL) == (
        "slipway.input",
        "org.opencontainers.image.title",
        "slipway.run",
    )
    assert content_tag("sha256:0123456789abcdef") == "in-0123456789ab"


def test_the_fields_of_an_image_have_defaults() -> None:
    assert Image("a", "apps/a/Dockerfile").context == "."
    image = LocalImage("sha256:1")
    assert (image.tags, image.digests, image.labels, image.size, image.created) == ((), (), {}, 0, 0)


def test_on_a_fresh_base_an_image_is_not_fresh_itself() -> None:
    base = LocalImage("sha256:1", labels={"slipway.input": "sha256:a", "slipway.fresh": "sha256:a"})
    assert base.built_without_cache is True
    assert replace(base, labels={**base.labels, "slipway.input": "sha256:b"}).built_without_cache is False
    assert LocalImage("sha256:2", labels={"slipway.input": "sha256:a"}).built_without_cache is False
    assert LocalImage("sha256:3", labels={"slipway.input": "", "slipway.fresh": ""}).built_without_cache is False
    assert LocalImage("sha256:4").built_without_cache is False
