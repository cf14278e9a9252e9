"""Which image of the stack a FROM means."""

from __future__ import annotations

import pytest

from slipway.stack.definition import Definition
from slipway.stack.parents import Naming, OwnImages

NAMING = Naming("reg:5000", "acme", "v1", "v2", ("latest", "main"))
IMAGES = (
    Definition("base", "base/Dockerfile"),
    Definition("kit", "kit/Dockerfile", repository="tools/kit"),
    Definition("ad", "ad/Dockerfile", aliases=("ghcr.io/otel/demo:latest-ad",)),
    Definition("cart", "cart/Dockerfile", aliases=("ghcr.io/otel/demo:latest-cart",)),
    Definition("local", "local/Dockerfile", aliases=("sentry-local",)),
    Definition("asr-cpu", "asr/Dockerfile.cpu", repository="asr", tag="{version}-cpu"),
    Definition("asr-cuda", "asr/Dockerfile.cuda", repository="asr", tag="{version}-cuda"),
    Definition("kafka", "src/kafka/Dockerfile"),
)
OWN = OwnImages(IMAGES, NAMING)


@pytest.mark.parametrize(
    ("base", "image"),
    [
        ("reg:5000/acme/base:v1", "base"),
        ("reg:5000/acme/base:v2", "base"),
        ("reg:5000/acme/base", "base"),
        ("reg:5000/acme/base:main", "base"),
        ("acme/base:v1", "base"),
        ("acme/base", "base"),
        ("docker.io/acme/base:latest", "base"),
        ("acme/base:2024-01-01", ""),
        (f"acme/base:v1@sha256:{'0' * 64}", ""),
        ("ghcr.io/acme/base:v1", ""),
        ("base", ""),
        ("other/base:v1", ""),
        ("reg:5000/tools/kit:v1", "kit"),
        ("tools/kit", "kit"),
        ("acme/kit", ""),
        ("ghcr.io/otel/demo:latest-ad", "ad"),
        ("ghcr.io/otel/demo:latest-cart", "cart"),
        ("ghcr.io/otel/demo:latest", ""),
        ("ghcr.io/otel/demo", ""),
        ("sentry-local", "local"),
        ("sentry-local:latest", "local"),
        ("docker.io/library/sentry-local", "local"),
        ("reg:5000/asr:v1-cuda", "asr-cuda"),
        ("reg:5000/asr:latest-cpu", "asr-cpu"),
        ("reg:5000/asr:main-cuda", "asr-cuda"),
        ("reg:5000/asr:latest", ""),
        ("reg:5000/asr:v1", ""),
        ("acme/kafka:3.7", ""),
    ],
)
def test_owner_and_name_decide_and_never_the_last_part_alone(base: str, image: str) -> None:
    assert OWN.meant(base, "svc") == image


@pytest.mark.parametrize("base", ["acme/kafka", "acme/kafka:latest", "docker.io/acme/kafka:v1"])
def test_an_image_may_stand_on_the_published_image_of_its_own_name(base: str) -> None:
    assert OWN.meant(base, "kafka") == ""
    assert OWN.meant(base, "base") == "kafka"


def test_an_image_that_stands_on_its_own_version_here_means_itself() -> None:
    assert OWN.meant("reg:5000/acme/kafka:v1", "kafka") == "kafka"


def test_docker_hubs_official_images_are_none_of_the_stack_without_its_version() -> None:
    own = OwnImages(
        (Definition("python", "python/Dockerfile"),), Naming("docker.io", "library", "v1", "v1", ("latest",))
    )
    found = [own.meant(base, "svc") for base in ("python:latest", "python:v1", "python:3.12-slim")]
    assert found == ["", "python", ""]


@pytest.mark.parametrize(
    ("base", "name"),
    [("reg:5000/acme/else:v1", "else"), ("acme/else:v1", ""), ("reg:5000/acme/base:v9", ""), ("reg:5000/x/else", "")],
)
def test_a_name_under_the_stacks_prefix_that_no_image_has(base: str, name: str) -> None:
    assert OWN.unknown(base) == name


def test_another_tag_of_an_image_of_the_stack() -> None:
    assert OWN.other_tag("reg:5000/acme/base:v9", "svc") == "base"
    assert OWN.other_tag("reg:5000/acme/base:v1", "svc") == ""
