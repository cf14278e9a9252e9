"""docs/ci/base-outdated.*: the commands of each job, run in a clone, put the change on a branch and open a change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.config.definitions import SETTINGS
from slipway.testing.fakes import RegistryServer

pytestmark = pytest.mark.process
JOBS = Path(__file__).parents[2] / "docs/ci"
#: The programs that reach a server, and their answers: pip has installed, no change is open, and the forge opens it.
PROGRAMS = {"pip": "", "gh": "", "curl": "201"}
FORGES = ("github", "gitea", "gitlab")


def commands(forge: str) -> list[str]:
    """Return the scripts of the job, each as the forge's runner runs it."""
    told: dict[str, Any] = yaml.safe_load((JOBS / f"base-outdated.{forge}.yml").read_text("utf-8"))
    if forge == "gitlab":
        return ["\n".join(told["base-outdated"]["script"])]
    return [step["run"] for step in told["jobs"]["update"]["steps"] if "run" in step]


@dataclass(frozen=True)
class Clone:
    """A clone of a repository whose root image moves. ``notes``: the words that programs were given."""

    folder: Path
    remote: Path
    notes: Path
    environment: Mapping[str, str]

    def git(self, *words: str) -> str:
        """Return the output of git in the remote."""
        return subprocess.run(
            ["git", "-C", str(self.remote), *words], capture_output=True, text=True, check=True
        ).stdout

    def run(self, forge: str) -> None:
        for script in commands(forge):
            ran = subprocess.run(
                ["bash", "-e", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr

    def noted(self, program: str) -> str:
        """Return the words that a program was given, a line each."""
        return (self.notes / program).read_text()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def clone(repository: Path, server: RegistryServer, tmp_path: Path) -> Callable[[], Clone]:
    """Make a new clone, as each run of a job gets one."""
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    server.add("roots/python", "3.11")
    notes, programs, remote = tmp_path / "notes", tmp_path / "programs", tmp_path / "remote.git"
    for folder in (notes, programs):
        folder.mkdir()
    for name, answer in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "$NOTES/{name}"\nprintf "{answer}"\n')
        (programs / name).chmod(0o755)
    names = {setting.name for setting in SETTINGS}
    own = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DOCKER_HOST": f"unix://{tmp_path}/nowhere",
        "REGISTRY": server.host,
        "PYTHON_IMAGE": f"{server.host}/roots/python:3.11",
        "NOTES": str(notes),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_API_URL": "https://forge.example/api/v1",
        "GITHUB_REPOSITORY": "acme/shop",
        "CI_SERVER_HOST": "forge.example",
        "CI_PROJECT_PATH": "acme/shop",
        "CI_DEFAULT_BRANCH": "main",
        "PUSH_TOKEN": "x",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://token:x@forge.example/acme/shop.git",
    }
    environment = {**{name: value for name, value in os.environ.items() if name not in names}, **own}

    def git(*words: str) -> None:
        author = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
        subprocess.run(["git", *author, *words], check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main", str(repository))
    git("-C", str(repository), "add", "--all")
    git("-C", str(repository), "commit", "--quiet", "--message", "shop")
    git("clone", "--quiet", "--bare", str(repository), str(remote))
    git("-C", str(remote), "config", "receive.advertisePushOptions", "true")

    def make() -> Clone:
        folder = tmp_path / f"clone-{len(list(tmp_path.glob('clone-*')))}"
        git("clone", "--quiet", str(remote), str(folder))
        return Clone(folder, remote, notes, environment)

    return make


@pytest.mark.parametrize("forge", FORGES)
def test_the_job_pushes_the_change_as_a_branch_and_opens_it(
    clone: Callable[[], Clone], server: RegistryServer, forge: str
) -> None:
    made = clone()
    made.run(forge)
    assert server.tags["roots/python", "3.11"] in made.git("show", "base-outdated:images.lock")
    assert made.git("diff", "--name-only", "main", "base-outdated") == "images.lock\n"
    if forge == "github":
        assert "pr\ncreate\n--head\nbase-outdated\n" in made.noted("gh")
    if forge == "gitea":
        body = next(line for line in made.noted("curl").splitlines() if line.startswith("{"))
        assert (json.loads(body)["head"], json.loads(body)["base"]) == ("base-outdated", "main")
        assert "https://forge.example/api/v1/repos/acme/shop/pulls\n" in made.noted("curl")


def test_a_later_run_updates_the_branch_and_one_without_news_leaves_it(
    clone: Callable[[], Clone], server: RegistryServer
) -> None:
    clone().run("github")
    moved = server.add("roots/python", "3.11", labels={"moved": "yes"})
    made = clone()
    made.run("github")
    assert moved in made.git("show", "base-outdated:images.lock")
    made.git("update-ref", "refs/heads/main", "base-outdated")
    made.git("branch", "--delete", "--force", "base-outdated")
    clone().run("github")
    assert made.git("branch", "--list", "base-outdated") == ""
