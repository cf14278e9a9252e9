"""The facts in ``docker build`` commands of Makefiles and scripts."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.adopt.commands import BuildCommand, build_commands

DOCKERFILES = {"Dockerfile", "api/Dockerfile", "docker/Dockerfile.gpu", "ui/docker/Dockerfile"}


def found(text: str, path: str = "Makefile") -> list[BuildCommand]:
    return list(build_commands(path, text, DOCKERFILES.__contains__))


def command(dockerfile: str, context: str, where: str = "Makefile:1", **more: Any) -> BuildCommand:
    return BuildCommand(where, dockerfile, context, **more)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker build .", command("Dockerfile", ".")),
        ("docker buildx build --load -t acme/api api", command("api/Dockerfile", "api", tags=("acme/api",))),
        ("podman build -f docker/Dockerfile.gpu .", command("docker/Dockerfile.gpu", ".")),
        ("docker build --file=ui/docker/Dockerfile ui/ && docker push x", command("ui/docker/Dockerfile", "ui")),
        ("cd api && docker build -t a .", command("api/Dockerfile", "api", tags=("a",))),
        ("cd ui; docker build -f docker/Dockerfile . > log", command("ui/docker/Dockerfile", "ui")),
        ("docker build --target dev --progress plain .", command("Dockerfile", ".", target="dev")),
        (
            'docker build --build-arg A=1 --build-arg "B=x y" --build-arg http_proxy=z --build-arg C=$C .',
            command("Dockerfile", ".", args={"A": "1", "B": "x y"}),
        ),
        (
            "docker build --build-context lib=../lib --build-context base=docker-image://a:1 api",
            command("api/Dockerfile", "api", contexts={"lib": "../lib", "base": "docker-image://a:1"}),
        ),
        ('if ! docker build -t "$TAG" .; then', command("Dockerfile", ".")),
    ],
)
def test_a_command(line: str, expected: BuildCommand) -> None:
    assert found(line) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "# docker build .",
        "docker build -f missing/Dockerfile .",
        "docker build -f $FILE .",
        "docker build $FOLDER",
        "docker build - < Dockerfile",
        "docker build https://example.com/repo.git",
        "cd $FOLDER && docker build .",
        "docker build 'unclosed .",
        "docker buildx imagetools create -t a b",
        "docker build ../..",
    ],
)
def test_a_command_without_facts(line: str) -> None:
    assert found(line) == []


def test_variables_of_the_same_file_and_defaults_are_known() -> None:
    text = "OWNER ?= acme\nNAME := $(OWNER)/api\nall:\n\tdocker build -t $(NAME):${TAG:-latest} -t ${ELSEWHERE} api\n"
    assert found(text) == [command("api/Dockerfile", "api", "Makefile:4", tags=("acme/api:latest",))]


def test_a_command_of_several_lines_has_the_place_of_its_first() -> None:
    text = "all:\n\n\tcd ui; \\\n\tdocker build \\\n\t  -f docker/Dockerfile \\\n\t  .\n"
    assert found(text) == [command("ui/docker/Dockerfile", "ui", "Makefile:4")]


def test_a_loop_over_words_is_a_command_for_each() -> None:
    text = 'for name in api docker/x; do\n  docker build -t "acme/$name" "$name"\ndone\n'
    assert found(text, "build.sh") == [command("api/Dockerfile", "api", "build.sh:2", tags=("acme/api",))]
    makefile = "all:\n\tfor i in api; do docker build $$i; done\n"
    assert found(makefile) == [command("api/Dockerfile", "api", "Makefile:2")]
    assert found("for name in $NAMES; do docker build $name; done\n", "build.sh") == []


def test_paths_count_from_the_script_or_from_a_folder_above_it() -> None:
    assert found("docker build .", "api/build.sh") == [command("api/Dockerfile", "api", "api/build.sh:1")]
    assert found("docker build api", "tools/ci/build.sh") == [command("api/Dockerfile", "api", "tools/ci/build.sh:1")]
    assert found('cd "$(dirname "$0")/.." && docker build -f api/Dockerfile .', "tools/build.sh") == [
        command("api/Dockerfile", ".", "tools/build.sh:1")
    ]


@pytest.mark.parametrize(
    ("path", "in_tests"),
    [("Makefile", False), ("build.sh", False), (".github/workflows/a.yml", True), ("tests/run.sh", True)],
)
def test_commands_of_tests_and_of_ci_count_less(path: str, in_tests: bool) -> None:
    assert [one.in_tests for one in found("docker build api", path)] == [in_tests]
