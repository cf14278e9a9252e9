"""`declarations`: the compose files and bake files of a repository."""

from __future__ import annotations

import pytest

from slipway.config.declarations import Declaration
from slipway.config.project import parse_project


def declared(text: str) -> tuple[Declaration, ...]:
    project, problems = parse_project(f"[tool.slipway]\ndeclarations = {text}\n".encode())
    assert problems == ()
    return project.declarations


def test_an_entry_is_a_file_or_a_table() -> None:
    assert declared('["compose.yaml", "deploy/docker-bake.hcl"]') == (
        Declaration(("compose.yaml",)),
        Declaration(("deploy/docker-bake.hcl",)),
    )
    assert declared('[{ files = ["docker-bake.hcl", "over.json"], targets = ["release"] }]') == (
        Declaration(("docker-bake.hcl", "over.json"), ("release",)),
    )


def test_an_override_file_belongs_to_the_file_before_it() -> None:
    listed = (
        *("compose.yaml", "compose.override.yaml", "a/compose.yaml", "b/compose.override.yaml"),
        *("docker-bake.hcl", "docker-bake.override.hcl", "compose.override.yaml"),
    )
    assert [one.files for one in declared(str([*listed]))] == [
        ("compose.yaml", "compose.override.yaml"),
        ("a/compose.yaml",),
        ("b/compose.override.yaml",),
        ("docker-bake.hcl", "docker-bake.override.hcl"),
        ("compose.override.yaml",),
    ]


def test_a_declaration_with_a_bake_file_is_bakes() -> None:
    assert not Declaration(("compose.yaml",)).is_bake
    assert Declaration(("docker-bake.json",)).is_bake
    assert Declaration(("compose.yaml", "docker-bake.hcl")).is_bake


def test_the_entries_are_shown_with_their_line() -> None:
    text = '[tool.slipway]\ndeclarations = ["compose.yaml", { files = ["b.hcl", "c.hcl"], targets = ["x", "y"] }]\n'
    project, _ = parse_project(text.encode())
    assert [entry for entry in project.shown if entry[0] == "declarations"] == [
        ("declarations", "compose.yaml", "pyproject.toml:2"),
        ("declarations", "b.hcl + c.hcl (x, y)", "pyproject.toml:2"),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"compose.yaml"', "declarations is a list of compose files and bake files"),
        ("[3]", "declarations: 3 is neither a file nor a table"),
        ('["/compose.yaml"]', "declarations: '/compose.yaml' is not a path from the repository's root"),
        ('["../compose.yaml"]', "declarations: '../compose.yaml' is not a path from the repository's root"),
        ('["./compose.yaml"]', "declarations: './compose.yaml' is not a path from the repository's root"),
        ('["Makefile"]', "declarations: Makefile is neither a compose file nor a bake file"),
        ('["{a b}/compose.yaml"]', "declarations: {a b}/compose.yaml: unknown placeholder {a b}"),
        ('["{name}-{name}/compose.yaml"]', "declarations: {name}-{name}/compose.yaml: has {name} twice"),
        ("[{}]", "declarations: files is a list of files"),
        ("[{ files = [] }]", "declarations: files is a list of files"),
        ('[{ files = ["b.hcl"], targets = "x" }]', "declarations: targets is a list of targets"),
        ('[{ files = ["b.hcl"], target = ["x"] }]', "declarations: unknown key 'target'"),
        (
            '[{ files = ["compose.yaml"], targets = ["x"] }]',
            "declarations: targets are those of a bake file, and compose.yaml is a compose file",
        ),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, fault: str) -> None:
    _, problems = parse_project(f"[tool.slipway]\ndeclarations = {text}\n".encode())
    assert [(problem.where, problem.what) for problem in problems] == [("pyproject.toml:2", fault)]
