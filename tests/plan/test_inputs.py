"""The inputs that name an image: each of them counts, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.core.errors import UsageError
from slipway.core.image import LocalImage
from slipway.plan.facts import changed_since, gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine
from tests.plan.test_facts import NAMES, PYTHON, changed, digests, edit, settings_of, snapshot_of


def test_a_change_reaches_all_that_stands_on_it(repository: Path) -> None:
    before = digests(repository)
    assert sorted(before) == sorted(NAMES)
    (repository / "apps/svc_ocr/main.py").write_text("x")
    with_service = digests(repository)
    assert changed(before, with_service) == {"svc-ocr"}
    (repository / "libs/kit/kit.py").write_text("kit = 2\n")
    assert changed(with_service, digests(repository)) == set(NAMES)


def test_a_new_version_owner_or_registry_of_the_same_content_changes_nothing(repository: Path) -> None:
    before = digests(repository)
    assert digests(repository, BASE_VERSION="v9", OWNER="acme", REGISTRY="127.0.0.1:2") == before


def test_a_new_platform_or_root_image_changes_all(repository: Path) -> None:
    before = digests(repository)
    assert changed(before, digests(repository, PLATFORMS="linux/riscv64")) == set(NAMES)
    newer = FakeEngine([LocalImage("sha256:newer", PYTHON.tags)])
    assert changed(before, digests(repository, engine=newer)) == set(NAMES)


def test_where_the_repository_lies_does_not_count(repository: Path) -> None:
    before = digests(repository)
    assert digests(repository.rename(repository.with_name("elsewhere"))) == before


@pytest.mark.fault("B31")
def test_an_arg_that_a_stage_declares_counts_whatever_its_name(repository: Path) -> None:
    edit(repository, "infra/docker/base-ml.Dockerfile", "RUN true", "ARG BASE_VERSION\nRUN true")
    before = digests(repository)
    assert changed(before, digests(repository, OWNER="acme")) == set()
    assert changed(before, digests(repository, BASE_VERSION="v9")) == {"base-ml", "svc-ocr"}


@pytest.mark.fault("B31")
def test_a_foreign_arg_that_leads_to_a_parent_alone_does_not_count(repository: Path) -> None:
    edit(repository, "apps/svc_ocr/Dockerfile", "ARG BASE_VERSION\n", "ARG REPO\nARG BASE_TAG\n")
    edit(
        repository, "apps/svc_ocr/Dockerfile", "${REGISTRY}/${OWNER}/base-ml:${BASE_VERSION}", "$REPO/base-ml:$BASE_TAG"
    )

    def under(tag: str) -> dict[str, str]:
        (repository / ".env").write_text(f"REPO=127.0.0.1:1/slipway\nBASE_TAG={tag}\n")
        return digests(repository, BASE_VERSION=tag)

    before = under("v1")
    assert changed(before, under("v2")) == set()
    edit(repository, "apps/svc_ocr/Dockerfile", "COPY", "ARG BASE_TAG\nCOPY")
    before = under("v1")
    assert changed(before, under("v2")) == {"svc-ocr"}


@pytest.mark.fault("B31")
def test_the_stage_and_parent_that_an_arg_chooses_count(repository: Path) -> None:
    """Another stage of the same file, and two parents the other way round, with the same files and parents."""
    (repository / "apps/svc_ocr/Dockerfile").write_text(
        "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nARG WHICH\nARG ONE\nARG OTHER\n"
        "FROM ${REGISTRY}/${OWNER}/${ONE}:${BASE_VERSION} AS one\nRUN one\n"
        "FROM ${REGISTRY}/${OWNER}/${OTHER}:${BASE_VERSION} AS other\nRUN other\nCOPY --from=one /1 /\n"
        "FROM ${WHICH}\nCOPY --from=other /2 /\n"
    )
    env = {"WHICH": "one", "ONE": "base-ml", "OTHER": "base-runtime"}

    def chosen(**more: str) -> dict[str, str]:
        (repository / ".env").write_text("".join(f"{name}={value}\n" for name, value in {**env, **more}.items()))
        return digests(repository)

    before = chosen()
    assert changed(before, chosen(WHICH="other")) == {"svc-ocr"}
    assert changed(before, chosen(ONE="base-runtime", OTHER="base-ml")) == {"svc-ocr"}
    assert chosen() == before


@pytest.mark.fault("B32")
def test_the_inputs_of_every_platform_count(repository: Path) -> None:
    (repository / "apps/svc_ocr/Dockerfile").write_text(
        "FROM scratch AS src-amd64\nCOPY apps/svc_ocr/amd64.txt /\n"
        "FROM scratch AS src-arm64\nCOPY apps/svc_ocr/arm64.txt /\nFROM src-${TARGETARCH}\n"
    )
    for arch in ("amd64", "arm64"):
        (repository / f"apps/svc_ocr/{arch}.txt").write_text("1")
    both = {"PLATFORMS": "linux/amd64,linux/arm64"}
    before, one = digests(repository, **both), digests(repository, PLATFORMS="linux/amd64")
    assert before == digests(repository, PLATFORMS="linux/arm64/v8,linux/amd64")
    (repository / "apps/svc_ocr/arm64.txt").write_text("2")
    assert changed(before, digests(repository, **both)) == {"svc-ocr"}
    assert changed(one, digests(repository, PLATFORMS="linux/amd64")) == set()


@pytest.mark.fault("B32")
def test_the_builder_s_platform_counts_where_it_is_used(repository: Path) -> None:
    edit(repository, "apps/svc_ocr/Dockerfile", "COPY", "ARG BUILDARCH\nCOPY")

    def built_on(native: str) -> dict[str, str]:
        settings = settings_of(repository, REGISTRY="127.0.0.1:1", PLATFORMS="linux/amd64")
        found = read_repository(settings, Worktree(repository), {}, native)
        asked = Registry("127.0.0.1:1", policy=HASTE)
        return dict(gather_facts(found, FakeEngine([PYTHON]), lambda: asked).facts.digests)

    assert changed(built_on("linux/amd64"), built_on("linux/arm64")) == {"svc-ocr"}


@pytest.mark.fault("B30")
def test_files_that_a_parents_trigger_reads_count(repository: Path) -> None:
    path = repository / "infra/docker/base-ml.Dockerfile"
    path.write_text(path.read_text() + "ONBUILD COPY apps/svc_ocr/requirements.txt /\n")
    with pytest.raises(UsageError) as caught:
        digests(repository, names=["svc-ocr"])
    (problem,) = caught.value.problems
    by = "ONBUILD of 127.0.0.1:1/slipway/base-ml:v0.1.0"
    assert problem.where == f"apps/svc_ocr/Dockerfile:4 ({by})"
    assert problem.what == "source apps/svc_ocr/requirements.txt does not exist"
    (repository / "apps/svc_ocr/requirements.txt").write_text("1")
    edit(repository, "apps/svc_ocr/Dockerfile", "COPY apps/svc_ocr /app/\n", "")
    before = digests(repository)
    (repository / "apps/svc_ocr/requirements.txt").write_text("2")
    assert changed(before, digests(repository)) == {"svc-ocr"}


@pytest.mark.fault("B30")
def test_files_that_a_root_images_trigger_reads_count(repository: Path) -> None:
    """Before the root image is in the engine nothing is known of it, and no image has that digest."""
    (repository / "more.txt").write_text("1")
    triggered = FakeEngine([replace(PYTHON, onbuild=("ARG BASE_VERSION", "COPY more.txt /"))])
    before = digests(repository, engine=triggered)
    assert changed(before, digests(repository, engine=FakeEngine())) == set(NAMES)
    assert changed(before, digests(repository, engine=triggered, BASE_VERSION="v9")) == set(NAMES)
    first = snapshot_of(repository, triggered)
    assert changed_since(first, NAMES, triggered.held) == {}
    (repository / "more.txt").write_text("2")
    assert changed(before, digests(repository, engine=triggered)) == set(NAMES)
    assert changed_since(first, ["base-runtime"], triggered.held) == {"base-runtime": "more.txt changed"}


def test_a_folder_of_a_named_context_s_name_is_another_input(repository: Path) -> None:
    path = repository / "infra/docker/base-ml.Dockerfile"
    path.write_text(path.read_text() + "COPY --from=wheels / /w/\nCOPY wheels /x/\n")
    for folder in (repository / "wheels", repository.parent / "wheels"):
        folder.mkdir()
        (folder / "a").write_text("1")
    given = {"wheels": repository.parent / "wheels"}
    seen = [digests(repository, contexts=given)]
    for folder in (repository / "wheels", repository.parent / "wheels"):
        (folder / "a").write_text("2")
        seen.append(digests(repository, contexts=given))
    assert len({found["base-ml"] for found in seen}) == 3
