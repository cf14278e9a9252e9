"""The files that say how images are built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slipway.adopt.listing import kind_of, list_repository, recognise
from slipway.core.command import Command, Result
from tests.adopt.adopting import no_git, write

FROM = "# syntax=docker/dockerfile:1\n\nfrom scratch\n"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Dockerfile", "dockerfiles"),
        ("a/Dockerfile.gpu", "dockerfiles"),
        ("a/Dockerfile_gpu", "dockerfiles"),
        ("a/Dockerfile-gpu", "dockerfiles"),
        ("a/dockerfile.base", "dockerfiles"),
        ("gpu.dockerfile", "dockerfiles"),
        ("gpu.Dockerfile", "dockerfiles"),
        ("DemoDockerfile", "dockerfiles"),
        ("Containerfile", "dockerfiles"),
        ("Dockerfile.j2", "others"),
        ("Dockerfile-linux.template", "others"),
        ("a/Dockerfile-cpu.patch", "others"),
        ("a/Dockerfile.requirements.txt", "others"),
        ("Dockerfile.dockerignore", "others"),
        ("test_dockerfile.py", "others"),
        ("docker/README.md", ""),
        ("node_modules/x/Dockerfile", ""),
        ("vendor/x/compose.yaml", ""),
        ("{{cookiecutter.name}}/Dockerfile", ""),
        ("compose.yaml", "compose"),
        ("docker-compose.dev.yml", "compose"),
        ("a/kafka-compose.yml", "compose"),
        ("docker_image_build/build.yaml", "compose"),
        ("docker-bake.hcl", "bake"),
        ("docker-bake.override.json", "bake"),
        ("Makefile", "scripts"),
        ("ci/images.mk", "scripts"),
        ("tools/build.sh", "scripts"),
        (".github/workflows/ci.yml", "scripts"),
        ("main.py", ""),
    ],
)
def test_a_name_decides_the_kind_of_a_file(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_the_content_decides_as_well(tmp_path: Path) -> None:
    files = {
        "a/Dockerfile": FROM,
        "b/Dockerfile": "ARG X=1\nFROM a:${X}\n",
        "c/Dockerfile": "these are notes\n",
        "d/Dockerfile": "FROM {{ image }}\n",
        "compose.yaml": "services:\n  a:\n    build: .\n",
        "deploy/compose.yaml": "services:\n  a:\n    image: a\n",
    }
    found = recognise(files, write(tmp_path, files), "git")
    assert found.dockerfiles == ("a/Dockerfile", "b/Dockerfile")
    assert found.others == ("c/Dockerfile", "d/Dockerfile")
    assert found.compose == ("compose.yaml",)
    assert found.count == len(files)


def test_a_link_to_another_dockerfile_is_the_same_dockerfile(tmp_path: Path) -> None:
    write(tmp_path, {"docker/api/Dockerfile": FROM, "tool/Dockerfile.real": FROM})
    (tmp_path / "Dockerfile").symlink_to("docker/api/Dockerfile")
    (tmp_path / "tool/Dockerfile").symlink_to(os.devnull)
    files = ["Dockerfile", "docker/api/Dockerfile", "tool/Dockerfile", "tool/Dockerfile.real"]
    assert recognise(files, tmp_path, "git").dockerfiles == ("docker/api/Dockerfile", "tool/Dockerfile.real")


def test_git_lists_the_files_where_it_can(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": FROM, "ignored/Dockerfile": FROM})
    asked: list[Command] = []

    def git(command: Command) -> Result:
        asked.append(command)
        return Result(0, "Dockerfile\0main.py\0")

    found = list_repository(tmp_path, git)
    assert (found.source, found.count, found.dockerfiles) == ("git", 2, ("Dockerfile",))
    assert asked[0].argv[:2] == ("git", "ls-files") and asked[0].cwd == str(tmp_path)


def test_without_git_slipway_walks_and_leaves_out_made_folders(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(("x/Dockerfile", ".venv/Dockerfile", "node_modules/a/Dockerfile"), FROM))
    found = list_repository(tmp_path, no_git)
    assert (found.source, found.count, found.dockerfiles) == ("walk", 1, ("x/Dockerfile",))
