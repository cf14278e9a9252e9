"""``[tool.slipway.smoke.NAME]``: every key, and every fault with its line."""

from __future__ import annotations

import pytest

from slipway.config.project import Project, parse_project
from slipway.config.smoke import HttpReady, LogReady, SmokeRules

TABLES = b"""\
[tool.slipway]
moving-tags = ["latest"]

[tool.slipway.smoke.svc-web]
command = ["serve", "--port", "8080"]
env = { DATABASE_URL = "sqlite:////data/web.db", MODE = "" }
ready = "http://:8080/health?full=1"
tests = "quality/web/"
user = "root is needed: it opens raw sockets"
writable = ["/var/cache/web/", "/srv"]
allow = { packages = "pinned", "key:/srv/a.key" = "of tests" }

[tool.slipway.smoke]
migrations = { job = true, user = "a name is needed: the vendor's" }
svc-log = { ready = "log: ready (v2): [ok]" }
"""


def test_every_key() -> None:
    project, found = parse_project(TABLES)
    assert found == ()
    assert project.smoke == {
        "svc-web": SmokeRules(
            env={"DATABASE_URL": "sqlite:////data/web.db", "MODE": ""},
            command=("serve", "--port", "8080"),
            ready=HttpReady(8080, "/health?full=1"),
            writable=("/var/cache/web", "/srv"),
            root="it opens raw sockets",
            allow={"packages": "pinned", "key:/srv/a.key": "of tests"},
            tests="quality/web",
        ),
        "migrations": SmokeRules(job=True, named="the vendor's"),
        "svc-log": SmokeRules(ready=LogReady("ready (v2): [ok]")),
    }
    assert [project.smoke[name].starts for name in project.smoke] == [True, True, True]
    assert project.smoke["svc-web"].keys == ("/srv/a.key",)
    assert project.smoke["svc-web"].reasons == (
        "root is needed: it opens raw sockets",
        "packages is allowed: pinned",
        "key:/srv/a.key is allowed: of tests",
    )
    assert not SmokeRules(env={"A": "b"}, writable=("/x",)).starts


def test_config_shows_the_keys_with_their_line_and_no_value_of_env() -> None:
    project, _ = parse_project(TABLES)
    rows = {key: (text, place) for key, text, place in project.shown if key.startswith(("smoke.", "allow."))}
    assert rows == {
        "allow.svc-web.root": ("it opens raw sockets", "pyproject.toml:9"),
        "smoke.svc-web.env": ("DATABASE_URL, MODE", "pyproject.toml:4"),
        "smoke.svc-web.command": ("serve --port 8080", "pyproject.toml:4"),
        "smoke.svc-web.ready": ("http://:8080/health?full=1", "pyproject.toml:4"),
        "smoke.svc-web.writable": ("/var/cache/web, /srv", "pyproject.toml:4"),
        "smoke.svc-web.allow": ("packages: pinned; key:/srv/a.key: of tests", "pyproject.toml:4"),
        "smoke.svc-web.tests": ("quality/web", "pyproject.toml:4"),
        "smoke.migrations.job": ("true", "pyproject.toml:14"),
        "smoke.migrations.user": ("a name is needed: the vendor's", "pyproject.toml:14"),
        "smoke.svc-log.ready": ("log: ready (v2): [ok]", "pyproject.toml:15"),
    }


@pytest.mark.fault("C01")
@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("jobs = true", "unknown key 'jobs'", "did you mean job?"),
        ("job = 1", "job is true or false", "job = true"),
        ("env = ['A=b']", "env is a table of names and texts", 'env = { PORT = "8080" }'),
        ("env = { PORT = 8080 }", "env is a table of names and texts", 'env = { PORT = "8080" }'),
        ("env = { 'A=B' = 'c' }", "env is a table of names and texts", 'env = { PORT = "8080" }'),
        ("command = 'serve'", "command is a list of words", 'command = ["serve"]'),
        ("command = []", "command is a list of words", 'command = ["serve"]'),
        (
            "ready = 'http://localhost:8080/health'",
            "ready is a port and a path in the container, or a text in",
            "ready",
        ),
        ("ready = 'http://:8080'", "ready is a port and a path in the container, or a text in its log", "ready"),
        ("ready = 'http://:70000/'", "ready is a port and a path in the container, or a text in its log", "ready"),
        ("ready = 'log:started'", "ready is a port and a path in the container, or a text in its log", "ready"),
        ("ready = true", "ready is a port and a path in the container, or a text in its log", "ready"),
        ("writable = '/srv'", "writable is a list of absolute paths, and not /", 'writable = ["/var/cache/app"]'),
        ("writable = ['srv']", "writable is a list of absolute paths, and not /", 'writable = ["/var/cache/app"]'),
        ("writable = ['/srv/..']", "writable is a list of absolute paths, and not /", 'writable = ["/var/cache/app"]'),
        ("user = '0'", "user is the reason why it is root or has a name", 'user = "root is needed: why"'),
        ("user = 'root is needed: '", "user is the reason why it is root or has a name", "user"),
        (
            "allow = 'packages'",
            "allow is a table of checks (packages, open-files, sigterm, key:/path) and",
            "allow = {",
        ),
        (
            "allow = { budget = 'x' }",
            "allow is a table of checks (packages, open-files, sigterm, key:/path)",
            "allow = {",
        ),
        ("allow = { key = 'x' }", "allow is a table of checks (packages, open-files, sigterm, key:/path)", "allow = {"),
        (
            "allow = { packages = ' ' }",
            "allow is a table of checks (packages, open-files, sigterm, key:/pat",
            "allow = {",
        ),
        ("tests = '../other'", "tests is a path in the repository", 'tests = "tests/web"'),
        ("tests = '/abs'", "tests is a path in the repository", 'tests = "tests/web"'),
        ("tests = ['a']", "tests is a path in the repository", 'tests = "tests/web"'),
    ],
)
def test_a_wrong_value_is_reported_with_its_line(line: str, what: str, hint: str) -> None:
    """In the second table: the same key stands in the first one, too, and rightly."""
    right = "[tool.slipway.smoke.svc-a]\njob = false\nenv = { A = 'b' }\ncommand = ['x']\ntests = 'tests'\n"
    text = f"{right}writable = ['/srv']\nuser = 'root is needed: x'\n[tool.slipway.smoke.svc-b]\n# b\n{line}\n"
    project, (problem,) = parse_project(text.encode())
    assert project == Project()
    said = problem.what.replace("smoke.svc-b: unknown", "unknown").removeprefix("smoke.svc-b.")
    assert (problem.where, said[: len(what)]) == ("pyproject.toml:10", what)
    assert problem.hint.startswith(hint)


@pytest.mark.fault("C01")
def test_a_table_that_is_none() -> None:
    for text in ("[tool.slipway]\nsmoke = ['a']", "[tool.slipway.smoke]\nsvc-a = 'x'"):
        _, (problem,) = parse_project(text.encode())
        assert problem.what == "smoke maps an image to a table"


@pytest.mark.fault("C01")
def test_a_job_is_never_ready() -> None:
    text = "[smoke.job-a]\njob = true\nready = 'log: done'\n"
    _, (problem,) = parse_project(text.encode(), "slipway.toml")
    said = "smoke.job-a has job and ready: a job ends, and is never ready"
    assert (problem.where, problem.what, problem.hint) == ("slipway.toml:3", said, "keep one of the two")


def test_the_rules_of_an_image_name_their_table_and_why_it_may_be_root() -> None:
    project, _ = parse_project(TABLES + b"[tool.slipway.allow]\nsvc-log.root = 'binds a device'\n")
    assert project.smoke_rules("svc-web").header == "[tool.slipway.smoke.svc-web]"
    assert [project.smoke_rules(name).root for name in ("svc-web", "svc-log", "other")] == [
        "it opens raw sockets",
        "binds a device",
        "",
    ]
    other, _ = parse_project(b"[smoke.a]\njob = true\n", "slipway.toml")
    assert other.smoke_rules("b").header == "slipway.toml [smoke.b]"
