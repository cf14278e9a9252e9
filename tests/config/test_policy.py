"""``policy`` and ``[tool.slipway.allow]``: the permissions, what each one covers, and every fault with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.definitions import Value
from slipway.config.policy import Mode, Policy
from slipway.config.project import Project, parse_project
from slipway.config.settings import load
from slipway.core.errors import UsageError
from slipway.core.rules import ALLOWABLE, Permission, Rule

TABLE = """\
[tool.slipway]
policy = "note"

[tool.slipway.allow]
frontend = "moves with its tag"
"context-file:certs/" = "of the tests"
svc-a = { download = "the vendor's only way", root = "raw sockets" }
svc-b.setuid = "a console"

[tool.slipway.allow.svc-c]
download = "as of svc-a"
"setuid:/usr/bin/ping" = "pings"
"""


def policy_of(text: str) -> Policy:
    project, problems = parse_project(text.encode())
    assert problems == ()
    return project.policy


def test_the_permissions_have_the_lines_that_give_them() -> None:
    found = policy_of(TABLE)
    assert (found.mode, found.place) == (Mode.NOTE, "pyproject.toml:2")
    assert found.permissions == (
        Permission(Rule.FRONTEND, "moves with its tag", "pyproject.toml:5"),
        Permission(Rule.CONTEXT_FILE, "of the tests", "pyproject.toml:6", path="certs"),
        Permission(Rule.DOWNLOAD, "the vendor's only way", "pyproject.toml:7", "svc-a"),
        Permission(Rule.ROOT, "raw sockets", "pyproject.toml:7", "svc-a"),
        Permission(Rule.SETUID, "a console", "pyproject.toml:8", "svc-b"),
        Permission(Rule.DOWNLOAD, "as of svc-a", "pyproject.toml:11", "svc-c"),
        Permission(Rule.SETUID, "pings", "pyproject.toml:12", "svc-c", "/usr/bin/ping"),
    )


def test_slipway_toml_has_the_same_permissions() -> None:
    whole = TABLE.partition("[tool.slipway]\n")[2].replace("[tool.slipway.", "[")
    project, problems = parse_project(whole.encode(), "slipway.toml")
    assert problems == ()
    numbered = [int(one.place.removeprefix("pyproject.toml:")) for one in policy_of(TABLE).permissions]
    assert [one.place for one in project.policy.permissions] == [f"slipway.toml:{line - 1}" for line in numbered]


def test_the_default_refuses_and_allows_nothing() -> None:
    assert policy_of("[tool.slipway]\n") == Policy() == Project().policy
    assert Policy().shown == (("policy", "refuse", "default"),)


@pytest.mark.fault("C43")
@pytest.mark.parametrize(
    ("image", "rule", "path", "line"),
    [
        ("svc-a", Rule.FRONTEND, "", 5),
        ("svc-z", Rule.FRONTEND, "", 5),
        ("svc-a", Rule.DOWNLOAD, "", 7),
        ("svc-c", Rule.DOWNLOAD, "", 11),
        ("svc-b", Rule.DOWNLOAD, "", None),
        ("svc-a", Rule.SECRET_NAME, "", None),
        ("svc-a", Rule.CONTEXT_FILE, "certs/test.key", 6),
        ("svc-a", Rule.CONTEXT_FILE, "certs", 6),
        ("svc-a", Rule.CONTEXT_FILE, "certs2/test.key", None),
        ("svc-a", Rule.CONTEXT_FILE, "deep/certs/test.key", None),
        ("svc-b", Rule.SETUID, "/bin/su", 8),
        ("svc-c", Rule.SETUID, "/usr/bin/ping", 12),
        ("svc-c", Rule.SETUID, "/bin/su", None),
    ],
)
def test_a_permission_covers_its_image_its_rule_and_its_path(
    image: str, rule: Rule, path: str, line: int | None
) -> None:
    found = policy_of(TABLE).permission(image, rule, path)
    assert (found.place if found else None) == (f"pyproject.toml:{line}" if line else None)


def test_the_reason_of_an_image_comes_before_that_of_all() -> None:
    found = policy_of('[tool.slipway.allow]\nsvc-a = { root = "own" }\nroot = "all"\n')
    assert [found.permission(name, Rule.ROOT).reason for name in ("svc-a", "svc-b")] == ["own", "all"]  # type: ignore[union-attr]
    assert [one.reason for one in found.of("svc-a", Rule.ROOT)] == ["own", "all"]
    assert [one.reason for one in found.of("svc-b", Rule.ROOT, Rule.SETUID)] == ["all"]
    assert found.of("svc-a", Rule.SETUID) == ()


def test_the_permissions_of_an_image_s_own_table_are_added_once() -> None:
    own = Permission(Rule.DOWNLOAD, "its own", "pyproject.toml:9", "svc-z")
    found = policy_of(TABLE).with_own([own]).with_own([own])
    assert found.permissions == (own, *policy_of(TABLE).permissions)
    assert found.mode is Mode.NOTE


@pytest.mark.parametrize(
    ("key", "opens"),
    [("context-file:.git", True), ("context-file:sub/.git", True), ("context-file:.gitx", False), ("root", False)],
)
def test_only_a_permission_for_it_opens_git(key: str, opens: bool) -> None:
    assert policy_of(f'[tool.slipway.allow]\n"{key}" = "why"\n').opens_git is opens


RULES = f"known: {', '.join(ALLOWABLE)}"
PATH = '"context-file:certs/test.key" = "why"'
FORM = 'download = "why", or svc-x = { download = "why" }'


@pytest.mark.fault("C43")
@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("allow = ['svc-a']", 2, "allow maps a rule to the reason to break it, or an image to such rules", FORM),
        ("policy = 'warn'", 2, "policy is refuse or note", 'policy = "note"'),
        ("policy = [1]", 2, "policy is refuse or note", 'policy = "note"'),
        ("[tool.slipway.allow]\nsvc-a = 3", 3, "allow: no rule 'svc-a' can be allowed", RULES),
        (
            "[tool.slipway.allow]\nfrontent = 'x'",
            3,
            "allow: no rule 'frontent' can be allowed",
            "did you mean frontend?",
        ),
        ("[tool.slipway.allow]\nknown-secret = 'x'", 3, "allow: no rule 'known-secret' can be allowed", None),
        ("[tool.slipway.allow]\nroot = ' '", 3, "allow.root is the reason why", 'root = "why"'),
        ("[tool.slipway.allow]\nroot = 1", 3, "allow.root is the reason why", 'root = "why"'),
        ("[tool.slipway.allow]\nsvc-a = { root = '' }", 3, "allow.svc-a.root is the reason why", 'root = "why"'),
        ("[tool.slipway.allow.svc-a]\nroot = ''", 3, "allow.svc-a.root is the reason why", 'root = "why"'),
        ("[tool.slipway.allow.svc-a]\nroot = { x = 'y' }", 3, "allow.svc-a.root is the reason why", 'root = "why"'),
        ("[tool.slipway.allow]\nsvc-a = { zzz = 'y' }", 3, "allow.svc-a: no rule 'zzz' can be allowed", RULES),
        ("[tool.slipway.allow]\n'download:x' = 'y'", 3, "allow: no rule 'download:x' can be allowed", None),
        (
            "[tool.slipway.allow]\ncontext-file = 'y'",
            3,
            "allow.context-file names a path from the context's root",
            PATH,
        ),
        (
            "[tool.slipway.allow]\n'context-file:/a.key' = 'y'",
            3,
            "allow.context-file:/a.key names a path from the context's root",
            PATH,
        ),
        (
            "[tool.slipway.allow]\n'context-file:../a.key' = 'y'",
            3,
            "allow.context-file:../a.key names a path from the context's root",
            PATH,
        ),
        (
            "[tool.slipway.allow]\n'setuid:ping' = 'y'",
            3,
            "allow.setuid:ping names an absolute path of the image",
            '"setuid:/usr/bin/ping" = "why"',
        ),
        (
            "[tool.slipway.allow]\n'context-file:a.key' = ''",
            3,
            "allow.context-file:a.key is the reason why",
            '"context-file:a.key" = "why"',
        ),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int, what: str, hint: str | None) -> None:
    project, (problem,) = parse_project(f"[tool.slipway]\n{text}\n".encode())
    assert project == Project()
    assert (problem.where, problem.what) == (f"pyproject.toml:{line}", what)
    assert hint is None or problem.hint == hint


def test_the_faults_of_all_images_are_reported_together() -> None:
    text = '[tool.slipway.allow]\nroot = ""\nsvc-a = { zzz = "x" }\nsvc-b = { setuid = "" }\n'
    _, problems = parse_project(text.encode())
    assert [problem.where for problem in problems] == [f"pyproject.toml:{line}" for line in (2, 3, 4)]


def test_the_line_of_a_rule_is_not_that_of_its_namesake() -> None:
    text = """\
[tool.slipway.allow]
svc-a = { download = "" }
download = "for all"
[tool.other]
download = "foreign"
"""
    _, (problem,) = parse_project(text.encode())
    assert problem.where == "pyproject.toml:2"


def test_the_flag_replaces_the_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\npolicy = "note"\n')
    plain, strict = (load(tmp_path, flags, {}).project.policy for flags in ({}, {"policy": flag("refuse")}))
    assert (plain.mode, plain.place) == (Mode.NOTE, "pyproject.toml:2")
    assert (strict.mode, strict.place) == (Mode.REFUSE, "--policy")


def test_an_unknown_value_of_the_flag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, {"policy": flag("warn")}, {})
    assert str(refused.value) == "error: --policy warn: not refuse or note\nhint:  --policy note"


def flag(value: str) -> Value:
    return Value("policy", value, "--policy")
