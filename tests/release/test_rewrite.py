"""BASE_VERSION in the texts of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.release.rewrite import Edit, in_dockerfile, in_env, in_example, with_line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nBASE_VERSION=v1\nB=2\n", "A=1\nBASE_VERSION=v2\nB=2\n"),
        ("BASE_VERSION='v1'\n", "BASE_VERSION='v2'\n"),
        ('BASE_VERSION="v1"  \r\nA=1\r\n', 'BASE_VERSION="v2"  \r\nA=1\r\n'),
        ("# the bases\n#BASE_VERSION=v1\n", "# the bases\n#BASE_VERSION=v1\n"),
        ("\ufeffBASE_VERSION=v1\r\n", "\ufeffBASE_VERSION=v2\r\n"),
        ("BASE_VERSION=v1", "BASE_VERSION=v2"),
        ("OLD_BASE_VERSION=v1\n", "OLD_BASE_VERSION=v1\n"),
        ("BASE_VERSION=v1.5\n", "BASE_VERSION=v1.5\n"),
        ("VERSION=v1\n", "VERSION=v1\n"),
    ],
)
def test_an_env_file_keeps_all_but_the_value(before: str, after: str) -> None:
    assert in_env(before, "v1", "v2") == after


@pytest.mark.parametrize("line", ["BASE_VERSION=v1", "#BASE_VERSION=v1", "# BASE_VERSION=v1", "#BASE_VERSION='v1'"])
def test_the_example_shows_the_new_version_also_in_a_comment(line: str) -> None:
    assert in_example(f"# the bases\n{line}\n#OWNER=v1\n", "v1", "v2") == (
        f"# the bases\n{line.replace('v1', 'v2')}\n#OWNER=v1\n"
    )


def test_an_env_file_without_the_setting_gets_a_line() -> None:
    assert with_line("", "v2") == "BASE_VERSION=v2\n"
    assert with_line("A=1", "v2") == "A=1\nBASE_VERSION=v2\n"
    assert with_line("A=1\r\nB=2", "v2") == "A=1\r\nB=2\r\nBASE_VERSION=v2\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ARG BASE_VERSION=v1\nFROM x:${BASE_VERSION}\n", "ARG BASE_VERSION=v2\nFROM x:${BASE_VERSION}\n"),
        ("ARG A=1 BASE_VERSION=v1 B=2\nFROM x\n", "ARG A=1 BASE_VERSION=v2 B=2\nFROM x\n"),
        ('ARG BASE_VERSION="v1"\nFROM x\n', 'ARG BASE_VERSION="v2"\nFROM x\n'),
        ("ARG A=1 \\\n    BASE_VERSION=v1\nFROM x\n", "ARG A=1 \\\n    BASE_VERSION=v2\nFROM x\n"),
        ("FROM x\nARG BASE_VERSION=v1\n# BASE_VERSION=v1\n", "FROM x\nARG BASE_VERSION=v2\n# BASE_VERSION=v1\n"),
        ("ARG BASE_VERSION=v1.5\nFROM x\n", "ARG BASE_VERSION=v1.5\nFROM x\n"),
        ("ARG BASE_VERSION=unset\nFROM x\n", "ARG BASE_VERSION=unset\nFROM x\n"),
        ("ARG MY_BASE_VERSION=v1\nFROM x\n", "ARG MY_BASE_VERSION=v1\nFROM x\n"),
        (
            "FROM x\nRUN echo BASE_VERSION=v1\nENV BASE_VERSION=v1\n",
            "FROM x\nRUN echo BASE_VERSION=v1\nENV BASE_VERSION=v1\n",
        ),
        (
            "# \x0c \u2028\nARG A=1 \\\n# BASE_VERSION=v1\n BASE_VERSION=v1\nFROM x\n",
            "# \x0c \u2028\nARG A=1 \\\n# BASE_VERSION=v1\n BASE_VERSION=v2\nFROM x\n",
        ),
        ("\ufeffARG BASE_VERSION=v1\nFROM x\n", "\ufeffARG BASE_VERSION=v2\nFROM x\n"),
        ("ARG BASE_VERSION=v1\r\nFROM x\r\n", "ARG BASE_VERSION=v2\r\nFROM x\r\n"),
    ],
)
def test_a_dockerfile_keeps_all_but_the_default_of_the_arg(before: str, after: str) -> None:
    assert in_dockerfile(before, "v1", "v2") == after


@given(st.lists(st.sampled_from(["RUN a", "# BASE_VERSION=v1", "ARG X=v1", "ARG BASE_VERSION=v1", "", "ENV A=v1"])))
def test_a_rewrite_can_be_taken_back(lines: list[str]) -> None:
    text = "\n".join(["FROM x", *lines])
    changed = in_dockerfile(text, "v1", "v2")
    assert in_dockerfile(changed, "v2", "v1") == text
    assert changed.count("ARG BASE_VERSION=v2") == text.count("ARG BASE_VERSION=v1")


def test_a_diff_names_the_file_and_the_lines() -> None:
    assert Edit("apps/a/Dockerfile", "A\nB\n", "A\nC\n").diff == (
        "--- apps/a/Dockerfile\n+++ apps/a/Dockerfile\n@@ -2 +2 @@\n-B\n+C\n"
    )


def test_a_diff_shows_a_missing_last_line_end_and_a_new_file() -> None:
    assert Edit(".env", "A", "B").diff == (
        "--- .env\n+++ .env\n@@ -1 +1 @@\n-A\n\\ No newline at end of file\n+B\n\\ No newline at end of file\n"
    )
    assert Edit(".env", "", "A\n").diff == "--- /dev/null\n+++ .env\n@@ -0,0 +1 @@\n+A\n"
