"""Smoke tests asked for as a person does: what each image that fails ends with, and that nothing of it stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, SMOKE]
GOOD = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY libs/bin /bin/
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["test", "-d", "/"]
CMD ["sleep", "infinity"]
"""
EXITS = GOOD + 'CMD ["sh", "-c", "echo first words; echo the last words; exit 9"]\n'
ROOTS = GOOD + "COPY libs/passwd /etc/passwd\nUSER root\n"
MOVES = """\
import subprocess


def test_someone_moves_the_tag_meanwhile():
    subprocess.run(["docker", "tag", "{other}", "{tag}"], check=True)
"""


@pytest.fixture
def harbour(stack: Stack) -> Iterator[Repository]:
    """A repository of svc-good, which works."""
    made = stack("blank")
    made.write_programs("libs/bin")
    made.write("libs/passwd", "root:x:0:0::/:/bin/sh\n")
    made.write("apps/svc_good/Dockerfile", GOOD)
    yield made


@pytest.mark.fault("T01", "T05", "T33")
def test_an_image_that_stops_immediately_fails_with_its_logs(harbour: Repository) -> None:
    harbour.write("apps/svc_ends/Dockerfile", EXITS)
    harbour.invoke("build").ok()
    ran = harbour.invoke("smoke", "svc-ends")
    ran.failed(9, "error: smoke svc-ends:", "exit code 9; ", ": the last words").failed(
        9, "hint:  invoke smoke svc-ends", "log:   "
    )
    report = harbour.runs()[-1] / "smoke-svc-ends/pytest.log"
    assert str(report) in ran.closing
    assert "exit code 9" in report.read_text() and "the last words" in report.read_text()
    kept = {log.read_text() for log in report.parent.glob("*-svc-ends-0.log")}
    assert kept == {"first words\nthe last words\n"}, "the containers are gone, their logs are not"


@pytest.mark.fault("T13")
def test_a_flaky_test_is_reported_as_flaky(harbour: Repository, tmp_path: Path) -> None:
    luck = tmp_path / "luck"
    test = f"def test_luck():\n    assert open({str(luck)!r}).read() == 'good'\n"
    harbour.write("apps/svc_good/smoke/test_luck.py", test)
    harbour.invoke("build").ok()
    luck.write_text("good")
    assert "very image" not in harbour.invoke("smoke").ok().stderr
    luck.write_text("bad")
    harbour.invoke("smoke").failed(9, "test_luck:", "1 of 2 rounds ")
    luck.write_text("good")
    assert "note: svc-good: 1 of 3 rounds " in harbour.invoke("smoke").ok().stderr


@pytest.mark.fault("U05")
def test_an_image_of_root_s_is_refused_unless_the_project_says_why(harbour: Repository) -> None:
    harbour.write("apps/svc_root/Dockerfile", ROOTS)
    harbour.invoke("build").ok()
    refused = harbour.invoke("smoke", "svc-root").failed(10, "smoke svc-root: 2 failed", "USER root")
    assert '[tool.slipway.allow] svc-root = { root = "why" }; docs/policy.md#root' in refused.closing
    noted = harbour.invoke("smoke", "svc-root", "--policy", "note").ok()
    assert "note: svc-root: test_its_user_is_a_number_and_not_root: USER root" in noted.stderr
    why = '\n[tool.slipway.allow]\nsvc-root = { root = "opens raw sockets" }\n'
    harbour.write("pyproject.toml", (harbour.root / "pyproject.toml").read_text() + why)
    harbour.invoke("smoke", "svc-root").ok()
    (allowed,) = json.loads((harbour.runs()[-1] / "run.json").read_text())["images"][0]["allowed"]
    assert (allowed["rule"], allowed["reason"]) == ("root", "opens raw sockets")


@pytest.mark.fault("T12")
def test_a_version_tag_that_someone_moved_is_noticed(harbour: Repository, root_image: str) -> None:
    harbour.invoke("build").ok()
    tag, built = harbour.reference("svc-good"), harbour.image_id(harbour.reference("svc-good"))
    moved_to = harbour.image_id(root_image)
    harbour.write("apps/svc_good/smoke/test_meanwhile.py", MOVES.format(other=root_image, tag=tag))
    ran = harbour.invoke("smoke", "--image", tag)
    ran.failed(9, f"smoke {tag}: ", f"{built[:19]} -> {moved_to[:19]}")
    assert json.loads((harbour.runs()[-1] / "run.json").read_text())["images"][0]["failed"] == 0, "it was the right one"
    assert harbour.image_id(tag) == moved_to, "the tag did move"
    harbour.write("apps/svc_good/smoke/test_meanwhile.py", "def test_nothing():\n    pass\n")
    after = harbour.invoke("smoke", "svc-good").ok()
    assert f"note: {tag} is {moved_to[:19]}; tested is {built[:19]}" in after.stderr
