"""Test that base-uv holds only uv, in the version that its Dockerfile names."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.testing.plugin import BuiltImage, Stack

DOCKERFILE = Path(__file__).parents[2] / "base-uv.Dockerfile"


def test_uv_runs(stack: Stack, image: BuiltImage) -> None:
    [version] = re.findall(r"^ARG UV_VERSION=(\S+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    ran = stack.run(image.name, "/uv", "--version")
    assert (ran.exit_code, ran.output.split()[:2]) == (0, ["uv", version])


def test_it_holds_uv_alone(image: BuiltImage) -> None:
    files = [member.path for layer in image.layers() for member in layer.members]
    assert files == ["uv"]
