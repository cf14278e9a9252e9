"""Which tests an image gets, by the paths that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.smoke.selection import find_tests, select_tests, system_tests

EXISTING = {
    "infra/docker/smoke/base-runtime",
    "infra/docker/smoke/base-ml",
    "apps/svc_ocr/smoke",
    "apps/svc_forms/smoke",
    "apps/smoke/test_chain.py",
}


@pytest.mark.parametrize(
    ("name", "ancestors", "expected"),
    [
        ("base-runtime", [], ["infra/docker/smoke/base-runtime"]),
        ("base-ml", ["base-runtime"], ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml"]),
        (
            "svc-ocr",
            ["base-runtime", "base-ml"],
            ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml", "apps/svc_ocr/smoke"],
        ),
        ("svc-forms", ["base-other"], ["apps/svc_forms/smoke"]),
        ("chain", [], ["apps/smoke/test_chain.py"]),
        ("svc-new", [], []),
    ],
)
def test_an_image_gets_the_tests_of_its_bases_and_its_own(name: str, ancestors: list[str], expected: list[str]) -> None:
    assert select_tests(name, ancestors, EXISTING) == tuple(expected)


def test_test_folders_are_found_in_a_repository(tmp_path: Path) -> None:
    for path in EXISTING:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("") if path.endswith(".py") else (tmp_path / path).mkdir()
    (tmp_path / "apps/svc_ocr/Dockerfile").write_text("")
    assert find_tests(tmp_path) == EXISTING
    assert system_tests(EXISTING) == ("chain",)
