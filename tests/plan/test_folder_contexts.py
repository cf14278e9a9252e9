"""Named contexts that are folders of the repository: their files are inputs of the image that reads them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.core.errors import SlipwayError
from slipway.plan.inputs import manifests_of, read_files
from tests.plan.adopted import read

TABLE = '[images]\n"app/Dockerfile" = { context = "app", contexts = { lib = "LIB" } }\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "app/main.txt": "",
        "lib/a.txt": "a",
        "lib/deep/b.txt": "b",
        "lib/unread.txt": "",
        "lib/secret/.env": "T=1",
    }
    for path, text in {**files, "lib/.dockerignore": "deep/*.tmp\n", ".slipway/x": ""}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def written(root: Path, steps: str, lib: str = "lib") -> Path:
    (root / "slipway.toml").write_text(TABLE.replace("LIB", lib))
    (root / "app/Dockerfile").write_text(f"FROM scratch\nCOPY main.txt /\n{steps}\n")
    return root


def files_and_digest(root: Path) -> tuple[set[str], Mapping[str, str]]:
    repository = read(root)
    found = read_files(repository, repository.stack)
    return set(found.files["app"]), manifests_of(repository, repository.stack, found, {})[1]


def refusal(root: Path) -> str:
    repository = read(root)
    error: SlipwayError = read_files(repository, repository.stack).errors["app"]
    return str(error)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("lib/a.txt", True),
        ("lib/deep/b.txt", True),
        ("lib/deep/new.txt", True),
        ("lib/deep/new.tmp", False),
        ("lib/unread.txt", False),
        ("app/unread.txt", False),
    ],
)
def test_the_files_that_an_image_reads_from_the_folder_are_its_inputs(root: Path, changed: str, counts: bool) -> None:
    written(root, "COPY --from=lib a.txt deep /lib/")
    files, before = files_and_digest(root)
    assert files == {"app/main.txt", "lib/a.txt", "lib/deep"}
    (root / changed).write_text("changed")
    assert (files_and_digest(root)[1] != before) is counts


def test_a_mount_reads_from_the_folder_too(root: Path) -> None:
    written(root, "RUN --mount=from=lib,source=deep,target=/mnt true")
    assert files_and_digest(root)[0] == {"app/main.txt", "lib/deep"}


def test_a_stage_may_be_the_folder(root: Path) -> None:
    written(root, "COPY --from=lib a.txt /")
    (root / "app/Dockerfile").write_text("FROM scratch AS lib\nFROM scratch\nCOPY --from=lib a.txt /\n")
    assert files_and_digest(root)[0] == {"lib/a.txt"}


def test_another_folder_of_equal_files_is_another_input(root: Path) -> None:
    before = files_and_digest(written(root, "COPY --from=lib a.txt /"))[1]
    (root / "more").mkdir()
    (root / "more/a.txt").write_text("a")
    assert files_and_digest(written(root, "COPY --from=lib a.txt /", "more"))[1] != before


@pytest.mark.parametrize("runs", [True, False], ids=["runs", "no run yet"])
@pytest.mark.parametrize("steps", ["COPY --from=lib . /src", "RUN --mount=from=lib,target=/mnt true"])
def test_the_whole_repository_as_a_named_context_would_hold_slipways_folder(root: Path, steps: str, runs: bool) -> None:
    if not runs:
        shutil.rmtree(root / ".slipway")
    (root / "lib/secret/.env").unlink()
    assert "a copy of the whole context the repository's root would hold .slipway" in refusal(written(root, steps, "."))


def test_a_part_of_the_repository_may_be_read_by_a_named_context(root: Path) -> None:
    assert files_and_digest(written(root, "COPY --from=lib lib/a.txt /src", "."))[0] == {"app/main.txt", "lib/a.txt"}


@pytest.mark.parametrize(
    ("steps", "lib", "said"),
    [
        ("COPY --from=lib gone.txt /", "lib", "app/Dockerfile:3: source gone.txt does not exist"),
        ("COPY --from=lib a.txt /", "gone", "app/Dockerfile:3: source a.txt does not exist"),
        ("COPY --from=lib a.txt /", "../lib", "leaves the repository"),
        ("COPY --from=lib secret /", "lib", ".env"),
    ],
)
def test_files_of_the_folder_are_refused_as_any_others(root: Path, steps: str, lib: str, said: str) -> None:
    assert said in refusal(written(root, steps, lib))
