"""Sizes, seconds, columns and trees as a person reads them."""

from __future__ import annotations

import pytest

from slipway.core.image import Image, Stack
from slipway.core.units import size
from slipway.ui import columns


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (789, "789 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (45_600_000, "45.6 MB"),
        (99_949_999, "99.9 MB"),
        (99_950_000, "100 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.00 GB"),
        (2_220_000_000, "2.22 GB"),
        (1_234_000_000_000, "1234 GB"),
    ],
)
def test_a_size(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0.0, "0.00 s"),
        (0.244, "0.24 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (8.24, "8.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (64.4, "1 min 04 s"),
        (119.7, "2 min 00 s"),
        (3599.0, "59 min 59 s"),
        (3661.0, "61 min 01 s"),
    ],
)
def test_seconds(count: float, text: str) -> None:
    assert columns.seconds(count) == text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("svc-ocr", "built", "8.2 s"), ("base", "", "0.1 s", "why"), ("x",)]
    assert columns.aligned(rows, gap=3) == ["svc-ocr   built   8.2 s", "base              0.1 s   why", "x"]
    assert columns.aligned([]) == []


ROOT = "python:3.12-slim"
STACK = Stack(
    (
        Image("base-runtime", "infra/docker/base-runtime.Dockerfile", roots=(ROOT,)),
        Image("base-ml", "infra/docker/base-ml.Dockerfile", parents=("base-runtime",)),
        Image("svc-ocr", "apps/svc_ocr/Dockerfile", parents=("base-ml", "base-runtime")),
        Image("svc-rag", "apps/svc_rag/Dockerfile", parents=("base-ml",)),
        Image("svc-forms", "apps/svc_forms/Dockerfile", parents=("base-runtime",)),
        Image("svc-lone", "apps/svc_lone/Dockerfile"),
    )
)


def drawn(*names: str) -> list[str]:
    return [branch + name for branch, name in columns.tree(STACK, names)]


def test_the_whole_tree() -> None:
    assert drawn(*STACK.by_name) == [
        ROOT,
        "└─ base-runtime",
        "   ├─ base-ml",
        "   │  ├─ svc-ocr",
        "   │  └─ svc-rag",
        "   └─ svc-forms",
        "scratch",
        "└─ svc-lone",
    ]


def test_a_part_of_the_tree_is_drawn_below_its_parent() -> None:
    assert drawn("svc-rag", "svc-ocr") == ["base-ml", "├─ svc-ocr", "└─ svc-rag"]
    assert drawn("svc-ocr", "base-runtime") == [ROOT, "└─ base-runtime", "   └─ svc-ocr"]
    assert drawn() == []


def test_an_image_is_drawn_below_its_base_and_not_below_a_tool() -> None:
    tool = Image("base-tool", "infra/docker/base-tool.Dockerfile", roots=(ROOT,))
    runtime = Image("base-runtime", "b", parents=("base-tool",), roots=(ROOT,), foundation=ROOT)
    service = Image("svc-a", "a", parents=("base-tool", "base-runtime"), foundation="base-runtime")
    stack = Stack((tool, runtime, service))
    assert [branch + name for branch, name in columns.tree(stack, stack.by_name)] == [
        ROOT,
        "├─ base-tool",
        "└─ base-runtime",
        "   └─ svc-a",
    ]
    assert [branch + name for branch, name in columns.tree(stack, ["svc-a"])] == ["base-runtime", "└─ svc-a"]


@pytest.mark.fault("P32")
def test_a_root_image_that_is_called_as_a_base_is_shown_in_full() -> None:
    lone = Image("svc-lone", "apps/svc_lone/Dockerfile", roots=("base-runtime",))
    stack = Stack((STACK["base-runtime"], STACK["svc-forms"], lone))
    assert [f"{branch}{name}" for branch, name in columns.tree(stack, stack.by_name)] == [
        ROOT,
        "└─ base-runtime",
        "   └─ svc-forms",
        "docker.io/library/base-runtime:latest",
        "└─ svc-lone",
    ]
