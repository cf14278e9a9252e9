"""The modules of the repository that tests import."""

from __future__ import annotations

import pytest

from slipway.smoke.imported import imported

TEST = "apps/svc_x/smoke/test_x.py"
FILES = {
    "libs/kit/__init__.py": "",
    "libs/kit/words.py": "from . import letters\nfrom kit.deep.well import depth",
    "libs/kit/letters.py": "import json, kit.words",
    "libs/kit/deep/__init__.py": "",
    "libs/kit/deep/well.py": "from ..letters import A",
    "apps/svc_x/svc_x/main.py": "import nothing.here",
    "tests/helpers.py": "",
    "libs/slipway/testing.py": "import kit",
    "libs/kit/unused.py": "",
}


def found(text: str, path: str = TEST) -> set[str]:
    files = {**FILES, path: text}
    return set(imported([path], ["", "libs", "apps/svc_x"], files.get))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("import kit.deep.well", {"kit/__init__.py", "kit/deep/__init__.py", "kit/deep/well.py", "kit/letters.py"}),
        ("from kit import deep", {"kit/__init__.py", "kit/deep/__init__.py"}),
    ],
)
def test_a_module_counts_with_its_packages(text: str, paths: set[str]) -> None:
    assert {path.removeprefix("libs/") for path in found(text)} >= paths
    assert "libs/kit/unused.py" not in found(text)


def test_imports_of_imports_count_and_a_cycle_ends() -> None:
    assert {path for path in FILES if "kit" in path} - found("from kit import words") == {"libs/kit/unused.py"}


def test_an_import_in_a_function_counts() -> None:
    assert found("def test_a():\n    from tests.helpers import ask\n    import svc_x.main\n") == {
        "tests/helpers.py",
        "apps/svc_x/svc_x/main.py",
    }


@pytest.mark.parametrize(
    "text",
    [
        "import json, pytest",
        "from slipway.testing import x",
        "def broken(",
        "from . import gone",
        "from ..... import x",
        "\0",
    ],
)
def test_other_modules_and_broken_files_add_nothing(text: str) -> None:
    assert found(text) == set()


def test_a_file_that_is_not_python_imports_nothing() -> None:
    assert found("import kit", "apps/svc_x/smoke/notes.txt") == set()
