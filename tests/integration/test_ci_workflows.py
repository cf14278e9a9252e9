"""The workflows of docs/ci, run step by step in a container: a pull request builds the changed images, main releases.

One repository goes through all three systems: each gets a pull request that changes one service, and then main.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.ci import Actions, GitLab, Runner, a_runner
from tests.rig.stacks import ROOT
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

pytestmark = [pytest.mark.integration, SMOKE]
DOCS = ROOT / "docs/ci"
NAMES = ("base-floor", "svc-door", "svc-lamp")
FLOOR = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY libs/bin /bin/\nUSER 10001:10001\n"
ON_FLOOR = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nFROM ${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}\n"
ON_ROOT = FLOOR.replace("USER 10001:10001\n", "")
SERVICE = """\
COPY apps/svc_NAME/NAME.txt /
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["test", "-d", "/"]
CMD ["sleep", "infinity"]
"""
SHINES = 'def test_it(container):\n    assert container.exec("cat", "/NAME.txt").output.startswith("NAME")\n'


@dataclass
class Village:
    """A repository that CI systems clone, and the runner of their jobs."""

    origin: Repository
    runner: Runner
    login: str

    def git(self, *words: str) -> str:
        argv = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(self.origin.root), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def edit(self, branch: str, path: str, text: str) -> None:
        """Commit one edit on a new branch."""
        self.git("checkout", "-q", "-b", branch)
        self.origin.write(path, text)
        self.git("commit", "-qam", branch)

    def merge(self, branch: str) -> None:
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", branch)

    def built(self) -> set[str]:
        """Return the images that the jobs built since the last call of ``forget``."""
        lines = [
            json.loads(line) for file in self._files("journal.jsonl") for line in file.read_text("utf-8").splitlines()
        ]
        return {name for line in lines if "command" in line for name in line["images"]}

    def tested(self) -> set[str]:
        """Return the images whose smoke tests passed since the last call of ``forget``."""
        ran = [
            run
            for run in (json.loads(file.read_text("utf-8")) for file in self._files("run.json"))
            if run["command"] == "smoke"
        ]
        return {image["name"] for run in ran for image in run["images"] if image["passed"] and not image["failed"]}

    def _files(self, name: str) -> Iterator[Path]:
        """Yield the files of this name of the jobs' runs."""
        for place in self.runner.done.values():
            yield from place.glob(f".slipway/runs/*/{name}")

    def forget(self) -> None:
        self.runner.done.clear()

    def released(self) -> dict[str, str]:
        """Return the digest that each image and the record have under the version of main, as the registry tells."""
        version = self.git("describe", "--tags", "--always", "main")
        return {name: self.origin.published(name, version, self.login) for name in (*NAMES, "releases")}


@pytest.fixture
def village(
    stack: Callable[..., Repository], login_registry: str, root_image: str, tmp_path: Path
) -> Iterator[Village]:
    made = stack("blank", REGISTRY=login_registry)
    owner = made.settings["OWNER"]
    shutil.copytree(ROOT / "libs/slipway", made.root / "libs/slipway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", ".gitignore", ".dockerignore"):
        shutil.copy(ROOT / name, made.root)
    package, _, _ = (ROOT / "pyproject.toml").read_text("utf-8").partition("\n[tool.slipway]\n")
    made.write("pyproject.toml", f'{package}\n[tool.slipway]\nmoving-tags = ["latest"]\n')
    made.write_programs("libs/bin")
    made.write("infra/docker/base-floor.Dockerfile", f"{FLOOR}LABEL test={owner}\n")
    for name, below in (("door", ON_ROOT), ("lamp", ON_FLOOR)):
        made.write(f"apps/svc_{name}/Dockerfile", below + SERVICE.replace("NAME", name))
        made.write(f"apps/svc_{name}/{name}.txt", f"{name} 1\n")
        made.write(f"apps/svc_{name}/smoke/test_{name}.py", SHINES.replace("NAME", name))
    shutil.copy(DOCS / "gitlab.yml", made.root / ".gitlab-ci.yml")
    folder = tmp_path / "runner"
    folder.mkdir()
    with a_runner(folder, made.root, {"PYTHON_IMAGE": root_image}) as runner:
        village = Village(made, runner, "YW5uOm9wZW4tc2VzYW1l")
        village.git("checkout", "-q", "-b", "main")
        village.git("add", "--all")
        village.git("commit", "-qm", "begin")
        yield village
    made.track(".")


def test_each_workflow_builds_the_changed_images_and_releases_main(village: Village, login_registry: str) -> None:
    place = {"REGISTRY": login_registry, "OWNER": village.origin.settings["OWNER"]}
    password = {"GITHUB_TOKEN": "open-sesame", "REGISTRY_USERNAME": "ann", "REGISTRY_PASSWORD": "open-sesame"}
    actions = Actions(village.runner, password, place)
    gitlab = GitLab(
        village.runner,
        {
            "CI_REGISTRY": login_registry,
            "CI_REGISTRY_IMAGE": f"{login_registry}/{place['OWNER']}",
            "CI_REGISTRY_USER": "ann",
            "CI_REGISTRY_PASSWORD": "open-sesame",
            "CI_DEFAULT_BRANCH": "main",
        },
    )
    assert actions.run(DOCS / "github.yml", "push", "main") == ["release"]
    assert village.built() == village.tested() == {*NAMES}
    first = village.released()
    assert "" not in first.values()

    village.forget()
    village.edit("lamp", "apps/svc_lamp/lamp.txt", "lamp 2\n")
    assert actions.run(DOCS / "github.yml", "pull_request", "lamp", "main") == ["changed", "svc-lamp"]
    assert village.built() == village.tested() == {"svc-lamp"}

    village.forget()
    village.merge("lamp")
    assert gitlab.run(".gitlab-ci.yml", "main", CI_PIPELINE_SOURCE="push", CI_COMMIT_BRANCH="main") == ["release"]
    second = village.released()
    assert village.tested() == {*NAMES} and not village.built()
    assert [name for name in NAMES if first[name] != second[name]] == ["svc-lamp"]

    village.forget()
    village.edit("floor", "infra/docker/base-floor.Dockerfile", f"{FLOOR}LABEL test={place['OWNER']} more=1\n")
    base = village.git("merge-base", "main", "floor")
    pipeline = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    assert gitlab.run(".gitlab-ci.yml", "floor", **pipeline) == ["changed", "base-floor", "svc-lamp"]
    assert village.built() == village.tested() == {"base-floor", "svc-lamp"}

    village.forget()
    village.git("checkout", "-q", "main")
    village.edit("tests", "apps/svc_door/smoke/test_door.py", SHINES.replace("NAME", "door") + "# more\n")
    assert actions.run(DOCS / "gitea.yml", "pull_request", "tests", "main") == ["changed"]
    assert (village.built(), village.tested()) == (set(), {"svc-door"})
    village.merge("tests")
    assert actions.run(DOCS / "gitea.yml", "push", "main") == ["release"]
    assert "" not in village.released().values()
