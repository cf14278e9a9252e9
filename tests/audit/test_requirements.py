"""The line of a repository that brought a package: of a short list, of a lock, or of a Dockerfile."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from slipway.audit.distributions import Key, Kind
from slipway.audit.requirements import Lists, Requirement, read_lists, required_by, requirement

DOCKERFILE = """\
# syntax=docker/dockerfile:1
FROM python:3.12-slim
ENV libxml2=1
RUN --mount=type=cache,target=/var/cache/apt \\
    apt-get update && apt-get install --yes \\
    # what reads pages
    poppler-utils=22.12.0-2 tesseract-ocr && echo curl
RUN pip install "Flask[async]==3.0" ; rm wget
COPY click /click
"""
LOCK = """\
# made of requirements.in
Jinja2==3.1 \\
    --hash=sha256:0
flask==3.0
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    "libs/requirements-ml.txt": LOCK,
    "libs/requirements-ml.in": "-c base.txt\n# of the web\nFlask>=3  # web\n",
    "apps/x/requirements.txt": "click\n-r other.txt\nhttpx[http2]>=1; python_version > '3'\n",
    "apps/y/poetry.lock": '[[package]]\nname = "orjson"\nversion = "3"\n\n[[package]]\nname = "anyio"\n',
    "apps/y/pyproject.toml": '[project]\nname = "anyio"\ndependencies = [\n    "orjson (>=3.13,<4)",\n]\n',
    "apps/z/uv.lock": 'name = "rich"\n',
    "apps/z/pyproject.toml": '[tool.poetry.dependencies]\npython = ">=3.11"\nrich = "^14"\n',
    "apps/w/uv.lock": 'name = "rich"\n',
    "apps/w/pyproject.toml": "[project\n",
}


def lists(*locks: str, dockerfile: str = "none") -> Lists:
    return read_lists(dockerfile, locks, lambda path: FILES.get(path, ""))


def named(lines: Mapping[tuple[Kind, str], str], kind: Kind = Kind.PYTHON) -> dict[str, str]:
    return {name: line for (of, name), line in lines.items() if of is kind}


def test_a_lock_pins_and_its_short_list_wants() -> None:
    found = lists("libs/requirements-ml.txt")
    assert named(found.pinned) == {"jinja2": "libs/requirements-ml.txt:2", "flask": "libs/requirements-ml.txt:4"}
    assert named(found.wanted) == {"flask": "libs/requirements-ml.in:3"}


def test_a_list_without_a_shorter_one_is_both() -> None:
    found = lists("apps/x/requirements.txt")
    assert found.pinned == found.wanted
    assert named(found.wanted) == {"click": "apps/x/requirements.txt:1", "httpx": "apps/x/requirements.txt:3"}


@pytest.mark.parametrize(
    ("lock", "pinned", "wanted"),
    [
        ("apps/y/poetry.lock", {"orjson": 2, "anyio": 6}, {"orjson": "apps/y/pyproject.toml:4"}),
        ("apps/z/uv.lock", {"rich": 1}, {"rich": "apps/z/pyproject.toml:3", "python": "apps/z/pyproject.toml:2"}),
        ("apps/w/uv.lock", {"rich": 1}, {}),
    ],
)
def test_locks_of_projects(lock: str, pinned: dict[str, int], wanted: dict[str, str]) -> None:
    found = lists(lock)
    assert named(found.pinned) == {name: f"{lock}:{line}" for name, line in pinned.items()}
    assert named(found.wanted) == wanted


def test_the_words_after_an_installer_in_a_dockerfile_are_wanted() -> None:
    found = lists(dockerfile="Dockerfile").wanted
    debian = named(found, Kind.DEBIAN)
    assert {
        name: debian.get(name) for name in ("poppler-utils", "tesseract-ocr", "libxml2", "curl", "wget", "click")
    } == {
        "poppler-utils": "Dockerfile:7",
        "tesseract-ocr": "Dockerfile:7",
        "libxml2": None,
        "curl": None,
        "wget": None,
        "click": None,
    }
    assert named(found)["flask"] == "Dockerfile:8"


def key(name: str, kind: Kind = Kind.PYTHON) -> Key:
    return kind, name, "1", "", "/site"


def test_the_chain_is_the_shortest_to_a_line() -> None:
    needs = {
        key("flask"): (key("jinja2"), key("click")),
        key("jinja2"): (key("markupsafe"),),
        key("extra"): (key("jinja2"),),
        key("markupsafe"): (key("jinja2"),),
    }
    found = lists("libs/requirements-ml.txt")
    one = requirement(key("markupsafe"), required_by(needs), found)
    assert one.chain == ("markupsafe", "jinja2", "flask") and one.pinned == ""
    assert str(one) == "markupsafe ← jinja2 ← flask ← libs/requirements-ml.in:3"
    assert str(requirement(key("flask"), required_by(needs), found)) == "flask ← libs/requirements-ml.in:3"


def test_without_a_line_the_lock_is_named_or_nothing() -> None:
    found = lists("libs/requirements-ml.txt")
    assert requirement(key("jinja2"), {}, found) == Requirement(("jinja2",), "", "libs/requirements-ml.txt:2")
    assert str(requirement(key("jinja2"), {}, found)) == "jinja2 ← libs/requirements-ml.txt:2"
    assert str(requirement(key("libc6", Kind.DEBIAN), {}, found)) == ""
