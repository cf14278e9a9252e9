"""Invoke's own flags: what a task makes of them, before or after its name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context
from invoke.program import Program

from slipway.tasks import namespace
from slipway.tasks.core import Core
from slipway.tasks.options import AttachOptions, DryRunOptions, ImageOptions
from slipway.tasks.session import Session
from slipway.tasks.wrapper import task

Said = tuple[int, list[Any], str]

HAVING_DRY_RUN = (
    *("build-base", "build", "push", "release", "release-rollback", "base-bump", "base-outdated"),
    *("clean", "up", "down", "init", "setup", "remote-clean"),
)


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs ``invoke`` with two tasks; its exit code, what the tasks were given, and stderr."""
    given: list[Any] = []

    def build(session: Session, images: ImageOptions, run: DryRunOptions) -> None:
        """Build."""
        given.append((images.names, run.dry_run, session.core))

    def config(session: Session) -> None:
        """Show."""
        given.append("config")

    def attach(session: Session, options: AttachOptions) -> None:
        """Attach."""
        given.append(options.run)

    def run(*words: str) -> Said:
        given.clear()
        with pytest.raises(SystemExit) as left:
            Program(namespace=Collection(task(build), task(config), task(attach))).run(["invoke", *words])
            raise SystemExit(0)
        return int(str(left.value.code)), list(given), capsys.readouterr().err

    return run


@pytest.mark.fault("C30")
@pytest.mark.parametrize("words", [("-R", "build", "x"), ("--dry", "build", "x"), ("build", "x", "--dry")])
def test_invokes_dry_is_a_dry_run(program: Callable[..., Said], words: tuple[str, ...]) -> None:
    assert program(*words) == (0, [(("x",), True, Core())], "")


@pytest.mark.fault("C30")
@pytest.mark.parametrize("words", [("-R", "config"), ("config", "--dry"), ("--dry", "attach", "7f3c")])
def test_a_task_without_a_dry_run_refuses(program: Callable[..., Said], words: tuple[str, ...]) -> None:
    code, given, err = program(*words)
    name = next(word for word in words if not word.startswith("-"))
    assert (code, given) == (2, [])
    *others, last = HAVING_DRY_RUN
    assert err.startswith(f"error: {name}: has no dry run\nhint:  {', '.join(others)} and {last} have one")


def test_the_tasks_that_the_hint_names_have_a_dry_run() -> None:
    having = {context.name for context in namespace.to_contexts() if "dry_run" in context.args}
    assert having == set(HAVING_DRY_RUN)


def test_echo_and_a_time_limit_reach_the_task(program: Callable[..., Said]) -> None:
    assert program("-e", "build", "-T", "90") == (0, [((), False, Core(echo=True, timeout=90))], "")


def test_words_after_two_dashes_are_names(program: Callable[..., Said]) -> None:
    assert program("build", "a", "--", "config", "b") == (0, [(("a", "config", "b"), False, Core())], "")
    assert program("attach", "--", "7f3c") == (0, ["7f3c"], "")
    code, given, err = program("config", "--", "x", "y")
    assert (code, given) == (2, [])
    assert err == "error: config: takes no words after --: x y\nhint:  invoke --help config\n"


@pytest.mark.parametrize(("words", "flags"), [(("-w",), ["-w"]), (("-p", "--hide", "both"), ["-p", "--hide"])])
def test_a_flag_without_effect_gets_a_note(
    program: Callable[..., Said], words: tuple[str, ...], flags: list[str]
) -> None:
    code, _, err = program(*words, "config")
    assert (code, err) == (0, "".join(f"note: {flag} has no effect on config\n" for flag in flags))


def test_the_folder_of_the_tasks_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere.py").write_text(
        "from invoke import task\nfrom slipway.tasks.core import Core\n"
        "@task\ndef where(c):\n    print(Core.of(c).folder)\n"
    )
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "elsewhere", raising=False)
    program = Program()
    program.run(["invoke", "-r", str(tmp_path), "-c", "elsewhere", "where"], exit=False)
    assert Core.of(Context(program.config)).folder == tmp_path


def test_settings_in_invokes_configuration(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``-f FILE``, after ``.env`` and before the defaults."""
    (repository / ".env").write_text("OWNER=acme\n")
    own = tmp_path / "own.yaml"
    own.write_text("slipway: {registry: reg.example.com, owner: other, base-version: v7}\n")
    monkeypatch.chdir(repository)
    for name in ("REGISTRY", "OWNER", "BASE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as left:
        Program(namespace=namespace).run(["invoke", "-f", str(own), "config"])
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {own}: slipway.base-version is not a setting\nhint:  did you mean BASE_VERSION?\n"
    )
    own.write_text("slipway: {registry: reg.example.com, owner: other}\n")
    Program(namespace=namespace).run(["invoke", "-f", str(own), "config"])
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["REGISTRY", "reg.example.com", str(own)] in rows
    assert ["OWNER", "acme", ".env:1"] in rows


def test_each_source_of_invokes_configuration_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    """The names come from places in Invoke that are not public."""
    monkeypatch.chdir(repository)
    for name in ("OWNER", "REGISTRY", "JOBS", "PLATFORMS", "SLOWNESS"):
        monkeypatch.delenv(name, raising=False)
    system, user = tmp_path / "system-invoke.yaml", tmp_path / "user-invoke.yaml"
    system.write_text("slipway: {owner: system, jobs: 1}\n")
    user.write_text("slipway: {owner: user, jobs: 2}\n")
    (repository / "invoke.yaml").write_text("slipway: {owner: project, registry: a}\n")
    monkeypatch.setenv("INVOKE_SLIPWAY_REGISTRY", "of.the.environment:1")
    config = Config(
        defaults={**Config.global_defaults(), "slipway": {"version": "v1"}},
        system_prefix=f"{tmp_path}/system-",
        user_prefix=f"{tmp_path}/user-",
        project_location=repository,
    )
    config.load_project()
    config.load_collection({"slipway": {"slowness": "2", "platforms": "linux/amd64"}})
    config.load_shell_env()
    context = Context(config)
    context.config.slipway.platforms = "linux/arm64"
    found = Session(context).settings.values
    assert {name: (value.value, value.source) for name, value in found.items() if value.source != "default"} == {
        "VERSION": ("v1", "Config(defaults=…)"),
        "SLOWNESS": ("2", "ns.configure"),
        "JOBS": ("2", str(user)),
        "OWNER": ("project", "invoke.yaml"),
        "REGISTRY": ("of.the.environment:1", "INVOKE_SLIPWAY_REGISTRY"),
        "PLATFORMS": ("linux/arm64", "c.config"),
    }
