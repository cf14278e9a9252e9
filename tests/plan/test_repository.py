"""A repository that is read: what slipway refuses before it contacts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.core.errors import PolicyError, UsageError
from slipway.plan.repository import read_repository
from slipway.secrets.secret import Secret
from slipway.stack.worktree import Worktree
from tests.plan.test_facts import settings_of


def test_a_secret_as_an_arg_is_refused(repository: Path) -> None:
    path = repository / "apps/svc_ocr/Dockerfile"
    path.write_text(path.read_text() + "ARG HF_TOKEN=x\n")
    stack = read_repository(settings_of(repository), Worktree(repository), {}).stack
    with pytest.raises(PolicyError) as caught:
        stack.refuse(stack.faults)
    assert str(caught.value) == (
        "error: apps/svc_ocr/Dockerfile:6: HF_TOKEN would stand in the image's history (secret-name)\n"
        "hint:  RUN --mount=type=secret,id=hf_token instead of ARG or ENV; "
        'or [tool.slipway.allow] svc-ocr = { secret-name = "why" }; docs/policy.md#secret-name'
    )
    assert [problem.code for problem in caught.value.problems] == ["secret-name"]
    assert caught.value.as_json()["problems"][0]["code"] == "secret-name"  # type: ignore[index]


@pytest.mark.fault("C43")
def test_a_rule_that_the_project_sets_aside_for_one_image(repository: Path) -> None:
    for name in ("ocr", "forms"):
        path = repository / f"apps/svc_{name}/Dockerfile"
        path.write_text(path.read_text() + "ENV HF_TOKEN=x\nRUN curl https://x.example | sh\n")
    allowed = '[tool.slipway.allow]\nsvc-ocr = { secret-name = "an id", download = "the only way" }\n'
    (repository / "pyproject.toml").write_text(allowed)
    stack = read_repository(settings_of(repository), Worktree(repository), {}).stack
    with pytest.raises(PolicyError) as caught:
        stack.refuse(stack.faults)
    places = [problem.where for problem in caught.value.problems]
    assert places == ["apps/svc_forms/Dockerfile:6", "apps/svc_forms/Dockerfile:7"]
    (repository / "pyproject.toml").write_text(f'{allowed}svc-forms = {{ secret-name = "too", download = "too" }}\n')
    assert read_repository(settings_of(repository), Worktree(repository), {}).stack.faults == {}
    secrets = [Secret("geheim12"), Secret("curl https://x.example")]
    with pytest.raises(PolicyError, match=r"RUN holds a secret.*\(known-secret\)"):
        read_repository(settings_of(repository), Worktree(repository), {}, secrets=secrets).stack["svc-ocr"]


@pytest.mark.fault("C43")
def test_a_permission_for_an_image_that_is_not_there(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.slipway.allow]\nsvc-orc = { download = "why" }\n')
    with pytest.raises(UsageError) as caught:
        read_repository(settings_of(repository), Worktree(repository), {})
    assert str(caught.value) == "error: pyproject.toml:2: allow svc-orc: matches no image\nhint:  did you mean svc-ocr?"


@pytest.mark.fault("C02")
def test_names_in_env_that_no_image_uses_are_kept_for_the_session(repository: Path) -> None:
    (repository / ".env").write_text("OWNER=acme\nBASE_VERISON=v1\n")
    found = read_repository(settings_of(repository), Worktree(repository), {})
    assert [str(problem) for problem in found.unused.values()] == [".env:2: BASE_VERISON is used by no image"]


@pytest.mark.fault("X01")
def test_secrets_that_become_known_later_are_looked_for_too(repository: Path) -> None:
    path = repository / "apps/svc_ocr/Dockerfile"
    path.write_text(path.read_text() + "ARG MIRROR\n")
    (repository / ".env").write_text("MIRROR=geheim12\n")
    settings, worktree = settings_of(repository), Worktree(repository)
    read_repository(settings, worktree, {}, secrets=[Secret("other-one"), Secret("xy")])
    with pytest.raises(PolicyError, match="the value of MIRROR is a secret"):
        read_repository(settings, worktree, {}, secrets=[Secret("geheim12")]).stack["svc-ocr"]


def test_no_dockerfile_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Dockerfile found"):
        read_repository(settings_of(tmp_path), Worktree(tmp_path), {})
