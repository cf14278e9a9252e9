"""The fewest patterns that name exactly the Dockerfiles that are meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.adopt.patterns import Named, compress
from slipway.config.images import Pattern
from tests.properties.examples import examples

FOLDERS = st.sampled_from(["a", "b", "images", "src", "docker", "v1.2", ".hidden", "x_y"])
FILES = st.sampled_from(
    ["Dockerfile", "Dockerfile.gpu", "Dockerfile.dev", "Dockerfile_x", "a.Dockerfile", "b.dockerfile", "Containerfile"]
)
PATHS = st.builds(lambda folders, file: "/".join([*folders, file]), st.lists(FOLDERS, max_size=3), FILES)


def shown(*paths: str, others: tuple[str, ...] = ()) -> list[str]:
    return [one.pattern for one in compress(paths, others)]


@pytest.mark.parametrize(
    ("paths", "patterns"),
    [
        (["Dockerfile"], ["Dockerfile"]),
        (["images/a/Dockerfile", "images/b/Dockerfile"], ["images/{name}/Dockerfile"]),
        (["a.Dockerfile", "b.Dockerfile"], ["{name}.Dockerfile"]),
        (["docker/Dockerfile.a", "docker/Dockerfile.b"], ["docker/Dockerfile.{name}"]),
        (["a/Dockerfile", "b/c/Dockerfile"], ["a/Dockerfile", "b/c/Dockerfile"]),
        (["a/docker/Dockerfile", "b/docker/Dockerfile"], ["{name}/docker/Dockerfile"]),
        ([".a/Dockerfile", ".b/Dockerfile"], [".a/Dockerfile", ".b/Dockerfile"]),
        ([f"{n}/{v}/Dockerfile" for n in "abcd" for v in "wxyz"], ["{name}/{variant}/Dockerfile"]),
        ([f"{n}/Dockerfile.{v}" for n in "abc" for v in "xyz"], ["{name}/Dockerfile.{variant}"]),
        (["x/a/Dockerfile", "x/b/Dockerfile", "y/c/Dockerfile"], ["x/{name}/Dockerfile", "y/c/Dockerfile"]),
    ],
)
def test_the_patterns_of_a_layout(paths: list[str], patterns: list[str]) -> None:
    assert shown(*paths) == patterns


def test_a_file_that_is_not_meant_is_excluded_where_that_saves_lines() -> None:
    paths = [f"{name}/Dockerfile" for name in "abcd"]
    assert compress(paths, ["x/Dockerfile"]) == (Named("{name}/Dockerfile", tuple(paths), ("x/Dockerfile",)),)
    assert shown("a/Dockerfile", "b/Dockerfile", others=("x/Dockerfile",)) == ["a/Dockerfile", "b/Dockerfile"]


@examples(100)
@given(st.sets(PATHS, max_size=12), st.sets(PATHS, max_size=4))
def test_patterns_name_each_dockerfile_once_and_nothing_else(paths: set[str], others: set[str]) -> None:
    others -= paths
    named = compress(paths, others)
    assert sorted(path for one in named for path in one.paths) == sorted(paths)
    assert sum(one.lines for one in named) <= len(paths)
    for one in named:
        if one.pattern not in paths:
            matching = {path for path in paths | others if Pattern(one.pattern).values(path) is not None}
            assert matching == {*one.paths, *one.excluded}
