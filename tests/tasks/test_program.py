"""The program ``slipway``: the tasks of ``invoke``, in any repository, without its tasks.py."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.rig.in_process import invoke, slipway

Ran = Callable[..., CompletedProcess[str]]
DRY_RUNS = (
    "build-base, build, push, release, release-rollback, base-bump, base-outdated, clean, up, down, init, setup and "
    "remote-clean"
)


@pytest.fixture
def bare(repository: Path) -> Path:
    """A repository without a tasks.py."""
    (repository / "tasks.py").unlink(missing_ok=True)
    return repository


def ended(*words: str, cwd: Path, **env: str) -> tuple[int, str, str]:
    done = slipway(*words, cwd=cwd, env={**os.environ, **env})
    return done.returncode, done.stdout, done.stderr


def test_its_version(tmp_path: Path) -> None:
    assert ended("--version", cwd=tmp_path) == (0, f"slipway {importlib.metadata.version('slipway')}\n", "")


def test_its_list_is_that_of_invoke(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from slipway.tasks import namespace\n")
    for words in (("--list",), ("--list", "--list-format=nested")):
        assert ended(*words, cwd=tmp_path) == (0, invoke(*words, cwd=tmp_path, env=os.environ).stdout, "")
    listed = [run("--list", "-F", "json", cwd=tmp_path, env=os.environ).stdout for run in (invoke, slipway)]
    assert len({json.dumps(json.loads(text)["tasks"]) for text in listed}) == 1


def test_its_help_shows_the_flags_that_have_an_effect_and_the_tasks(tmp_path: Path) -> None:
    code, out, err = ended("--help", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "-r STRING, --search-root" in out and "--dry" in out and "  build-base " in out
    assert not any(flag in out for flag in ("--pty", "--hide", "--sudo", "--warn-only", "--write-pyc", "ubcommand"))
    assert ended(cwd=tmp_path) == (0, out, ""), "without a task it shows its help"
    assert ended("--help", "plan", cwd=tmp_path)[1].startswith("Usage: slipway [--core-opts] plan [--options]")


def test_a_repository_is_found_from_below_and_by_a_flag(bare: Path, tmp_path: Path) -> None:
    below = bare / "apps/svc_ocr"
    said = ended("config", "--json", cwd=bare)
    assert said[0] == 0 and json.loads(said[1])
    assert ended("config", "--json", cwd=below) == said
    assert ended("-r", str(bare), "config", "--json", cwd=tmp_path) == said
    assert ended("config", "-r", "repository", "--json", cwd=tmp_path) == said


@pytest.mark.fault("C56")
@pytest.mark.parametrize("words", [("plan",), ("config",), ("-r", ".", "plan")], ids=" ".join)
def test_without_a_repository(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert ended(*words, cwd=tmp_path) == (
        2,
        "",
        f"error: {tmp_path}: no slipway repository in this folder or above\n"
        "hint:  slipway init shows the images of this folder, and writes the slipway.toml that a repository has\n",
    )


@pytest.mark.fault("C56")
def test_a_folder_that_is_given_is_not_replaced_by_the_current_one(bare: Path, tmp_path: Path) -> None:
    code, out, err = ended("-r", str(tmp_path), "config", cwd=bare)
    assert (code, out, err.splitlines()[0]) == (
        2,
        "",
        f"error: {tmp_path}: no slipway repository in this folder or above",
    )


def test_nothing_of_the_repository_is_executed(bare: Path) -> None:
    """Its tasks.py belongs to ``invoke``, and any script may be called invoke.py."""
    for name in ("tasks.py", "invoke.py"):
        (bare / name).write_text("raise SystemExit(77)\n")
    assert ended("config", cwd=bare)[0] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("buidl", ("No idea what 'buidl' is", "did you mean build?")),
        ("--nope", ("No idea what '--nope' is", "slipway --list")),
        ("-T five plan", ("--command-timeout five: not a number", "--command-timeout 1")),
        ("--help nope", ("No idea what 'nope' is", "slipway --help")),
        ("--list nope", ("Sub-collection 'nope' not found", "slipway --help")),
        ("--list -F x", ("--list-format=x: is none of flat, nested, json", "slipway --help")),
        ("-f nope.yaml config", ("-f nope.yaml: no such file", "slipway --help")),
        ("config -- x", ("config: takes no words after --: x", "slipway --help config")),
        ("plan svc-orc", ("svc-orc: matches no image (4 known)", "did you mean svc-ocr?")),
        ("push --resume 0000", ("push --resume 0000: no such push here", "slipway push")),
        (
            "-R config",
            ("config: has no dry run", DRY_RUNS + " have one"),
        ),
    ],
)
def test_a_bad_command_line_ends_with_exit_2(bare: Path, line: str, told: tuple[str, str]) -> None:
    assert ended(*line.split(), cwd=bare) == (2, "", "error: {}\nhint:  {}\n".format(*told))


FILES: Mapping[str, tuple[str, str]] = {
    "slipway: {owner: x": ("invoke.yaml: cannot be read: while parsing a flow mapping", ""),
    "- a\n": ("invoke.yaml: is not a table", "slipway: {registry: reg.example.com}"),
    "slipway: [a]\n": ("invoke.yaml: slipway is a table of settings", "slipway: {registry: reg.example.com}"),
    "slipway: {base_version: 1.10}\n": (
        "invoke.yaml: slipway.base_version is not text",
        'quotes make it text: base_version: "…"',
    ),
    "slipway: {owner: Acme}\n": ("invoke.yaml: OWNER=Acme: not a repository path", "OWNER=acme"),
    "slipway: {ownr: x}\n": ("invoke.yaml: slipway.ownr is not a setting", "did you mean OWNER?"),
    "slipway: {base_version: ''}\n": (
        "invoke.yaml: BASE_VERSION is empty",
        "BASE_VERSION=v0.1.0, or drop the line",
    ),
}


@pytest.mark.fault("C54")
@pytest.mark.parametrize("text", FILES)
def test_a_bad_invoke_yaml_is_an_error_that_names_it(bare: Path, text: str) -> None:
    (bare / "invoke.yaml").write_text(text)
    code, out, err = ended("config", cwd=bare / "apps")
    what, hint = FILES[text]
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {what}") and "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith("hint")] == ([f"hint:  {hint}"] if hint else [])


def test_a_file_of_settings_that_cannot_be_read(bare: Path, tmp_path: Path) -> None:
    (bare / "invoke.yaml").mkdir()
    assert ended("config", cwd=bare)[2] == "error: invoke.yaml: cannot be read: Is a directory\n"
    (bare / "invoke.yaml").rmdir()
    (bare / "invoke.json").write_text('{"slipway": ')
    assert ended("config", cwd=bare)[2].startswith("error: invoke.json: cannot be read: Expecting value: line 1")
    (bare / "invoke.json").unlink()
    (tmp_path / "own.txt").touch()
    code, _, err = ended("-f", str(tmp_path / "own.txt"), "config", cwd=bare)
    assert (code, err.partition("'txt'")[0]) == (2, "error: invoke's configuration: Config files of type ")


@pytest.mark.parametrize("program", [invoke, slipway], ids=["invoke", "slipway"])
def test_settings_of_invoke_yaml_are_below_env_and_above_the_defaults(bare: Path, program: Ran) -> None:
    (bare / "tasks.py").write_text(
        "from invoke import Collection\nfrom slipway.tasks import namespace\n"
        "ns = Collection()\nfor task in namespace.tasks.values():\n    ns.add_task(task)\n"
        "ns.configure({'slipway': {'slowness': '3', 'owner': 'low'}})\n"
    )
    (bare / "invoke.yaml").write_text("slipway: {registry: reg.example.com, owner: yaml, base_version: v7}\n")
    (bare / ".env").write_text("OWNER=env\n")
    kept = {name: value for name, value in os.environ.items() if name not in ("REGISTRY", "OWNER", "BASE_VERSION")}
    shown = json.loads(program("config", "--json", cwd=bare, env=kept).stdout)
    found = {entry["name"]: (entry["value"], entry["source"]) for entry in shown}
    assert found["REGISTRY"] == ("reg.example.com", "invoke.yaml")
    assert found["OWNER"] == ("env", ".env:1")
    assert found["BASE_VERSION"] == ("v7", "invoke.yaml")
    assert found["SLOWNESS"] == (("3", "ns.configure") if program is invoke else ("1", "default"))
    assert found["BUILD_TIMEOUT"] == ("2h", "default")


@pytest.mark.fault("C55")
def test_slipway_toml_stands_for_pyproject(bare: Path) -> None:
    (bare / "pyproject.toml").unlink(missing_ok=True)
    (bare / "slipway.toml").write_text("moving-tags = ['edge']\n")
    shown = {entry["name"]: entry for entry in json.loads(ended("config", "--json", cwd=bare)[1])}
    assert (shown["moving-tags"]["value"], shown["moving-tags"]["source"]) == ("edge", "slipway.toml:1")
    (bare / "pyproject.toml").write_text("\n[tool.slipway]\n")
    assert ended("config", cwd=bare) == (
        2,
        "",
        "error: slipway.toml and [tool.slipway] in pyproject.toml both set slipway's keys\n"
        "hint:  keep one of the two: slipway.toml, or pyproject.toml:2\n",
    )


@pytest.mark.process
@pytest.mark.fault("U32", "U33")
@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ('exec 3> >(true); wait $!; exec "$0" -m slipway.tasks --help >&3', 141, ""),
        ('exec "$0" -u -m slipway.tasks --list > /dev/full', 3, "error: stdout: No space left on device\n"),
        ('exec "$0" -m slipway.tasks --version > /dev/full', 3, "error: stdout: No space left on device\n"),
        (
            'mkdir gone && cd gone && rmdir ../gone && exec "$0" -P -m slipway.tasks plan',
            2,
            "error: the current folder no longer exists\nhint:  cd into a repository\n",
        ),
    ],
    ids=["pipe", "unbuffered", "full", "gone"],
)
def test_a_process_ends_without_a_traceback(tmp_path: Path, script: str, code: int, told: str) -> None:
    done = subprocess.run(["bash", "-c", script, sys.executable], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", told)
