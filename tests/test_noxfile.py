"""``nox --list``: images along the graph, each with its own line, and tags."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process
ROOT = Path(__file__).parent.parent
FROM = "FROM ${REGISTRY}/${OWNER}/"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The noxfile beside a stack whose alphabetical order is not that of the graph."""
    shutil.copy(ROOT / "noxfile.py", tmp_path)
    for path, text in {
        "infra/docker/base-a.Dockerfile": f"# base-a: stands on z.\n{FROM}base-z:${{BASE_VERSION}}\n",
        "infra/docker/base-z.Dockerfile": "FROM python:3.12-slim\n",
        "apps/svc_a/Dockerfile": f"# svc-a: stands on a service.\n{FROM}svc-b AS whole\n",
        "apps/svc_b/Dockerfile": f"# not its name\n{FROM}base-a@sha256:00\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def listed(folder: Path, *words: str) -> dict[str, tuple[str, list[str]]]:
    """The chosen sessions in order: name → description, tags."""
    argv = [sys.executable, "noxfile.py", "--list", "--json", *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    return {entry["session"]: (entry["description"], entry["tags"]) for entry in json.loads(done.stdout)}


def test_parents_come_before_children_each_with_its_own_line(copied: Path) -> None:
    assert [(name, told) for name, (told, tags) in listed(copied).items() if tags == ["smoke"]] == [
        ("smoke(base-z)", "the image base-z"),
        ("smoke(base-a)", "base-a: stands on z."),
        ("smoke(svc-b)", "the image svc-b"),
        ("smoke(svc-a)", "svc-a: stands on a service."),
    ]


def test_a_cycle_of_images_leaves_the_other_sessions_usable(copied: Path) -> None:
    (copied / "infra/docker/base-z.Dockerfile").write_text(f"{FROM}base-a\n")
    assert {"lint", "smoke(base-a)", "smoke(base-z)"} <= set(listed(copied))


def test_a_tag_selects(copied: Path) -> None:
    assert set(listed(copied, "-t", "fast")) == {"lint", "types", "tests"}


def test_smoke_of_a_given_image_builds_nothing(copied: Path) -> None:
    assert set(listed(copied, "-s", "smoke", "--", "--image", "localhost:5000/a/b:v1")) == {"smoke"}
    assert set(listed(copied, "-s", "smoke(svc-b)")) == {"build", "smoke(svc-b)"}
