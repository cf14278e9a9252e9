"""The compose files and bake files that become declarations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from slipway.adopt.declared import choose
from slipway.stack.declared import Declared
from slipway.stack.definition import Definition
from tests.adopt.adopting import adopt, lines, planned, write

BASE = "FROM python:3.12-slim\n"
FILES = {"api/Dockerfile": BASE, "ui/Dockerfile": f"{BASE}ARG A=1\n", "tool/Dockerfile": BASE}
COMPOSE = "services:\n  api: {build: api, image: acme/api}\n  ui: {build: {context: ui, args: {A: 2}}}\n"


def chosen(root: Path, **files: str) -> tuple[str, ...]:
    named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    return adopt(write(root, FILES | named)).table.declarations


def test_a_compose_file_defines_its_images_and_rows_the_others(tmp_path: Path) -> None:
    proposal = adopt(write(tmp_path, {**FILES, "compose.yaml": COMPOSE}))
    assert proposal.table.declarations == ("compose.yaml",) and lines(proposal) == ['"tool/Dockerfile" = {}']
    assert not proposal.questions
    stack = planned(tmp_path, proposal).stack
    assert {image.name: dict(image.args) for image in stack} == {"api": {}, "ui": {"A": "2"}, "tool": {}}


def test_the_fewest_files_are_chosen_the_usual_name_first(tmp_path: Path) -> None:
    assert chosen(tmp_path, compose_dev_yaml=COMPOSE, compose_yaml=COMPOSE) == ("compose.yaml",)


def test_a_variant_of_a_chosen_file_is_asked_for(tmp_path: Path) -> None:
    proposal = adopt(write(tmp_path, {**FILES, "compose.yaml": COMPOSE, "compose.dev.yaml": COMPOSE}))
    assert [(question.where, question.line) for question in proposal.questions] == [
        ("compose.dev.yaml", 'declarations = ["compose.yaml", "compose.dev.yaml"]')
    ]


def test_each_file_that_adds_dockerfiles_is_chosen(tmp_path: Path) -> None:
    tool = "services:\n  tool:\n    build: tool\n"
    files = ("compose.yaml", "tools.compose.yaml")
    assert chosen(tmp_path, compose_yaml=COMPOSE, tools_compose_yaml=tool) == files


def test_files_of_one_form_become_a_pattern(tmp_path: Path) -> None:
    files = {f"{name}/compose.yaml": "services:\n  app:\n    build: .\n" for name in ("api", "ui", "tool")}
    proposal = adopt(write(tmp_path, FILES | files))
    assert proposal.table.declarations == ("{name}/compose.yaml",) and not proposal.table.rows
    assert {image.dockerfile for image in planned(tmp_path, proposal).stack} == FILES.keys()


def test_an_override_goes_with_its_file(tmp_path: Path) -> None:
    override = "services:\n  ui:\n    build: {args: {A: 3}}\n"
    files = {"docker-compose.yml": COMPOSE, "docker-compose.override.yml": override}
    proposal = adopt(write(tmp_path, FILES | files))
    assert proposal.table.declarations == ("docker-compose.yml", "docker-compose.override.yml")
    assert planned(tmp_path, proposal).stack["ui"].args == {"A": "3"}


def test_an_override_of_bake_goes_with_its_file() -> None:
    files, read = ("x/docker-bake.hcl", "x/docker-bake.override.hcl"), set[tuple[str, ...]]()

    def declared(group: Sequence[str]) -> Declared:
        read.add(tuple(group))
        return Declared((Definition("api", "api/Dockerfile"),))

    assert choose(files, lambda path: True, declared).files == files
    assert read == {files}


@pytest.mark.parametrize("folder", ["tests", "docs/how", "examples"])
def test_files_of_tests_and_examples_are_not_chosen(tmp_path: Path, folder: str) -> None:
    text = COMPOSE.replace("build: api", "build: ../api")
    assert chosen(tmp_path, **{f"{folder}__compose_yaml": text, "compose_yaml": COMPOSE}) == ("compose.yaml",)


def test_a_declared_image_may_stand_on_one_of_another_registry(tmp_path: Path) -> None:
    files = {"ui/Dockerfile": "FROM ghcr.io/acme/api:main\n", "api/Dockerfile": BASE, "compose.yaml": COMPOSE}
    proposal = adopt(write(tmp_path, files))
    assert lines(proposal) == ['"ui/Dockerfile" = { contexts = { "ghcr.io/acme/api:main" = "target:api" } }']
    assert planned(tmp_path, proposal).stack["ui"].parents == ("api",)


def test_a_file_for_other_repositories_gives_values_to_rows(tmp_path: Path) -> None:
    text = (
        "services:\n  x: {build: ../x}\n  y: {build: y}\n  ui: {build: {context: ui, args: {A: 2}}, image: acme/ui}\n"
    )
    proposal = adopt(write(tmp_path, {**FILES, "compose.yaml": text}))
    assert not proposal.table.declarations
    assert '"ui/Dockerfile" = { repository = "acme/{name}", args = { A = "2" } }' in lines(proposal)


def test_a_file_that_cannot_be_read_is_asked_for(tmp_path: Path) -> None:
    proposal = adopt(write(tmp_path, {**FILES, "docker-bake.hcl": 'target "api" {}\n'}))
    assert [question.where for question in proposal.questions] == ["docker-bake.hcl"]
    assert sorted(planned(tmp_path, proposal).stack.by_name) == ["api", "tool", "ui"]
