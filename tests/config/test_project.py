"""``[tool.slipway]``: every key, and every problem with its line."""

from __future__ import annotations

import pytest

from slipway.config.project import Project, parse_project


def problems(text: str | bytes) -> list[tuple[str, str, str]]:
    project, found = parse_project(text if isinstance(text, bytes) else text.encode())
    assert found and project == Project()
    return [(problem.where, problem.what, problem.hint) for problem in found]


def test_no_table_is_the_defaults() -> None:
    assert parse_project(b"[project]\nname = 'x'\n") == (Project(), ())
    assert parse_project(b"tool = 3") == (Project(), ())


def test_the_table() -> None:
    text = "[tool.slipway]\nmoving-tags = ['edge']\ncontext-limit = '500 MB'\n"
    project, found = parse_project(f"{text}[tool.slipway.budgets]\nbase-ml = '1.3 GB'\n".encode())
    assert found == ()
    assert (project.moving_tags, project.context_limit) == (("edge",), 500_000_000)
    assert dict(project.budgets) == {"base-ml": "1.3 GB"}
    assert project.places["base-ml"] == "pyproject.toml:5"


def test_every_key_is_shown_with_its_line() -> None:
    text = b"""\
[tool.slipway]
policy = "note"
allow.svc-c.frontend = "ours"
insecure-registries = ["10.0.0.7:5000"]
[tool.slipway.budgets]
'svc-b' = "7 MB over parent"
[tool.slipway.allow.svc-b]
download = "the vendor's only way"
"setuid:/bin/su" = "a console"
"""
    project, found = parse_project(text)
    assert found == ()
    assert project.shown == (
        ("moving-tags", "latest", "default"),
        ("insecure-registries", "10.0.0.7:5000", "pyproject.toml:4"),
        ("context-limit", "2.00 GB", "default"),
        ("inherit", "mount", "default"),
        ("budgets.svc-b", "7 MB over parent", "pyproject.toml:6"),
        ("policy", "note", "pyproject.toml:2"),
        ("allow.svc-c.frontend", "ours", "pyproject.toml:3"),
        ("allow.svc-b.download", "the vendor's only way", "pyproject.toml:8"),
        ("allow.svc-b.setuid:/bin/su", "a console", "pyproject.toml:9"),
    )


def test_a_secret_is_shown_with_its_source_and_line() -> None:
    text = b"""\
[tool.slipway]
ssh = ["default", "deploy"]
[tool.slipway.secrets]
gh_token = { env = "GH_TOKEN" }
npmrc = { file = "~/.npmrc" }
"""
    project, found = parse_project(text)
    assert found == ()
    assert project.shown[-3:] == (
        ("secrets.gh_token", "env GH_TOKEN", "pyproject.toml:4"),
        ("secrets.npmrc", "~/.npmrc", "pyproject.toml:5"),
        ("ssh", "default, deploy", "pyproject.toml:2"),
    )


@pytest.mark.fault("C01")
def test_every_problem_is_reported_with_its_line() -> None:
    text = """
[project]
moving_tags = "elsewhere"

[tool.slipway]
moving_tags = ["latest"]
context-limit = 3
moving-tags = "latest"

[tool.slipway.budgets]
base-ml = "much"
"svc-ocr" = "400 MB over parent"
"""
    told = problems(text)
    assert ("pyproject.toml:6", "unknown key 'moving_tags'", "did you mean moving-tags?") in told
    assert ("pyproject.toml:7", "context-limit is a size such as '2 GB'", "") in told
    assert ("pyproject.toml:8", "moving-tags is a list of tags", "") in told
    assert (
        "pyproject.toml:11",
        "the budget of base-ml is a size such as '200 MB', or '200 MB over parent'",
        "",
    ) in told
    assert len(told) == 4


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[tool.slipway", "pyproject.toml", "not TOML: "),
        ("[tool]\nslipway = 3", "pyproject.toml tool.slipway", "is a table"),
        ("[tool.slipway]\nzzz = 1", "pyproject.toml:2", "unknown key 'zzz'"),
        ("[tool.slipway]\nbudgets = 1", "pyproject.toml:2", "budgets maps an image to a size"),
        ("[tool]\nslipway = {zzz = 1}", "pyproject.toml:1", "unknown key 'zzz'"),
        ("# see [tool.slipway]\nzzz = 1\n[tool.slipway]\nzzz = 2", "pyproject.toml:4", "unknown key 'zzz'"),
        ("[tool.slipway]\ninherit = 'root'", "pyproject.toml:2", "inherit is mount or run"),
        ("[tool.slipway]\ninherit = ['run']", "pyproject.toml:2", "inherit is mount or run"),
        ("[tool.slipway]\nattach = 'sbom'", "pyproject.toml:2", "attach is a list of sbom and provenance"),
        ("[tool.slipway]\nattach = ['spdx']", "pyproject.toml:2", "attach is a list of sbom and provenance"),
        ("[tool.slipway]\nattach = [['sbom']]", "pyproject.toml:2", "attach is a list of sbom and provenance"),
        ("[tool.slipway]\nmoving-tags = [3]", "pyproject.toml:2", "moving-tags is a list of tags"),
        ("[tool.slipway]\ninsecure-registries = 'a'", "pyproject.toml:2", "insecure-registries is a list of addresses"),
        (
            "[tool.slipway]\ninsecure-registries = ['r.io:80']",
            "pyproject.toml:2",
            "insecure-registries: r.io:80 is not an address of a private network; a registry elsewhere needs TLS",
        ),
        ("[tool.slipway]\ninsecure-registries = [3]", "pyproject.toml:2", "insecure-registries is a list of addresses"),
        ("[tool.slipway]\ncontext-limit = '2 GB over parent'", "pyproject.toml:2", "context-limit is a size such as"),
        ("[tool.slipway]\nssh = 'default'", "pyproject.toml:2", "ssh is a list of ids"),
        ("[tool.slipway]\nsecrets = ['a']", "pyproject.toml:2", "secrets maps an id to its source"),
        ("[tool.slipway.secrets]\na = 'x'", "pyproject.toml:2", "secrets.a is a table with a file or an env"),
        ("[tool.slipway.secrets]\na = { env = '' }", "pyproject.toml:2", "secrets.a is a table with a file or an env"),
        (
            "[tool.slipway.secrets]\na = { env = 'A', file = 'b' }",
            "pyproject.toml:2",
            "secrets.a is a table with a file",
        ),
        (
            "[tool.slipway.secrets]\na = { variable = 'A' }",
            "pyproject.toml:2",
            "secrets.a is a table with a file or an",
        ),
        ("[tool.slipway.secrets]\n'..' = { env = 'A' }", "pyproject.toml:2", "secrets: '..' is not an id"),
        ("[tool.slipway.budgets]\nsvc-a = 3", "pyproject.toml:2", "the budget of svc-a is a size such as '200 MB', or"),
    ],
)
def test_a_wrong_table(text: str, where: str, what: str) -> None:
    ((found, said, hint),) = problems(text)
    assert (found, said[: len(what)]) == (where, what)
    known = (
        "known: moving-tags, insecure-registries, context-limit, budgets, policy, allow, secrets, ssh, images, "
        "declarations, inherit, smoke, attach, lock-command, mirror-roots"
    )
    sources = 'gh_token = { env = "GH_TOKEN" }, npmrc = { file = "~/.npmrc" }'
    hints = {
        "is a table": "[tool.slipway]",
        "inherit is mount or run": 'inherit = "run"',
        "attach is a list of sbom and provenance": 'attach = ["sbom", "provenance"]',
        "ssh is a list of ids": 'ssh = ["default"]',
        "secrets maps an id to its source": sources,
        "secrets.a is a table with a file or an env": sources,
        "secrets: '..' is not an id": "letters and digits, with _ . / - between them",
        "unknown key 'zzz'": known,
    }
    assert hint == hints.get(said, "")


@pytest.mark.fault("C16")
def test_a_byte_order_mark_and_windows_line_ends() -> None:
    project, found = parse_project(b"\xef\xbb\xbf[tool.slipway]\r\nmoving-tags = ['edge']\r\n")
    assert (project.moving_tags, found) == (("edge",), ())


@pytest.mark.fault("C16")
def test_bytes_that_are_not_text() -> None:
    assert problems(b"[tool.slipway]\n# \xff\n") == [
        ("pyproject.toml", "byte 17 is not UTF-8", "save the file as UTF-8")
    ]
