"""How a step ended: which statuses are good, and their words in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from slipway.build.result import ImageResult, Status


def test_only_failed_and_skipped_are_not_ok() -> None:
    results = [ImageResult("svc-ocr", status, "") for status in Status]
    assert [result.status for result in results if not result.ok] == [Status.FAILED, Status.SKIPPED]


def test_a_status_is_its_word_in_json_and_in_text() -> None:
    words = ["built", "pulled", "tagged", "reused", "failed", "skipped", "pushed", "present"]
    assert json.loads(json.dumps([asdict(ImageResult("a", status, ""))["status"] for status in Status])) == words
    assert [f"{status}" for status in Status] == words
