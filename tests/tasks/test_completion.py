"""Completion of image names after slipway's tasks, as Invoke's ``--complete`` and bash ask for it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke.program import Program

from slipway.tasks import namespace
from tests.rig import in_process

IMAGES = {"base-ml", "base-runtime", "svc-forms", "svc-ocr"}
TASKS = {word for context in namespace.to_contexts() for word in (context.name, *context.aliases)}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (repository / "apps/smoke").mkdir()
    (repository / "apps/smoke/test_both_together.py").touch()
    monkeypatch.chdir(repository)
    return repository


@pytest.mark.parametrize(
    ("line", "names", "tasks"),
    [
        ("build svc-", IMAGES, True),
        ("build", IMAGES, True),
        ("build svc-ocr", IMAGES, True),
        ("build svc-ocr svc-", IMAGES - {"svc-ocr"}, True),
        ("build --json", IMAGES, True),
        ("build --version v1 base-ml push svc", IMAGES, True),
        ("build-base base", {"base-ml", "base-runtime"}, True),
        ("smoke both", IMAGES | {"both-together"}, True),
        ("images ", IMAGES, True),
        ("build --version", set(), False),
        ("build --version v", set(), True),
        ("config svc", set(), True),
        ("buil", set(), True),
    ],
)
def test_names_complete(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, names: set[str], tasks: bool
) -> None:
    assert completed(capsys, line) == names | (TASKS if tasks else set())


def test_names_of_a_compose_file_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(__file__).parents[1] / "stacks/market", tmp_path / "market")
    monkeypatch.chdir(tmp_path / "market")
    assert completed(capsys, "build ga") == {"fish", "gate", "ground", "hands", "sweeper"} | TASKS
    (tmp_path / "market/compose.yaml").write_text("[")
    assert completed(capsys, "build ga") == TASKS


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("build --re", {"--remote", "--retries", "--registry"}),
        ("build svc-ocr --dry", {"--dry-run"}),
        ("build svc-ocr push --fo", {"--force"}),
    ],
)
def test_a_flag_that_is_begun_completes(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, flags: set[str]
) -> None:
    begun = line.split()[-1]
    assert {flag for flag in completed(capsys, line) if flag.startswith(begun)} == flags


def test_outside_a_repository_no_names_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed(capsys, "build svc-") == TASKS


def completed(capsys: pytest.CaptureFixture[str], line: str) -> set[str]:
    with pytest.raises(SystemExit) as left:
        Program(namespace=namespace, binary_names=["inv", "invoke"]).run(
            ["invoke", "--complete", "--", "invoke", *line.split()]
        )
    assert left.value.code == 0
    return set(capsys.readouterr().out.split())


@pytest.mark.process
@pytest.mark.parametrize(
    ("run", "program", "module"),
    [(in_process.invoke, "invoke", "invoke"), (in_process.slipway, "slipway", "slipway.tasks")],
    ids=["invoke", "slipway"],
)
def test_bash_completes_with_invokes_own_script(folder: Path, run: Run, program: str, module: str) -> None:
    if program == "invoke":
        (folder / "tasks.py").write_text("from slipway.tasks import namespace\n")
    script = run("--print-completion-script=bash", cwd=folder, env=os.environ).stdout
    (name,) = re.findall(r"^(_complete_\w+)\(\)", script, re.MULTILINE)
    ours = f'{program}() {{ {shlex.quote(sys.executable)} -m {module} "$@"; }}; inv() {{ {program} "$@"; }}'
    press_tab = f'{name} {program} "${{COMP_WORDS[-1]}}"; echo "${{COMPREPLY[@]}}"'
    lines = [f"COMP_WORDS=({program} {words}); {press_tab}" for words in ("build svc-", "build --re", "pl")]
    argv = ["bash", "-c", "\n".join([ours, script, *lines])]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    assert [sorted(line.split()) for line in done.stdout.splitlines()] == [
        ["svc-forms", "svc-ocr"],
        ["--registry", "--remote", "--retries"],
        ["plan"],
    ]
