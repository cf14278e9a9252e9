"""Which Dockerfiles the patterns find, and the images that they define."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from slipway.config.project import parse_project
from slipway.stack.definition import Definition, name_of
from slipway.stack.patterns import definitions_of, rules_by_path, unmatched

NAMING = {"registry": "reg:5000", "owner": "acme"}


def defined(table: str, *paths: str, files: Mapping[str, Mapping[str, str]] | None = None) -> list[Definition]:
    project, problems = parse_project(f"[tool.slipway.images]\n{table}\n".encode())
    assert problems == ()
    found = rules_by_path(project.images, lambda pattern: [path for path in paths if pattern.values(path) is not None])
    return [one for path in found for one in definitions_of(path, found[path], NAMING, (files or {}).__getitem__)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("infra/docker/base-ml.Dockerfile", "base-ml"),
        ("apps/svc_ocr/Dockerfile", "svc-ocr"),
        ("docker/Dockerfile.cuda", "cuda"),
        ("asr/Dockerfile.cuda", "asr-cuda"),
        ("python/python3.11-slim.dockerfile", "python3-11-slim"),
        ("AudioQnA/Dockerfile", "audioqna"),
        ("ui/docker/Dockerfile", "ui"),
        ("Containerfile.web", "web"),
        ("docker/Dockerfile", ""),
        ("Dockerfile", ""),
    ],
)
def test_a_path_gives_an_image_its_name(path: str, name: str) -> None:
    assert name_of(path) == name


def test_slipways_own_places_are_found_without_a_table() -> None:
    paths = ("infra/docker/base-ml.Dockerfile", "apps/svc_ocr/Dockerfile", "apps/Dockerfile", "x/Dockerfile")
    assert [(one.name, one.base) for one in defined("", *paths)] == [("base-ml", True), ("svc-ocr", False)]


def test_the_most_specific_pattern_decides_about_a_dockerfile() -> None:
    table = '"{name}/Dockerfile" = { target = "all" }\n"x/Dockerfile" = { target = "x" }\n"y/Dockerfile" = false'
    found = defined(table, "x/Dockerfile", "y/Dockerfile", "z/Dockerfile")
    assert [(one.name, one.target) for one in found] == [("x", "x"), ("z", "all")]


def test_an_entry_of_the_table_comes_before_slipways_own_pattern() -> None:
    found = defined('"apps/{name}/Dockerfile" = { target = "app" }', "apps/svc_a/Dockerfile")
    assert [(one.name, one.target) for one in found] == [("svc-a", "app")]


def test_placeholders_fill_every_text() -> None:
    table = (
        '"{name}/Dockerfile.{variant}" = { name = "{name}-on-{variant}", repository = "{registry}/{owner}/{name}", '
        'tag = "{version}-{variant}", context = "{name}", target = "{variant}", contexts = { kit = "kits/{variant}" }, '
        'args = { GPU = "{variant}" } }'
    )
    (one,) = defined(table, "ASR/Dockerfile.cuda")
    assert (one.name, one.repository, one.tag) == ("asr-on-cuda", "reg:5000/acme/asr", "{version}-cuda")
    assert (one.context, one.target, one.contexts, one.args) == ("ASR", "cuda", {"kit": "kits/cuda"}, {"GPU": "cuda"})


def test_a_variant_is_a_part_of_the_default_name() -> None:
    assert [one.name for one in defined('"{name}/Dockerfile.{variant}" = {}', "asr/Dockerfile.cuda")] == ["asr-cuda"]
    assert [one.name for one in defined('"docker/Dockerfile.{variant}" = {}', "docker/Dockerfile.cuda")] == ["cuda"]


def test_several_images_may_share_a_dockerfile() -> None:
    table = '"x/Dockerfile" = [{ name = "x" }, { name = "x-dev", target = "dev" }]'
    assert [(one.name, one.dockerfile, one.target) for one in defined(table, "x/Dockerfile")] == [
        ("x", "x/Dockerfile", ""),
        ("x-dev", "x/Dockerfile", "dev"),
    ]


def test_args_of_the_table_replace_those_of_its_file() -> None:
    table = '"{name}/Dockerfile" = { args-file = "{name}/build.args", args = { B = "table" } }'
    (one,) = defined(table, "x/Dockerfile", files={"x/build.args": {"A": "file", "B": "file"}})
    assert one.args == {"A": "file", "B": "table"}


def test_a_plain_path_that_names_no_file_is_a_problem() -> None:
    project, _ = parse_project(b'[tool.slipway.images]\n"gone/Dockerfile" = {}\n"{name}/Dockerfile" = {}\n')
    (problem,) = unmatched(project.images, rules_by_path(project.images, lambda pattern: []))
    assert (problem.where, problem.what) == ("pyproject.toml:2", "images.'gone/Dockerfile': no such file")
