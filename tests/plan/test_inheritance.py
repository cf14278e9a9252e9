"""``inherit = "run"``: the text that BuildKit gets, the digest, and the frontends that cannot do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.inherit import Inherit, mounts
from slipway.core.errors import UsageError
from slipway.plan.facts import Snapshot, changed_since, gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine
from tests.plan.test_facts import NAMES, PYTHON, edit, settings_of

ML = "infra/docker/base-ml.Dockerfile"
PIN = f"@sha256:{'0' * 64}"


def snapshot(root: Path, inherit: Inherit = Inherit.RUN, *, ca: bool = True, version: str = "28.5.2") -> Snapshot:
    engine = FakeEngine([PYTHON])
    engine.version = version
    settings = settings_of(root, REGISTRY="127.0.0.1:1")
    repository = read_repository(settings, Worktree(root), {}, mounts=mounts(inherit, ca=ca))
    return gather_facts(repository, engine, lambda: Registry("127.0.0.1:1", policy=HASTE))


def test_buildkit_gets_the_mounts_and_the_image_its_secrets(repository: Path) -> None:
    found = snapshot(repository)
    sent = repository / found.repository.define(found.stack["base-ml"])
    planned = (repository / ML).read_text().splitlines()
    assert [line for line in sent.read_text().splitlines() if line not in planned] == [
        f"RUN {mounts(Inherit.RUN, ca=True)} true"
    ]
    assert len(sent.read_text().splitlines()) == len(planned)
    assert {"ca", "slipway.pip.conf", "ca.path"} <= set(found.stack["base-ml"].secrets)
    assert found.stack["svc-ocr"].secrets == ()


def test_it_is_an_input_of_the_images_with_such_a_run(repository: Path) -> None:
    before, after = snapshot(repository, Inherit.MOUNT).facts, snapshot(repository).facts
    assert {name: after.manifests[name].settings.get("inherit") for name in NAMES} == {
        **dict.fromkeys(NAMES),
        "base-ml": "run",
    }
    assert before.digests["base-runtime"] == after.digests["base-runtime"]
    assert before.digests["base-ml"] != after.digests["base-ml"]
    assert before.manifests["base-ml"].dockerfile == after.manifests["base-ml"].dockerfile


def test_the_digest_is_the_same_with_and_without_a_ca_bundle(repository: Path) -> None:
    with_ca, without = snapshot(repository), snapshot(repository, ca=False)
    assert with_ca.facts.digests == without.facts.digests
    assert with_ca.repository.sent[ML] != without.repository.sent[ML]


def test_an_image_that_was_built_has_not_changed(repository: Path) -> None:
    found = snapshot(repository)
    assert changed_since(found, NAMES, [PYTHON]) == {}
    edit(repository, ML, "RUN true", "RUN false")
    assert changed_since(found, ["base-ml"], [PYTHON]) == {"base-ml": "Dockerfile changed"}


@pytest.mark.parametrize(
    ("syntax", "version", "who"),
    [
        ("", "27.2.1", "Docker 27.2.1"),
        ("", "26.1.5+dfsg1", "Docker 26.1.5+dfsg1"),
        ("docker/dockerfile:1.9", "28.5.2", f"docker/dockerfile:1.9{PIN}"),
        ("docker.io/docker/dockerfile:1.4-labs", "28.5.2", f"docker.io/docker/dockerfile:1.4-labs{PIN}"),
    ],
)
def test_an_older_frontend_is_refused(repository: Path, syntax: str, version: str, who: str) -> None:
    with_syntax(repository, syntax)
    with pytest.raises(UsageError) as caught:
        snapshot(repository, version=version)
    assert str(caught.value) == (
        f'error: {ML}: inherit = "run" needs Docker 27.3, or docker/dockerfile:1.10: {who}\n'
        'hint:  update it, or set inherit = "mount"'
    )
    snapshot(repository, Inherit.MOUNT, version=version)


@pytest.mark.parametrize(
    ("syntax", "version"),
    [
        ("", "27.3.0"),
        ("", ""),
        ("docker/dockerfile:1", "20.10.24"),
        ("docker/dockerfile:1.10", "20.10.24"),
        ("docker/dockerfile:2.0", "20.10.24"),
        ("example.org/docker/dockerfile:1.2", "20.10.24"),
    ],
)
def test_a_newer_or_unknown_frontend_passes(repository: Path, syntax: str, version: str) -> None:
    with_syntax(repository, syntax)
    assert "base-ml" in snapshot(repository, version=version).stack.by_name


def with_syntax(repository: Path, syntax: str) -> None:
    if syntax:
        text = (repository / ML).read_text()
        (repository / ML).write_text(f"# syntax={syntax}{PIN}\n{text}")
