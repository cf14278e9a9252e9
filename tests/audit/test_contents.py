"""The layers of an image, read from the engine once, and the image that brought each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.audit.contents import Below, origin, read_below, read_contents
from slipway.core.errors import UsageError
from slipway.smoke.layer_cache import LayerCache
from slipway.testing.fakes import FakeEngine
from tests.smoke.test_image_archive import archive, image

METADATA = "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"
SAVED = image(archive({"bin/sh": b""}), archive({METADATA: b"Name: a\nVersion: 1\n\ntext"}))
SAID = {"Id": "sha256:one", "Os": "linux", "Architecture": "arm64", "RootFS": {"Layers": ["0", "1"]}}


class SavingEngine(FakeEngine):
    """An engine with one image, which counts how often it streams that image."""

    streamed = 0

    def get(self, question: str) -> Any:
        return SAID if question == "/images/svc:v1/json" else None

    @property
    def client(self) -> Any:
        return self

    @property
    def api(self) -> Any:
        return self

    def get_image(self, image: str) -> Iterator[bytes]:
        assert image == "sha256:one"
        self.streamed += 1
        yield from (SAVED[start : start + 1000] for start in range(0, len(SAVED), 1000))


def test_an_image_is_streamed_once(tmp_path: Path) -> None:
    engine, cache = SavingEngine(), LayerCache(tmp_path)
    found = read_contents(engine, "svc:v1", cache)
    assert (found.id, found.platform, [layer.name for layer in found.layers]) == (
        "sha256:one",
        "linux/arm64",
        ["0", "1"],
    )
    assert [(one.distribution.name, one.layer) for one in found.inventory.installed] == [("a", 2)]
    assert found.layers[1].texts == {METADATA: "Name: a\nVersion: 1"}
    assert read_contents(engine, "svc:v1", cache).layers == found.layers
    assert engine.streamed == 1


def test_an_image_that_the_engine_does_not_have_is_an_error() -> None:
    with pytest.raises(UsageError, match="svc:v2: the engine has no such image"):
        read_contents(SavingEngine(), "svc:v2", LayerCache())
    assert read_below(SavingEngine(), "base", "base:v1") is None


def test_a_layer_comes_from_the_lowest_image_that_has_it() -> None:
    chain = ["r", "b", "s"]
    below = [Below("python:3.12", ("r",)), Below("base", ("r", "b"))]
    assert [origin(number, chain, below, "svc") for number in (1, 2, 3)] == ["python:3.12", "base", "svc"]
    assert read_below(SavingEngine(), "base", "svc:v1") == Below("base", ("0", "1"))


def test_a_base_that_was_built_again_brought_no_layer() -> None:
    assert origin(2, ["r", "b", "s"], [Below("base", ("r", "b2")), Below("mid", ("x", "b"))], "svc") == "svc"
