"""Find the compose files of a repository: each is a system, with a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.compose.files import ComposeFile, find_systems, slug, used_variables
from slipway.core.errors import UsageError


def write(root: Path, *names: str, text: str = "services: {}\n") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_file_in_infra_compose_is_a_system_with_its_own_name(tmp_path: Path) -> None:
    write(tmp_path, "infra/compose/cat-dog.yaml", "infra/compose/ocr.yml", "infra/compose/smoke/ocr/test_ocr.py")
    assert find_systems(tmp_path) == {
        "cat-dog": ComposeFile("cat-dog", ("infra/compose/cat-dog.yaml",)),
        "ocr": ComposeFile("ocr", ("infra/compose/ocr.yml",)),
    }


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"])
def test_a_file_that_compose_itself_would_find_is_a_system_with_its_folders_name(tmp_path: Path, name: str) -> None:
    root = write(
        tmp_path / "My Shop", name, f"backend/{name}", f"a/b/{name}", f"a/b/c/{name}", f"node_modules/x/{name}"
    )
    assert {system: one.files for system, one in find_systems(root).items()} == {
        "my-shop": (name,),
        "backend": (f"backend/{name}",),
        "b": (f"a/b/{name}",),
    }


def test_an_override_file_follows_its_file(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", "compose.yaml", "compose.override.yaml", "docker-compose.yml")
    assert find_systems(root)["shop"].files == ("compose.yaml", "compose.override.yaml")


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path, "infra/compose/api.yaml", "services/api/compose.yaml")
    with pytest.raises(UsageError) as caught:
        find_systems(root)
    assert caught.value.problems[0].where == "services/api/compose.yaml"
    assert "infra/compose/api.yaml" in caught.value.message


def test_relative_paths_start_at_the_folder_of_the_first_file() -> None:
    assert ComposeFile("x", ("infra/compose/x.yaml",)).folder == "infra/compose"
    assert ComposeFile("x", ("compose.yaml",)).folder == "."


@pytest.mark.parametrize(
    ("text", "expected"), [("Shop", "shop"), ("a b/c", "a-b-c"), ("Übung", "bung"), ("..", "system"), ("_x_", "x")]
)
def test_a_project_name_has_the_letters_that_compose_accepts(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_variables_that_a_compose_file_uses_are_used(tmp_path: Path) -> None:
    write(tmp_path, "compose.yaml", text="image: $ONE ${TWO:-x} ${THREE:?} cost: 5$ 100%\n")
    assert used_variables(tmp_path) == {"ONE", "TWO", "THREE"}
