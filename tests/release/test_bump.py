"""A new version of the bases: the files that name it, and the images that it concerns."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Step
from slipway.plan.reasons import InEngine, NotBuilt
from slipway.plan.repository import read_repository
from slipway.release.bump import Bump, effects, own_bytes, plan_bump
from slipway.release.writing import reading
from slipway.stack.worktree import Worktree

ALL = ("base-runtime", "base-ml", "svc-forms", "svc-ocr")


def planned(root: Path, new: str = "v2", **environment: str) -> Bump:
    settings = load(root, environment=environment)
    return plan_bump(read_repository(settings, Worktree(root), {}), new, reading(root))


def set_default(root: Path, *paths: str, default: str = "v1") -> None:
    for path in paths:
        file = root / path
        file.write_text(file.read_text().replace("ARG BASE_VERSION\n", f"ARG BASE_VERSION={default}\n"))


def edited(bump: Bump) -> dict[str, list[str]]:
    """Return the new lines of each file."""
    return {edit.path: [line[1:] for line in edit.diff.splitlines()[2:] if line.startswith("+")] for edit in bump.edits}


def test_exactly_the_files_that_name_the_version_change(repository: Path) -> None:
    (repository / ".env").write_text("# ours\nBASE_VERSION='v1'\nOWNER=v1\n")
    (repository / ".env.example").write_text("#BASE_VERSION=v1\n")
    set_default(repository, "infra/docker/base-runtime.Dockerfile", "infra/docker/base-ml.Dockerfile")
    set_default(repository, "apps/svc_ocr/Dockerfile", default="unset")
    bump = planned(repository)
    assert edited(bump) == {
        ".env": ["BASE_VERSION='v2'"],
        ".env.example": ["#BASE_VERSION=v2"],
        "infra/docker/base-ml.Dockerfile": ["ARG BASE_VERSION=v2"],
    }
    assert [image.name for image in bump.images] == list(ALL)
    assert {str(reference.tag) for reference in bump.new_references} == {"v2"} and len(bump.new_references) == 4


def test_the_default_version_becomes_a_line_of_the_env_file(repository: Path) -> None:
    assert edited(planned(repository)) == {".env": ["BASE_VERSION=v2"]}


@pytest.mark.parametrize("env", ["BASE_VERSION=v1\nVERSION=v7\n"])
def test_services_with_a_version_of_their_own_keep_it(repository: Path, env: str) -> None:
    (repository / ".env").write_text(env)
    bump = planned(repository)
    assert {name: reference.tag for name, reference in bump.references.items()} == {
        "base-runtime": "v2",
        "base-ml": "v2",
        "svc-forms": "v7",
        "svc-ocr": "v7",
    }
    assert [reference.name for reference in bump.new_references] == ["base-runtime", "base-ml"]
    found = {one.image: (one.action, one.reason) for one in effects(bump, {}, {})}
    assert found["svc-ocr"] == (Action.REUSE, "its version is another")


def test_an_image_that_names_the_old_version_itself_stays_on_it(repository: Path) -> None:
    (repository / ".env").write_text("REGISTRY=reg.example.com\nBASE_VERSION=v1\n")
    file = repository / "apps/svc_ocr/Dockerfile"
    file.write_text(file.read_text().replace("${BASE_VERSION}", "v1"))
    bump = planned(repository)
    assert [image.name for image in bump.pinned] == ["svc-ocr"]
    found = {one.image: (one.action, one.reason) for one in effects(bump, {}, {})}
    assert found["svc-ocr"] == (Action.REUSE, "its Dockerfile names v1 itself")


def test_an_image_is_built_when_its_inputs_change_and_only_tagged_otherwise(repository: Path) -> None:
    (repository / ".env").write_text("BASE_VERSION=v1\n")
    set_default(repository, "infra/docker/base-ml.Dockerfile")
    bump = planned(repository)
    nowhere = Reference("r", "a", "v1")
    steps = {
        "base-runtime": Step("base-runtime", Action.REUSE, InEngine("in-1"), nowhere, nowhere, "sha256:0"),
        "svc-forms": Step("svc-forms", Action.BUILD, NotBuilt(), nowhere, nowhere, "sha256:1"),
    }
    sizes = {"base-runtime": 100, "base-ml": 130, "svc-ocr": 131}
    assert [(one.image, one.action, one.reason, one.bytes) for one in effects(bump, steps, sizes)] == [
        ("base-runtime", Action.TAG, "", 100),
        ("base-ml", Action.BUILD, "infra/docker/base-ml.Dockerfile names the version", 30),
        ("svc-forms", Action.BUILD, str(NotBuilt()), 0),
        ("svc-ocr", Action.BUILD, "base-ml is built", 1),
    ]


def test_a_version_that_another_source_sets_is_refused(repository: Path) -> None:
    (repository / ".env").write_text("BASE_VERSION=v1\n")
    with pytest.raises(UsageError) as caught:
        planned(repository, BASE_VERSION="v3")
    assert caught.value.message == "BASE_VERSION=v3: set by environment, which would win over .env"


def test_a_repository_without_bases_has_nothing_to_raise(repository: Path) -> None:
    for path in ("infra/docker/base-runtime.Dockerfile", "infra/docker/base-ml.Dockerfile", "apps/svc_ocr/Dockerfile"):
        (repository / path).unlink()
    (repository / "apps/svc_forms/Dockerfile").write_text("FROM python:3.12-slim\n")
    with pytest.raises(UsageError, match="no base"):
        planned(repository)


def test_bytes_are_those_of_the_images_own_layers() -> None:
    images = [
        Image("base", "a", foundation="python:3.12"),
        Image("svc", "b", foundation="base"),
        Image("tool", "c"),
        Image("lone", "d", foundation="other"),
    ]
    assert own_bytes(images, {"base": 5, "svc": 7, "lone": 9}) == {"base": 5, "svc": 2, "lone": 9}
    assert own_bytes(images, {"svc": 7}) == {}
