"""The flags of ``scan``, and the versions of a base that count as newer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from slipway.tasks.scan import above
from tests.rig.in_process import invoke
from tests.rig.stacks import STACKS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fail-on", "severe"), "error: --fail-on severe: not a severity"),
        (("--fail-on", "hihg"), "hint:  did you mean high?"),
        (("--fail-on", "unknown"), "hint:  low, medium, high, critical"),
        (("--scanner", "snyk"), "error: --scanner snyk: slipway knows no such scanner"),
        (("--scanner", "pip-adit"), "hint:  did you mean pip-audit?"),
    ],
)
def test_a_word_that_scan_does_not_know_ends_before_any_work(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    shop = shutil.copytree(STACKS / "shop", tmp_path / "shop")
    done = invoke("scan", *words, cwd=shop, env=os.environ)
    assert done.returncode == 2 and said in done.stderr


def test_the_newer_versions_begin_as_the_current_one_does_and_the_highest_is_first() -> None:
    tags = ["v1.9.0", "v1.10.0", "v1.2.0", "v1.1.0", "latest", "in-0123456789", "sha256-00", "2.0.0", "v2.0.0-rc1"]
    assert list(above(tags, "v1.2.0")) == ["v2.0.0-rc1", "v1.10.0", "v1.9.0"]
    assert list(above(tags, "v9")) == list(above(tags, "dev")) == []
