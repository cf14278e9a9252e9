"""``.env`` lines that slipway takes are read alike by python-dotenv, docker compose and bash."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from slipway.config.dotenv import parse_env
from tests.properties.examples import examples

ANY = st.characters(blacklist_categories=["Cs"]) | st.sampled_from("ab01 '\"#$\\`!;&|<>(){}[]*?~-+:/,.%@^=\t")
VALUES = st.one_of(
    st.text(ANY, max_size=10),
    st.text(ANY, max_size=10).map("'{}'".format),
    st.text(ANY, max_size=10).map('"{}"'.format),
    st.sampled_from(["'${T_A}'", "'$T_A'", "'$$T_A'", "' a '", '" "', "a=b", "'#'", "a#b", "x ", "'x'\t"]),
)
NAMES = st.from_regex(r"T_[A-Za-z0-9_]{0,3}", fullmatch=True)


def taken(line: str) -> bool:
    entries, problems = parse_env(line.encode())
    return len(entries) == 1 and not problems


ENTRIES = st.builds("{}={}".format, NAMES, VALUES).filter(taken)
REMARKS = st.sampled_from(["", " \t", "# T_REMARK=1", '  # it\'s "a" remark $(false)'])
#: Every name once; remarks and blank lines between.
FILES = st.tuples(
    st.lists(ENTRIES, min_size=1, max_size=40, unique_by=lambda line: line.partition("=")[0]),
    st.lists(REMARKS, max_size=5),
).flatmap(lambda parts: st.permutations(parts[0] + parts[1]))


def ours(lines: list[str]) -> dict[str, str]:
    entries, problems = parse_env("\n".join(lines).encode())
    assert not problems
    return {entry.name: entry.value for entry in entries}


def of_the_file(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("T_")}


@examples(150)
@given(FILES)
def test_python_dotenv(lines: list[str]) -> None:
    assert dotenv_values(stream=io.StringIO("\n".join(lines))) == ours(lines)


@pytest.mark.process
@examples(60)
@given(FILES)
def test_bash(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "env"
    file.write_text("\n".join(lines) + "\n", "utf-8", newline="")
    shell = ["/usr/bin/env", "-i", "bash", "--norc", "-c", 'set -ae; . "$1"; exec env -0', "bash", str(file)]
    done = subprocess.run(shell, capture_output=True, timeout=60, check=True)
    seen = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert (done.stderr, of_the_file(seen)) == (b"", ours(lines))


@pytest.mark.integration
@examples(40)
@given(FILES)
def test_compose(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "env").write_text("\n".join(lines) + "\n", "utf-8", newline="")
    (tmp_path / "compose.yaml").write_text("services: {one: {image: scratch}}\n")
    compose = ["docker", "compose", "--env-file", "env", "config", "--environment"]
    done = subprocess.run(compose, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    seen = dict(line.split("=", 1) for line in done.stdout.decode().split("\n") if "=" in line)
    assert of_the_file(seen) == ours(lines)
