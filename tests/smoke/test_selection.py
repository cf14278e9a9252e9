"""Which tests an image gets, by the place of its Dockerfile and the paths that there are."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from slipway.core.image import Image, Stack
from slipway.core.reference import Reference
from slipway.smoke.selection import find_strays, find_system_tests, image_of, select_tests

RUNTIME = Image("base-runtime", "infra/docker/base-runtime.Dockerfile")
ML = Image("base-ml", "infra/docker/base-ml.Dockerfile", parents=("base-runtime",), foundation="base-runtime")
OCR = Image("svc-ocr", "apps/svc_ocr/Dockerfile", parents=("base-ml",), foundation="base-ml")
NEW = Image("svc-new", "apps/svc_new/Dockerfile", foundation="python:3.12-slim")
CPU = Image("kafka-cpu", "images/kafka/Dockerfile.cpu")
CUDA = Image("kafka-cuda", "images/kafka/Dockerfile.cuda")
TOP = Image("site", "Dockerfile")
STACK = Stack((RUNTIME, ML, OCR, NEW, CPU, CUDA, TOP))
OURS = {
    "infra/docker/smoke",
    "infra/docker/smoke/base-runtime",
    "infra/docker/smoke/base-ml",
    "apps/svc_ocr/smoke",
    "apps/smoke",
    "apps/smoke/test_chain.py",
}


def chosen(name: str, existing: Collection[str], **given: str) -> tuple[str, ...]:
    return select_tests(name, STACK, given, lambda path: path in existing)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("base-runtime", ["infra/docker/smoke/base-runtime"]),
        ("base-ml", ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml"]),
        ("svc-ocr", ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml", "apps/svc_ocr/smoke"]),
        ("svc-new", []),
    ],
)
def test_an_image_gets_the_tests_of_its_bases_and_its_own(name: str, expected: list[str]) -> None:
    assert chosen(name, OURS) == tuple(expected)


@pytest.mark.parametrize(
    ("existing", "cpu", "cuda", "top"),
    [
        ({"images/kafka/smoke", "smoke"}, ["images/kafka/smoke"], ["images/kafka/smoke"], ["smoke"]),
        ({"images/kafka/smoke", "images/kafka/smoke/kafka-cuda"}, [], ["images/kafka/smoke/kafka-cuda"], []),
        (
            {"tests/images/kafka-cpu", "tests/images/test_kafka_cuda.py", "tests/images/site", "smoke"},
            ["tests/images/kafka-cpu"],
            ["tests/images/test_kafka_cuda.py"],
            ["smoke", "tests/images/site"],
        ),
    ],
)
def test_the_tests_of_an_image_of_any_place(
    existing: set[str], cpu: list[str], cuda: list[str], top: list[str]
) -> None:
    """Two images in one folder share its ``smoke/``, except where that has a folder for one of them."""
    found = [chosen(name, existing) for name in ("kafka-cpu", "kafka-cuda", "site")]
    assert found == [tuple(cpu), tuple(cuda), tuple(top)]


def test_the_table_names_another_place_also_for_a_base() -> None:
    given = {"base-runtime": "quality/runtime", "svc-ocr": "quality/ocr.py"}
    assert chosen("svc-ocr", OURS, **given) == (
        "quality/runtime",
        "infra/docker/smoke/base-ml",
        "quality/ocr.py",
    )


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("elsewhere.example/team/svc-ocr:v9", "svc-ocr"),
        ("reg:5000/acme/svc-other:v1", ""),
        ("reg:5000/acme/demo:v1-ad", "demo-ad"),
        ("reg:5000/acme/demo:v2-ad", ""),
    ],
)
def test_a_given_reference_names_an_image(reference: str, name: str) -> None:
    """Two images share a repository, and their tags tell them apart."""
    names = {"svc-ocr": "acme/svc-ocr:v1", "demo-ad": "acme/demo:v1-ad", "demo-cart": "acme/demo:v1-cart"}
    images = [Image(one, "Dockerfile", reference=Reference.read(f"reg:5000/{text}")) for one, text in names.items()]
    assert image_of(Reference.read(reference), images) == name


def test_tests_of_several_images_and_files_that_no_image_runs(tmp_path: Path) -> None:
    for path in ("apps/smoke/test_the_chain.py", "tests/images/test_svc_ocr.py", "tests/images/test_svc_orc.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert find_system_tests(tmp_path) == {"the-chain": "apps/smoke/test_the_chain.py"}
    assert find_strays(tmp_path, ["svc-ocr"]) == ("tests/images/test_svc_orc.py",)
    assert find_strays(tmp_path, ["svc-new"]) == (), "the folder has some other purpose"
