"""slipway proposes a table for a repository, and asks for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.adopt.proposal import Known
from slipway.core.image import Image
from tests.adopt.adopting import adopt, lines, planned, write

BASE = "FROM python:3.12-slim\n"


def images(root: Path, files: Mapping[str, str], owner: str = "acme", name: str = "shop") -> dict[str, Image]:
    """Adopt a repository, and return the images that a plan then finds, by name."""
    proposal = adopt(write(root, files), owner, name)
    repository = planned(root, proposal)
    assert not repository.stack.faults, repository.stack.faults
    return dict(repository.stack.by_name)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["Dockerfile"], ["shop"]),
        (["Dockerfile.gpu"], ["shop-gpu"]),
        (["docker/Dockerfile.gpu"], ["gpu"]),
        (["ui/docker/Dockerfile"], ["ui"]),
        (["svc_a/Dockerfile", "svc_b/Dockerfile"], ["svc-a", "svc-b"]),
        (["a/api/Dockerfile", "b/api/Dockerfile"], ["a", "b"]),
        (["x/a/Dockerfile", "x/b/Dockerfile", "y/a/Dockerfile"], ["a", "b", "y-a"]),
        (["x/build/Dockerfile"], ["x"]),
        (["docker/Dockerfile"], ["shop"]),
        (["push/Dockerfile"], ["shop-push"]),
        (["a_b/Dockerfile", "a-b/Dockerfile"], ["a-b", "shop-a-b"]),
        (["a/Dockerfile", "a/Dockerfile.dev"], ["a", "a-dev"]),
        (["3.12/Dockerfile", "3.13/Dockerfile"], ["3-12", "3-13"]),
    ],
)
def test_each_image_has_a_name_of_its_own(tmp_path: Path, paths: list[str], names: list[str]) -> None:
    write(tmp_path, dict.fromkeys(paths, BASE))
    proposal = adopt(tmp_path, known=Known(reserved=frozenset({"push"})))
    assert sorted(planned(tmp_path, proposal).stack.by_name) == names


def test_docs_and_tests_are_set_aside_unless_a_makefile_builds_them(tmp_path: Path) -> None:
    paths = ["api/Dockerfile", "docs/one/Dockerfile", "docs/two/Dockerfile", "tests/tool/Dockerfile"]
    makefile = "tool:\n\tdocker build -t tool tests/tool\n"
    proposal = adopt(write(tmp_path, {**dict.fromkeys(paths, BASE), "Makefile": makefile}))
    rows = ['"api/Dockerfile" = {}', '"tests/tool/Dockerfile" = {}', '"docs/{name}/Dockerfile" = false']
    assert lines(proposal) == rows
    assert sorted(planned(tmp_path, proposal).stack.by_name) == ["api", "tool"]


def test_a_repository_of_examples_is_adopted(tmp_path: Path) -> None:
    proposal = adopt(write(tmp_path, {"examples/a/Dockerfile": BASE}))
    assert lines(proposal) == ['"examples/a/Dockerfile" = {}']


def test_a_makefile_gives_repository_context_args_and_target(tmp_path: Path) -> None:
    command = "docker build -f docker/api.Dockerfile --target app \\\n\t  --build-arg V=2 -t $(OWNER)/api ."
    makefile = f"OWNER = acme\nall:\n\t{command}\n"
    dockerfile = "FROM python AS app\nARG V=1\nCOPY main.py /\nFROM app AS dev\n"
    files = {"Makefile": makefile, "docker/api.Dockerfile": dockerfile, "docker/main.py": "", "main.py": ""}
    proposal = adopt(write(tmp_path, files), "")
    assert lines(proposal) == [
        '"docker/api.Dockerfile" = { repository = "acme/{name}", context = ".", target = "app", args = { V = "2" } }'
    ]
    assert proposal.table.rows[0].sources() == ["Makefile:3"]


def test_a_fact_of_one_image_does_not_break_the_pattern_of_the_others(tmp_path: Path) -> None:
    files = {f"images/{name}/Dockerfile": f"{BASE}ARG A=1\nCOPY x /\n" for name in "abc"}
    files |= {f"images/{name}/x": "" for name in "abc"}
    makefile = "b:\n\tdocker build --build-arg A=2 images/b\n"
    proposal = adopt(write(tmp_path, {**files, "Makefile": makefile}))
    assert lines(proposal) == ['"images/{name}/Dockerfile" = {}', '"images/b/Dockerfile" = { args = { A = "2" } }']


@pytest.mark.parametrize(
    "base",
    ["acme/base", "acme/base:latest", "docker.io/acme/base:main", "ghcr.io/acme/base:main", "acme/shop-base:nightly"],
)
def test_a_from_below_the_own_owner_is_a_parent(tmp_path: Path, base: str) -> None:
    found = images(tmp_path, {"base/Dockerfile": BASE, "api/Dockerfile": f"FROM {base}\n"})
    assert found["api"].parents == ("base",)


@pytest.mark.parametrize(
    "base", ["acme/base:1.2.3", "nvidia/base", "base", f"acme/base@sha256:{'a' * 64}", "acme/other"]
)
def test_any_other_from_is_a_root_image(tmp_path: Path, base: str) -> None:
    found = images(tmp_path, {"base/Dockerfile": BASE, "api/Dockerfile": f"FROM {base}\n"})
    assert found["api"].roots == (base,)


def test_an_image_that_stands_on_the_published_image_of_its_name_is_not_its_own_parent(tmp_path: Path) -> None:
    assert images(tmp_path, {"kafka/Dockerfile": "FROM acme/kafka\n"})["kafka"].roots == ("acme/kafka",)


def test_a_local_name_of_a_build_command_is_a_parent(tmp_path: Path) -> None:
    makefile = "all:\n\tdocker build -t builder tools\n\tdocker build api\n"
    dockerfile = "FROM scratch\nCOPY --from=builder:latest /x /x\n"
    found = images(tmp_path, {"Makefile": makefile, "tools/Dockerfile": BASE, "api/Dockerfile": dockerfile}, "")
    assert found["api"].parents == ("tools",)


def test_the_files_of_a_parent_s_onbuild_decide_the_context(tmp_path: Path) -> None:
    files = {
        "base/Dockerfile": f"{BASE}ONBUILD COPY lock.txt /\n",
        "api/Dockerfile": "FROM acme/base\n",
        "api/lock.txt": "",
    }
    assert images(tmp_path, files)["api"].context == "api"


def test_the_only_folder_that_has_the_files_is_the_context(tmp_path: Path) -> None:
    files = {"Dockerfile": f"{BASE}COPY conf /\nCOPY scripts/x /\n", "context/conf": "", "context/scripts/x": ""}
    assert images(tmp_path, {**files, "other/conf": ""})["shop"].context == "context"


def asked(root: Path, files: Mapping[str, str], owner: str = "") -> list[tuple[str, str]]:
    return [(question.where, question.line) for question in adopt(write(root, files), owner).questions]


def test_a_from_without_a_value_is_asked_for(tmp_path: Path) -> None:
    assert asked(tmp_path, {"api/Dockerfile": "ARG BASE\nARG TAG=1\nFROM ${BASE}:${TAG}\n"}) == [
        ("api/Dockerfile:3", '"api/Dockerfile" = { args = { BASE = "…" } }')
    ]


def test_a_makefile_answers_that(tmp_path: Path) -> None:
    makefile = "all:\n\tdocker build --build-arg BASE=python:3.12 api\n"
    assert asked(tmp_path, {"api/Dockerfile": "ARG BASE\nFROM ${BASE}\n", "Makefile": makefile}) == []


def test_missing_files_are_asked_for(tmp_path: Path) -> None:
    assert asked(tmp_path, {"api/Dockerfile": f"{BASE}COPY dist/app.whl /\n"}) == [
        ("api/Dockerfile:2", '"api/Dockerfile" = { context = "…" }')
    ]


def test_a_from_of_an_unknown_owner_is_asked_for(tmp_path: Path) -> None:
    files = {"base/Dockerfile": BASE, "api/Dockerfile": "FROM other/base:2\n"}
    line = '"api/Dockerfile" = { contexts = { "other/base:2" = "target:base" } }'
    assert asked(tmp_path, files) == [("api/Dockerfile:1", line)]


def test_several_commands_of_one_dockerfile_are_asked_for(tmp_path: Path) -> None:
    makefile = "all:\n\tdocker build .\ndev:\n\tdocker build --target dev .\n"
    assert asked(tmp_path, {"Dockerfile": f"FROM a AS dev\n{BASE}", "Makefile": makefile}) == [
        ("Makefile:2", '"Dockerfile" = [{ name = "shop" }, { name = "shop-dev", target = "dev" }]')
    ]


def test_a_from_of_another_target_of_a_dockerfile_is_a_root_image(tmp_path: Path) -> None:
    makefile = "all:\n\tdocker build -t acme/api --target run api\n\tdocker build -t acme/api-dev --target dev api\n"
    files = {"api/Dockerfile": f"{BASE.strip()} AS run\nFROM run AS dev\n", "Makefile": makefile}
    files |= {"a/Dockerfile": "FROM acme/api\n", "b/Dockerfile": "FROM acme/api-dev\n"}
    found = {name: (image.parents, image.roots) for name, image in images(tmp_path, files).items()}
    assert (found["a"], found["b"]) == ((("api",), ()), ((), ("acme/api-dev",)))


def test_another_registry_is_asked_for(tmp_path: Path) -> None:
    makefile = "all:\n\tdocker build -t ghcr.io/acme/api api\n"
    assert asked(tmp_path, {"api/Dockerfile": BASE, "Makefile": makefile}) == [("Makefile:2", ".env: REGISTRY=ghcr.io")]


def test_refusals_of_policy_are_asked_for_once(tmp_path: Path) -> None:
    dockerfile = f"{BASE}RUN curl https://example.com | sh\n"
    found = asked(tmp_path, {"a/Dockerfile": dockerfile, "b/Dockerfile": dockerfile})
    assert [where for where, _ in found] == ["a, b", "a/Dockerfile:2 and 1 more"]
    assert found[0][1].startswith('policy = "note"')


@pytest.mark.parametrize(("copied", "ignored"), [("COPY . /", ""), ("COPY .git /g", "x\n"), ("COPY . /", ".git\n")])
def test_an_image_that_holds_git_s_folder_is_asked_for(tmp_path: Path, copied: str, ignored: str) -> None:
    files = {"Dockerfile": f"{BASE}{copied}\n", ".git/HEAD": "", ".dockerignore": ignored}
    found = [where for where, line in asked(tmp_path, files) if '"context-file:.git"' in line]
    assert found == ([] if ".git" in ignored else ["Dockerfile"])


def test_known_dockerfiles_are_not_proposed_again(tmp_path: Path) -> None:
    write(tmp_path, {"api/Dockerfile": BASE, "ui/Dockerfile": BASE})
    known = Known(frozenset({"api/Dockerfile"}), frozenset({"ui"}))
    assert lines(adopt(tmp_path, known=known)) == ['"ui/Dockerfile" = { name = "shop-ui" }']
    every = Known(frozenset({"api/Dockerfile", "ui/Dockerfile"}))
    assert lines(adopt(write(tmp_path, {"apps/x/Dockerfile": BASE}), known=every)) == ['"apps/x/Dockerfile" = {}']
