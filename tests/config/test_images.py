"""The table ``[tool.slipway.images]``: its patterns, its values, and its faults."""

from __future__ import annotations

import pytest

from slipway.config.images import ImageRule, Pattern, filled
from slipway.config.project import parse_project
from slipway.config.secret_source import SecretSource
from slipway.core.rules import Permission, Rule


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("images/{name}/Dockerfile", "images/a.b/Dockerfile", {"name": "a.b"}),
        ("images/{name}/Dockerfile", "images/a/b/Dockerfile", None),
        ("images/{name}/Dockerfile", "images/.git/Dockerfile", None),
        ("{name}/Dockerfile.{variant}", "asr/Dockerfile.cuda", {"name": "asr", "variant": "cuda"}),
        ("{name}/Dockerfile.{variant}", "asr/Dockerfile", None),
        ("{name}-{variant}.Dockerfile", "a-b-c.Dockerfile", {"name": "a-b", "variant": "c"}),
        ("a+b/Dockerfile", "aab/Dockerfile", None),
        ("a+b/Dockerfile", "a+b/Dockerfile", {}),
    ],
)
def test_a_placeholder_stands_for_a_piece_of_one_part(pattern: str, path: str, values: dict[str, str] | None) -> None:
    assert Pattern(pattern).values(path) == values


def test_the_most_specific_pattern_has_few_placeholders_and_much_literal_text() -> None:
    texts = ["{name}/{variant}", "{name}/Dockerfile", "images/{name}/Dockerfile", "images/a/Dockerfile"]
    assert sorted(map(Pattern, texts), key=lambda one: one.vagueness, reverse=True) == [*map(Pattern, texts)]


def test_an_unknown_placeholder_stays_for_later() -> None:
    assert filled("{version}-{variant}", {"variant": "cuda"}) == "{version}-cuda"


FULL = """
[tool.slipway.images]
"{name}/Dockerfile.{variant}" = { tag = "{version}-{variant}", context = "{name}", platforms = ["linux/amd64"] }
"x/Dockerfile" = [{ name = "x", target = "app", args = { A = "1" } }, { name = "x-dev", args-file = "dev.args" }]
"old/Dockerfile" = false

[tool.slipway.images."ui/docker/Dockerfile"]
contexts = { lib = "libs" }
secrets = { token = { env = "UI_TOKEN" } }
allow = { download = "the vendor's way" }
"""


def test_a_whole_table() -> None:
    project, problems = parse_project(FULL.encode())
    assert problems == ()
    assert project.images == (
        ImageRule(
            Pattern("{name}/Dockerfile.{variant}"),
            "pyproject.toml:3",
            tag="{version}-{variant}",
            context="{name}",
            platforms=("linux/amd64",),
        ),
        ImageRule(Pattern("x/Dockerfile"), "pyproject.toml:4", name="x", target="app", args={"A": "1"}),
        ImageRule(Pattern("x/Dockerfile"), "pyproject.toml:4", name="x-dev", args_file="dev.args"),
        ImageRule(Pattern("old/Dockerfile"), "pyproject.toml:5", excluded=True),
        ImageRule(
            Pattern("ui/docker/Dockerfile"),
            "pyproject.toml:7",
            contexts={"lib": "libs"},
            secrets={"token": SecretSource(env="UI_TOKEN")},
            allow=(Permission(Rule.DOWNLOAD, "the vendor's way", "pyproject.toml:7"),),
        ),
    )
    assert project.secrets == {"token": SecretSource(env="UI_TOKEN")}
    assert project.places["secrets.token"] == "pyproject.toml:7"


def test_the_configuration_shows_each_rule_with_its_place() -> None:
    project, _ = parse_project(FULL.encode())
    shown = [(key, value) for key, value, place in project.shown if key.startswith("images.")]
    assert shown == [
        ("images.{name}/Dockerfile.{variant}", "tag {version}-{variant}, context {name}, platforms"),
        ("images.x/Dockerfile", "name x, target app, args"),
        ("images.x/Dockerfile", "name x-dev, args-file dev.args"),
        ("images.old/Dockerfile", "no image"),
        ("images.ui/docker/Dockerfile", "contexts, secrets, allow"),
        ("images.ui/docker/Dockerfile.allow.download", "the vendor's way"),
    ]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('"/x/Dockerfile" = {}', "is not a path from the repository's root"),
        ('"../Dockerfile" = {}', "is not a path from the repository's root"),
        ('"{nmae}/Dockerfile" = {}', "unknown placeholder {nmae}"),
        ('"{name}/{name}.Dockerfile" = {}', "has {name} twice"),
        ('"x" = true', "is a table, a list of tables, or false"),
        ('"x" = []', "is a table, a list of tables, or false"),
        ('"x" = [{}, {}]', "several images of one Dockerfile need a name each"),
        ('"x" = { nmae = "y" }', "unknown key 'nmae'"),
        ('"x" = { target = 1 }', "target is a text"),
        ('"x" = { tag = "{veersion}" }', "unknown placeholder {veersion}"),
        ('"x" = { name = "{name}" }', "name: {name} stands for nothing here"),
        ('"x" = { args = { A = 1 } }', "args maps names to texts"),
        ('"x" = { contexts = ["a"] }', "contexts maps names to texts"),
        ('"x" = { platforms = "linux/amd64" }', "platforms is a list"),
        ('"x" = { allow = "download" }', "allow maps rules to reasons"),
        ('"x" = { allow = { download = "" } }', "allow.download is the reason why"),
        ('"x" = { allow = { downlod = "why" } }', "allow: no rule 'downlod' can be allowed"),
        ('"x" = { secrets = { a = { nev = "A" } } }', "secrets.a is a table with a file or an env"),
    ],
)
def test_a_fault_of_the_table_has_its_line(line: str, what: str) -> None:
    _, (problem,) = parse_project(f"[tool.slipway.images]\n{line}\n".encode())
    assert problem.where == "pyproject.toml:2"
    assert problem.what.endswith(what)


def test_the_table_is_a_table() -> None:
    _, (problem,) = parse_project(b"[tool.slipway]\nimages = 1\n")
    assert (problem.where, problem.what) == ("pyproject.toml:2", "images maps Dockerfiles to tables")


def test_a_secret_has_one_source_in_all_tables() -> None:
    text = 'images."x" = { secrets = { a = { env = "A" } } }\nsecrets.a = { file = "a.txt" }\n'
    _, (problem,) = parse_project(f"[tool.slipway]\n{text}".encode())
    assert problem.what == "the secret a has two sources"
    same = 'images."x" = { secrets = { a = { env = "A" } } }\nsecrets.a = { env = "A" }\n'
    assert parse_project(f"[tool.slipway]\n{same}".encode())[1] == ()


def test_a_rule_that_policy_does_not_know_is_refused() -> None:
    _, (problem,) = parse_project(b'[tool.slipway.images]\n"x" = { allow = { downlaod = "why" } }\n')
    assert problem.hint == "did you mean download?"
