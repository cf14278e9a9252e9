"""Targets of the JSON that `docker buildx bake --print` prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipway.config.secret_source import SecretSource
from slipway.core.errors import UsageError
from slipway.stack.declarations import bake_targets
from slipway.stack.declarations.found import Found

HCL = 'variable "V" {}\ntarget "app" {\n}\n\ntarget "base" {}\n'


def found(targets: dict[str, Any], **texts: str) -> dict[str, Found]:
    printed = json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    return {one.key: one for one in bake_targets(printed, {"docker-bake.hcl": HCL, **texts}, "/repo")}


def app(**values: Any) -> Found:
    return found({"app": {"context": ".", "dockerfile": "Dockerfile", **values}})["app"]


def problems(**values: Any) -> list[str]:
    return [str(problem) for problem in app(**values).problems]


def test_a_target() -> None:
    target = app(
        context="apps/app",
        dockerfile="../docker/app.Dockerfile",
        target="final",
        args={"A": "1", "E": ""},
        contexts={"base": "target:base", "lib": "libs", "img": "docker-image://alpine:3"},
        tags=["acme/app:dev", "ghcr.io/acme/app"],
        platforms=["linux/amd64"],
        labels={"x": "y"},
    )
    made = target.definition
    assert (made.dockerfile, made.context, made.target) == ("apps/docker/app.Dockerfile", "apps/app", "final")
    assert (made.args, made.platforms) == ({"A": "1", "E": ""}, ("linux/amd64",))
    assert (made.contexts, target.links) == ({"lib": "libs", "img": "docker-image://alpine:3"}, {"base": "base"})
    assert target.images == ("acme/app:dev", "ghcr.io/acme/app")
    assert target.problems == ()


def test_a_target_knows_its_line_unless_bake_made_its_name() -> None:
    every = found({"app": {}, "base": {}, "py-3-12": {}, "json": {}}, **{"b.json": '{"target": {\n "json": {}}}'})
    assert {name: one.definition.where for name, one in every.items()} == {
        "app": "docker-bake.hcl:2",
        "base": "docker-bake.hcl:5",
        "py-3-12": "docker-bake.hcl",
        "json": "b.json:2",
    }


def test_paths_may_be_absolute_or_name_the_folder_in_which_bake_runs() -> None:
    made = app(context="cwd://src", dockerfile="cwd://docker/Dockerfile").definition
    assert (made.context, made.dockerfile) == ("src", "docker/Dockerfile")
    made = app(context="/repo/src", dockerfile="/repo/Dockerfile").definition
    assert (made.context, made.dockerfile) == ("src", "Dockerfile")


def test_secrets_are_tables_or_in_an_older_buildx_texts() -> None:
    tables = [{"id": "a", "env": "A"}, {"id": "b", "src": "./b.txt"}, {"id": "c"}]
    texts = ["id=a,env=A", "type=file,id=b,src=./b.txt", "id=c"]
    sources = {"a": SecretSource(env="A"), "b": SecretSource(file="b.txt"), "c": SecretSource(env="c")}
    assert app(secret=tables).definition.secrets == app(secret=texts).definition.secrets == sources


def test_a_place_outside_the_repository_is_a_problem_of_that_target() -> None:
    assert problems(context="..") == ["docker-bake.hcl:2: target app: its context .. is outside the repository"]
    assert problems(context="https://x.org/a.git") == [
        "docker-bake.hcl:2: target app: its context https://x.org/a.git is not a folder of the repository"
    ]
    assert problems(dockerfile="../x") == [
        "docker-bake.hcl:2: target app: its Dockerfile ../x is outside the repository"
    ]
    assert problems(contexts={"x": "/etc"}) == [
        "docker-bake.hcl:2: target app: its context x /etc is outside the repository"
    ]


def test_an_inline_dockerfile_is_a_problem_of_that_target() -> None:
    assert problems(**{"dockerfile-inline": "FROM scratch"}) == [
        "docker-bake.hcl:2: target app: slipway does not read dockerfile-inline"
    ]


@pytest.mark.parametrize("printed", ["", "{}", "[]", '{"group": {}}'])
def test_a_text_that_is_not_bakes_json_is_an_error(printed: str) -> None:
    with pytest.raises(UsageError, match="buildx bake --print printed no targets"):
        bake_targets(printed, {"docker-bake.hcl": HCL}, "/repo")
