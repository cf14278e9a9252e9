"""The content of ``--json`` and run.json."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slipway.build.result import ImageResult, Status
from slipway.ui.report import dumps, results_json


def test_an_entry_per_image() -> None:
    built = ImageResult(
        "base-ml", Status.BUILT, "main.py changed", "sha256:1", "sha256:2", "r/a/base-ml:v1", 2_220, 8.23456
    )
    built = replace(built, warnings=("JSONArgsRecommended: use JSON (line 3)",))
    failed = ImageResult(
        "svc-ocr", Status.FAILED, "not built yet", detail="RUN false: exit code: 1", output=("why", "because")
    )
    content = results_json([built, failed], run="7f3c", seconds=9.87654, command="build", roots={"python": "sha256:3"})
    assert content == {
        "run": "7f3c",
        "command": "build",
        "seconds": 9.877,
        "ok": False,
        "roots": {"python": "sha256:3"},
        "images": [
            {
                "image": "base-ml",
                "status": "built",
                "reason": "main.py changed",
                "input_digest": "sha256:1",
                "image_digest": "sha256:2",
                "reference": "r/a/base-ml:v1",
                "size": 2220,
                "seconds": 8.235,
                "detail": "",
                "output": (),
                "warnings": ("JSONArgsRecommended: use JSON (line 3)",),
            },
            {
                "image": "svc-ocr",
                "status": "failed",
                "reason": "not built yet",
                "input_digest": "",
                "image_digest": "",
                "reference": "",
                "size": 0,
                "seconds": 0.0,
                "detail": "RUN false: exit code: 1",
                "output": ("why", "because"),
                "warnings": (),
            },
        ],
    }
    assert results_json([built], run="", seconds=0, command="build", roots={})["ok"] is True
    assert json.loads(dumps(content)) == json.loads(json.dumps(content))


def test_text_stays_readable() -> None:
    assert dumps({"a": "é → ж"}) == '{\n "a": "é → ж"\n}'


@pytest.mark.fault("C15")
def test_an_undecodable_name_is_valid_json() -> None:
    text = dumps({"path": "bad\udcff"})
    text.encode("utf-8")
    assert json.loads(text) == {"path": "bad\udcff"}
