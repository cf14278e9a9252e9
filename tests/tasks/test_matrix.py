"""``invoke ci-matrix`` from the command line, without engine and registry: the images that it names since a commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tasks.monorepo import TASKS, Monorepo

pytestmark = pytest.mark.process
#: slipway's own namespace stays as it is: other tests use it.
CONFIGURING = f"""from invoke import Collection
{TASKS}
ns = Collection(*namespace.tasks.values())
ns.configure({{"slipway": {{"owner": "me"}}}})
"""
ALL = ["base-runtime", "base-ml", "svc-forms", "svc-ocr"]


@pytest.fixture
def repo(repository: Path) -> Monorepo:
    for name in ("forms", "ocr"):
        (repository / f"apps/svc_{name}/smoke").mkdir()
        (repository / f"apps/svc_{name}/smoke/test_it.py").write_text("def test_it(): pass\n")
        (repository / f"apps/svc_{name}/.dockerignore").write_text("smoke\n")
        file = repository / f"apps/svc_{name}/Dockerfile"
        file.write_text(file.read_text().replace(f"COPY apps/svc_{name}", f"COPY apps/svc_{name}/app"))
        (repository / f"apps/svc_{name}/app").mkdir()
        (repository / f"apps/svc_{name}/app/main.py").write_text("1\n")
    return Monorepo.begin(repository)


def test_without_a_change_there_is_nothing_to_do(repo: Monorepo) -> None:
    found = repo.matrix()
    assert (found["any"], found["count"], found["levels"], found["jobs"]) == (False, 0, [], [])
    assert found["commit"] == repo.git("rev-parse", "HEAD")


def test_a_changed_service_is_alone(repo: Monorepo) -> None:
    repo.edit("apps/svc_ocr/app/main.py", "1", "2")
    (one,) = repo.matrix()["images"]
    assert one == {
        "image": "svc-ocr",
        "kind": "service",
        "level": 0,
        "build": True,
        "smoke": True,
        "needs": [],
        "changes": ["apps/svc_ocr/app/main.py changed"],
    }


def test_a_changed_base_comes_before_its_children(repo: Monorepo) -> None:
    repo.write("libs/kit/more.py", "")
    found = repo.matrix()
    assert found["levels"] == [["base-runtime"], ["base-ml", "svc-forms"], ["svc-ocr"]]
    assert [job["needs"] for job in found["jobs"]] == [[], ["base-runtime"], ["base-runtime"], ["base-ml"]]
    assert repo.built()["svc-ocr"] == ["parent base-ml changed"]


@pytest.mark.parametrize(
    ("edit", "image", "reason"),
    [
        (lambda repo: (repo.root / "libs/kit/kit.py").unlink(), "base-runtime", "libs/kit"),
        (
            lambda repo: (repo.root / "libs/kit/kit.py").rename(repo.root / "libs/kit/b.py"),
            "base-runtime",
            "b.py added",
        ),
        (lambda repo: (repo.root / "libs/kit/kit.py").chmod(0o755), "base-runtime", "libs/kit/kit.py changed"),
        (lambda repo: repo.write("infra/docker/base-ml.Dockerfile.dockerignore", "*.md"), "", ""),
        (
            lambda repo: repo.edit("apps/svc_ocr/Dockerfile", "ARG OWNER", "ARG OWNER=me"),
            "svc-ocr",
            "Dockerfile changed",
        ),
        (lambda repo: repo.write("README.md", "about"), "", ""),
        (lambda repo: repo.write("apps/svc_new/Dockerfile", "FROM scratch\nUSER 1:1\n"), "svc-new", "is new"),
        (lambda repo: repo.edit("apps/svc_ocr/Dockerfile", "COPY", "KOPY"), "svc-ocr", "cannot be planned"),
    ],
    ids=["deleted", "renamed", "mode", "ignored", "arg", "unread", "new", "broken"],
)
def test_each_kind_of_change(repo: Monorepo, edit: Callable[[Monorepo], object], image: str, reason: str) -> None:
    if reason == "libs/kit":
        repo.write("libs/kit/other.py", "")
        repo.commit()
    edit(repo)
    found = repo.built()
    assert list(found)[:1] == ([image] if image else [])
    assert not image or reason in found[image][0]


def test_a_change_of_the_table_counts_where_it_enters_an_image(repo: Monorepo) -> None:
    table = '[tool.slipway.images]\n"infra/docker/{name}.Dockerfile" = {}\n"apps/svc_forms/Dockerfile" = {}\n'
    table += '"apps/svc_ocr/Dockerfile" = { name = "svc-ocr", args = { TORCH = "1" } }\n'
    repo.edit("apps/svc_ocr/Dockerfile", "COPY", "ARG TORCH\nCOPY")
    repo.write("pyproject.toml", table)
    repo.commit()
    repo.edit("pyproject.toml", 'TORCH = "1"', 'TORCH = "2"')
    assert repo.built() == {"svc-ocr": ["arg TORCH changed"]}


def test_changed_smoke_tests_need_no_build(repo: Monorepo) -> None:
    repo.write("apps/svc_forms/smoke/test_it.py", "def test_more(): pass\n")
    repo.write("infra/docker/smoke/base-ml/test_ml.py", "def test_ml(): pass\n")
    repo.write("pyproject.toml", "[tool.slipway.smoke.base-runtime]\njob = true\n")
    assert repo.built() == {}
    assert repo.tested() == {
        "base-runtime": ["smoke.base-runtime changed"],
        "base-ml": ["infra/docker/smoke/base-ml/test_ml.py added"],
        "svc-forms": ["apps/svc_forms/smoke/test_it.py changed"],
        "svc-ocr": ["infra/docker/smoke/base-ml/test_ml.py added"],
    }
    assert repo.matrix()["levels"] == [ALL]


def test_a_conftest_above_the_tests_counts(repo: Monorepo) -> None:
    repo.write("apps/conftest.py", "")
    assert repo.tested() == {name: ["apps/conftest.py added"] for name in ("svc-forms", "svc-ocr")}


def test_the_settings_of_an_ignored_env_file_hold_for_both(repo: Monorepo) -> None:
    repo.write(".env", "PYTHON_IMAGE=python:3.13-slim\n")
    assert repo.built() == {}


def test_a_tracked_env_file_counts(repo: Monorepo) -> None:
    repo.write(".env", "PYTHON_IMAGE=python:3.13-slim\n")
    repo.git("add", "--force", ".env")
    assert list(repo.built()) == ALL


def test_a_root_image_counts_by_its_digest_in_images_lock(repo: Monorepo) -> None:
    lock = '"python:3.12-slim" = "sha256:{}"\n'
    repo.write("images.lock", lock.format("1" * 64))
    repo.commit()
    repo.write("images.lock", lock.format("2" * 64))
    found = repo.built()
    assert list(found) == ALL
    assert found["base-runtime"] == ["root image python:3.12-slim changed"]


def test_the_repositorys_invoke_yaml_counts(repo: Monorepo) -> None:
    repo.write("invoke.yaml", "slipway:\n  python_image: python:3.13-slim\n")
    assert list(repo.built()) == ALL
    repo.commit()
    assert repo.built() == {}
    (repo.root / "invoke.yaml").unlink()
    assert list(repo.built()) == ALL


def test_a_tasks_file_that_configures_slipway_counts_for_all(repo: Monorepo) -> None:
    repo.write("tasks.py", f"{TASKS}# other words\n")
    assert repo.built() == {}
    repo.write("tasks.py", CONFIGURING)
    assert repo.built() == {name: ["tasks.py changed, and it configures slipway"] for name in ALL}


def test_a_repository_in_a_folder_of_the_git_repository(tmp_path: Path, repository: Path) -> None:
    repo = Monorepo.begin(repository, repository.parent)
    (repository.parent / "elsewhere").write_text("1")
    assert repo.built() == {}
    repo.write("libs/kit/kit.py", "kit = 2\n")
    assert list(repo.built()) == ALL


@pytest.mark.fault("P82")
def test_a_commit_that_slipway_cannot_read_makes_all_images_count(repo: Monorepo) -> None:
    repo.write("pyproject.toml", "[tool.slipway]\ncontext-limit = 1.5\n")
    broken = repo.commit()
    repo.write("pyproject.toml", "")
    found = repo.built("--since", broken)
    assert list(found) == ALL
    assert f"{broken[:7]} cannot be read" in found["svc-ocr"][0]


@pytest.mark.fault("P82")
def test_an_image_that_could_not_be_planned_counts(repo: Monorepo) -> None:
    repo.edit("apps/svc_ocr/Dockerfile", "COPY apps/svc_ocr/app", "COPY made/first")
    repo.commit()
    assert (
        "cannot be planned: apps/svc_ocr/Dockerfile:5: source made/first does not exist" in repo.built()["svc-ocr"][0]
    )
    repo.write("made/first", "")
    assert "in HEAD" in repo.built()["svc-ocr"][0]


def test_it_leaves_gits_files_and_the_checkout_as_they_are(repo: Monorepo) -> None:
    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in repo.root.rglob("*") if path.is_file()}

    repo.git("update-index", "--refresh")
    before = state()
    repo.matrix()
    assert state() == before


def test_modes_of_another_umask_do_not_count(repo: Monorepo) -> None:
    (repo.root / "libs/kit/kit.py").chmod(0o600)
    (repo.root / "libs/kit").chmod(0o700)
    assert repo.built() == {}


def test_github_gets_one_line_for_each_output(repo: Monorepo) -> None:
    repo.edit("apps/svc_ocr/app/main.py", "1", "2")
    repo.edit("apps/svc_forms/app/main.py", "1", "2")
    done = repo.run("--since", "HEAD", "--format", "github")
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert (found["any"], found["count"], found["images"]) == ("true", "2", "svc-forms svc-ocr")
    assert json.loads(found["levels"]) == [["svc-forms", "svc-ocr"]]
    assert json.loads(found["matrix"])["include"][0] == {"name": "svc-forms", "images": "svc-forms", "level": 0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "githup"), "hint:  did you mean github?"),
        (("--format", "gitlab", "--json"), "contradict"),
        (("--at-most", "0"), "--at-most 0"),
    ],
    ids=["format", "two formats", "no job"],
)
def test_wrong_options_are_refused(repo: Monorepo, words: tuple[str, ...], said: str) -> None:
    done = repo.run("--since", "HEAD", *words)
    assert done.returncode == 2 and said in done.stderr
