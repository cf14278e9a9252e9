"""The two forms in which versions of buildx write an object: on one line, and on several."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipway.build.rawjson import RawJson

OBJECT = {"vertexes": [{"digest": "sha256:1", "name": "[svc-a 1/2] RUN {", "inputs": None}], "logs": []}


def read(*lines: str) -> list[dict[str, Any] | str]:
    reader = RawJson()
    return [found for line in lines for found in reader.read(line)]


@pytest.mark.fault("B53")
@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_is_read_in_both_forms(indent: int | None) -> None:
    lines = json.dumps(OBJECT, indent=indent).splitlines()
    assert (lines[0] == "{") == (indent is not None)
    assert read(*lines, "ERROR: target svc-a: failed", *lines) == [OBJECT, "ERROR: target svc-a: failed", OBJECT]


def test_lines_that_form_no_object_are_plain() -> None:
    assert read("{", "  a block", "ERROR: no object") == ["{", "  a block", "ERROR: no object"]
    assert read("{", "  broken", "}", "}", "[1]", "") == ["{", "  broken", "}", "}", "[1]", ""]
    assert read("{", json.dumps(OBJECT)) == ["{", OBJECT]
