"""The page about the table of images: its example is valid, and it lists every key."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.config.images import Pattern, image_faults
from slipway.config.project import parse_project
from slipway.stack.patterns import definitions_of, rules_by_path

PAGE = (Path(__file__).parents[2] / "docs/images.md").read_text("utf-8")


def test_the_example_defines_the_images_that_the_page_names() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    project, problems = parse_project(example.encode())
    assert problems == ()
    paths = ("images/base/Dockerfile", "asr/Dockerfile.cuda", "ui/docker/Dockerfile", "examples/Dockerfile")

    def find(pattern: Pattern) -> list[str]:
        return [path for path in paths if pattern.values(path) is not None]

    found = rules_by_path(project.images, find)
    naming = {"registry": "reg:5000", "owner": "acme"}
    images = {
        one.name: (one.repository, one.tag, one.target)
        for path in found
        for one in definitions_of(path, found[path], naming, lambda file: {})
    }
    assert images == {
        "base": ("", "", ""),
        "asr-cuda": ("acme/asr", "{version}-cuda", ""),
        "ui": ("", "", "app"),
        "ui-dev": ("", "", "dev"),
    }


def test_the_page_lists_every_key_in_its_order() -> None:
    ((_, _, hint),) = image_faults({"x": {"unknown": 1}})
    keys = hint.removeprefix("known: ").split(", ")
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == sorted(keys)
