"""images.lock: what it says of an image, its text, and the lines that are wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.config.images_lock import ImagesLock, lock_name, parse_lock, read_lock

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
LOCK = ImagesLock({"python:3.12": ONE, "ours": "local", "quay.io/acme/deno:2": TWO}, exists=True)


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("python:3.12", f"docker.io/library/python@{ONE}"),
        ("docker.io/library/python:3.12", f"docker.io/library/python@{ONE}"),
        ("quay.io/acme/deno:2", f"quay.io/acme/deno@{TWO}"),
        ("python:3.13", "python:3.13"),
        ("ours", "ours"),
        ("ours:latest", "ours:latest"),
        (f"python:3.12@{TWO}", f"python:3.12@{TWO}"),
    ],
)
def test_an_image_is_pinned_by_any_of_its_names(image: str, pinned: str) -> None:
    assert LOCK.pinned(image) == pinned
    assert bool(LOCK.digest(image)) is (pinned != image)


def test_a_mirror_has_the_images_of_other_registries() -> None:
    lock = replace(LOCK, mirror="quay.io/acme/roots")
    assert lock.pinned("python:3.12") == f"quay.io/acme/roots/docker.io/library/python@{ONE}"
    assert str(lock.place("python:3.12")) == "quay.io/acme/roots/docker.io/library/python:locked-111111111111"
    assert lock.pinned("quay.io/acme/deno:2") == f"quay.io/acme/deno@{TWO}", "it is in this registry already"
    assert lock.pinned("ours") == "ours"
    local = replace(LOCK, entries={"10.0.0.5:5000/a": ONE}, mirror="quay.io/roots")
    assert lock.having({}).mirror and local.pinned("10.0.0.5:5000/a") == f"quay.io/roots/10.0.0.5-5000/a@{ONE}"


def test_images_without_a_line_are_missing() -> None:
    named = ("python:3.12", "ours", "python:3.13", f"python@{ONE}")
    assert list(LOCK.missing(named)) == ["python:3.13"]
    assert list(ImagesLock().missing(named)) == []


def test_an_update_keeps_the_lines_of_other_images_and_sorts_them() -> None:
    text = LOCK.having({"python:3.12": TWO, "alpine": ONE}).text
    assert text.splitlines()[1:] == [
        f'"alpine" = "{ONE}"',
        '"ours" = "local"',
        f'"python:3.12" = "{TWO}"',
        f'"quay.io/acme/deno:2" = "{TWO}"',
    ]


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}(/[a-z]{1,9})?(:[a-z0-9]{1,5})?", fullmatch=True), st.just(ONE)))
def test_the_text_is_read_as_it_was_written(entries: dict[str, str]) -> None:
    lock = ImagesLock({lock_name(name): digest for name, digest in entries.items()}, exists=True)
    assert parse_lock(lock.text.encode()) == (lock, ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"python:3.12" = "sha256:12"', 'python:3.12: its value is "sha256:"'),
        ('"python:3.12" = 3', 'python:3.12: its value is "sha256:"'),
        ('"py thon:3" = "local"', "py thon"),
        (f'"python@{ONE}" = "{ONE}"', "has no digest"),
        ("<<<<<<< ours", "not TOML"),
        ('"a" = "local"\n"a" = "local"', "not TOML"),
        ('"b\x00" = "local"', "not TOML"),
    ],
)
def test_a_wrong_line_is_named(line: str, said: str) -> None:
    lock, (problem,) = parse_lock(f"# ours\n{line}\n".encode())
    assert said in problem.what and problem.where in ("images.lock:2", "images.lock")
    assert lock == ImagesLock()


def test_without_the_file_nothing_is_locked(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == (ImagesLock(), ())
    (tmp_path / "images.lock").mkdir()
    _, (problem,) = read_lock(tmp_path)
    assert "cannot be read" in problem.what
