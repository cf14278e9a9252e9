"""The files that decide the result of smoke tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from slipway.tasks.tested import SmokeFiles

TEST = "infra/docker/smoke/base-x/test_x.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["libs"]\n',
        TEST: "from kit import ask\n\ndef test_a(stack):\n    stack.start('svc-model')\n",
        "infra/docker/smoke/base-x/data/page.txt": "one page",
        "infra/docker/smoke/base-x/__pycache__/test_x.pyc": "",
        "infra/docker/smoke/base-y/test_y.py": "",
        "infra/conftest.py": "",
        "libs/kit.py": "",
        "libs/other.py": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("tests", ["infra/docker/smoke/base-x", TEST])
def test_the_folder_the_settings_the_conftests_above_and_the_imports_count(root: Path, tests: str) -> None:
    found = {TEST, "pyproject.toml", "infra/conftest.py", "libs/kit.py"}
    data = set() if tests == TEST else {"infra/docker/smoke/base-x/data/page.txt"}
    assert SmokeFiles(root).of([tests]) == found | data


@pytest.mark.parametrize(
    "settings", ["", "[tool]\npytest = 1\n", "not toml", '[tool.pytest.ini_options]\npythonpath = "a"']
)
def test_other_settings_of_pytest_name_other_folders(root: Path, settings: str) -> None:
    (root / "pyproject.toml").write_text(settings)
    assert "libs/kit.py" not in SmokeFiles(root).of([TEST])


def test_a_repository_without_pyproject_has_no_such_file(root: Path) -> None:
    (root / "pyproject.toml").unlink()
    assert SmokeFiles(root).of([TEST]) == {TEST, "infra/conftest.py"}


def test_each_file_has_its_digest_and_so_have_the_checks_of_slipway(root: Path) -> None:
    found = SmokeFiles(root).digests([TEST, "gone.py"])
    assert found[TEST] == hashlib.sha256((root / TEST).read_bytes()).hexdigest() and found["gone.py"] == ""
    assert "slipway/checks/test_image.py" in found and all(found[path] for path in found if path != "gone.py")


def test_the_words_of_tests_may_name_images(root: Path) -> None:
    assert "svc-model" in SmokeFiles(root).words([TEST])
    assert SmokeFiles(root).words(["infra/docker/smoke/base-x/data/page.txt"]) == frozenset()
    (root / "infra/compose").mkdir()
    (root / "infra/compose/pair.yaml").write_text("services: {a: {image: '${REGISTRY}/me/svc-model:${VERSION}'}}\n")
    assert "svc-model" in SmokeFiles(root).words(["infra/compose/pair.yaml"])
