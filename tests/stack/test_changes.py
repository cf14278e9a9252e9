"""The changes between two manifests: each input that differs, by its kind, and its text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from slipway.stack.changes import Change, How, Part, differences, modes_between, unusual_modes
from slipway.stack.digest import Manifest
from slipway.stack.entries import Encoded, Trees, decode
from tests.stack.test_digest import MANIFEST, MANIFESTS, MODED, of_files


def texts(old: Manifest, new: Manifest, trees: Trees | None = None) -> tuple[str, ...]:
    return tuple(str(change) for change in differences(old, new, trees or {}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ()),
        ({"dockerfile": "FROM base-runtime"}, ("Dockerfile changed",)),
        (
            {
                "files": {
                    "app/main.py": decode("100755 aa"),
                    "libs": decode("40755 tree:11"),
                    "new.py": decode("100644 bb"),
                }
            },
            ("app/main.py changed", "new.py added"),
        ),
        ({"files": {"app/main.py": decode("100644 aa")}}, ("libs removed",)),
        ({"args": {"OWNER_NAME": "other"}}, ("arg OWNER_NAME changed",)),
        ({"roots": {"python:3.13": "sha256:2"}}, ("root image python:3.13 added", "root image python:3.12 removed")),
        ({"settings": {"platform": "linux/arm64"}}, ("platform changed",)),
        ({"contexts": {"wheelhouse": decode("40755 tree:44")}}, ("context wheelhouse changed",)),
        ({"stages": {"0": "src-arm64"}}, ("FROM of stage 0 changed",)),
        (
            {"stages": {"0": "base-gpu"}, "parents": {"base-gpu": "sha256:1"}},
            ("parent base-gpu added", "parent base-ml removed"),
        ),
        ({"parents": {"base-ml": "sha256:9"}}, ("parent base-ml changed",)),
        (
            {"parents": {"base-ml": "sha256:9"}, "dockerfile": "FROM x", "args": {}},
            ("Dockerfile changed", "arg OWNER_NAME removed", "parent base-ml changed"),
        ),
    ],
)
def test_the_differences_of_two_manifests_are_named(changes: dict[str, Any], said: tuple[str, ...]) -> None:
    assert texts(MANIFEST, replace(MANIFEST, **changes)) == said


TREES: Trees = {
    "11": {"a.py": Encoded("100644 aa"), "b.py": Encoded("100644 bb"), "gone.py": Encoded("100644 cc")},
    "22": {"a.py": Encoded("100644 aa"), "b.py": Encoded("100755 bb"), "new.py": Encoded("100644 dd")},
}


def test_a_changed_folder_is_reported_by_its_files() -> None:
    later = replace(MANIFEST, files={**MANIFEST.files, "libs": decode("40755 tree:22")})
    assert texts(MANIFEST, later, TREES) == ("libs/b.py changed", "libs/new.py added", "libs/gone.py removed")
    assert texts(MANIFEST, later) == ("libs changed",)


def test_changes_of_the_whole_context_have_no_prefix() -> None:
    assert texts(Manifest("", {".": decode("40755 tree:11")}), Manifest("", {".": decode("40755 tree:22")}), TREES) == (
        "b.py changed",
        "new.py added",
        "gone.py removed",
    )


def test_a_folder_whose_own_mode_changed_is_named_itself() -> None:
    later = replace(MANIFEST, files={**MANIFEST.files, "libs": decode("40700 tree:11")})
    assert texts(MANIFEST, later, TREES) == ("libs changed",)


def test_a_folder_without_both_listings_is_named_itself() -> None:
    later = replace(MANIFEST, files={**MANIFEST.files, "libs": decode("40755 tree:22")})
    assert texts(MANIFEST, later, {"22": TREES["22"]}) == ("libs changed",)
    added = replace(MANIFEST, files={**MANIFEST.files, "more": decode("40755 tree:22")})
    assert texts(MANIFEST, added, TREES) == ("more added",)


@given(MANIFESTS, MANIFESTS)
def test_something_is_said_exactly_when_something_changed(one: Manifest, other: Manifest) -> None:
    assert bool(differences(one, other)) == (one != other)


def test_a_change_names_its_part_whatever_the_name_looks_like() -> None:
    later = replace(MANIFEST, files={**MANIFEST.files, "parent base-ml": decode("100644 aa")})
    assert differences(MANIFEST, later) == (Change(Part.FILE, "parent base-ml", How.ADDED),)
    child = replace(MANIFEST, parents={"base-ml": "sha256:9"})
    assert differences(MANIFEST, child) == (Change(Part.PARENT, "base-ml"),)


def test_a_change_is_one_line() -> None:
    assert str(Change(Part.FILE, "odd\nname", How.REMOVED)) == "odd\\nname removed"


def test_changes_are_sorted_by_kind_and_then_by_name() -> None:
    old = Manifest("", args={"C": "1", "A": "1", "X": "1", "W": "1"})
    new = Manifest("", args={"C": "2", "A": "2", "Z": "1", "Y": "1"})
    told = ["A changed", "C changed", "Y added", "Z added", "W removed", "X removed"]
    assert list(texts(old, new)) == [f"arg {change}" for change in told]
    before, after = ({name: decode(f"- {text}") for name, text in each.args.items()} for each in (old, new))
    files = texts(Manifest("", files=before), Manifest("", files=after))
    assert list(files) == told


@pytest.mark.fault("B52")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (of_files(a_py="100644 aa"), of_files(a_py="100664 aa"), ("a.py 0644 → 0664",)),
        (of_files(a_py="100644 aa"), of_files(a_py="100664 bb"), ()),
        (of_files(a_py="100644 aa"), of_files(a_py="100664 aa", b_py="100644 bb"), ()),
        (of_files(a_py="100644 aa"), of_files(a_py="link aa"), ()),
        (
            of_files(d="40755 tree:11"),
            of_files(d="40775 tree:22"),
            ("d 0755 → 0775", "d/a.py 0644 → 0664", "d/sub 0755 → 0775"),
        ),
        (of_files(d="40755 tree:11"), of_files(d="40755 tree:33"), ()),
        (of_files(d="40755 tree:11"), of_files(d="40755 tree:unknown"), ()),
        (of_files(a_py="100644 aa"), replace(of_files(a_py="100664 aa"), args={"A": "1"}), ()),
        (
            of_files(a_py="100644 aa"),
            replace(of_files(a_py="100664 aa"), parents={"base": "sha256:1"}),
            ("a.py 0644 → 0664",),
        ),
        (of_files(a_py="100644 aa"), of_files(a_py="100644 aa"), ()),
    ],
)
def test_modes_are_named_when_nothing_else_differs(old: Manifest, new: Manifest, said: tuple[str, ...]) -> None:
    assert modes_between(old, new, MODED) == said


@pytest.mark.fault("B52")
def test_modes_that_git_never_records() -> None:
    assert unusual_modes(of_files(a_py="100755 aa", d="40755 tree:11", l="link x", c="- cc"), MODED) == ()
    found = unusual_modes(of_files(a_py="100600 aa", d="40755 tree:22"), MODED)
    assert found == ("a.py 0600", "d/a.py 0664", "d/sub 0775")
