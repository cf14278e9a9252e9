"""Whether packages agree, from their metadata alone; held against ``pip check`` in the integration tests."""

from __future__ import annotations

import pytest

from slipway.smoke.image_archive import Layer, Member
from slipway.smoke.packages import disagreements, environments

SITE = "usr/local/lib/python3.12/site-packages"


def files(texts: dict[str, str]) -> Layer:
    members = tuple(Member(path, 0o644, 0, 0, "f") for path in texts)
    return Layer("layer", members, (), {path: text for path, text in texts.items() if text})


def metadata(name: str, version: str, *requires: str) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires)])


def installed(folder: str, *packages: tuple[str, ...]) -> dict[str, str]:
    return {
        f"{folder}/{name}-{version}.dist-info/METADATA": metadata(name, version, *requires)
        for name, version, *requires in packages
    }


def told(*layers: dict[str, str], env: tuple[str, ...] = ()) -> tuple[str, ...]:
    return disagreements([files(texts) for texts in layers], env, "amd64")


def test_a_missing_and_an_unfitting_package_are_reported() -> None:
    assert told(installed(SITE, ("a", "1.0", "b>=2", "c", "D_e"), ("b", "1.5"), ("d-e", "3"))) == (
        "a 1.0 requires b>=2, and b 1.5 is installed",
        "a 1.0 requires c, which is not installed",
    )


@pytest.mark.parametrize(
    "requirement",
    [
        'x; extra == "all"',
        'x; python_version < "3.11"',
        'x; sys_platform == "win32"',
        'x; python_full_version < "3.12.3"',
        'x; platform_machine == "aarch64"',
        "this is no requirement",
    ],
)
def test_a_requirement_whose_marker_is_false_is_ignored(requirement: str) -> None:
    assert told(installed(SITE, ("a", "1.0", requirement))) == ()


def test_a_package_that_a_later_layer_removes_does_not_count() -> None:
    below = installed(SITE, ("a", "1.0", "b<2"), ("b", "1.0"))
    assert told(below) == ()
    replaced = installed(SITE, ("b", "2.0")) | {f"{SITE}/.wh.b-1.0.dist-info": ""}
    assert told(below, replaced) == ("a 1.0 requires b<2, and b 2.0 is installed",)
    assert told(below, {f"{SITE}/.wh.a-1.0.dist-info": "", f"{SITE}/.wh.b-1.0.dist-info": ""}) == ()


def test_a_pre_release_fits_as_pip_says() -> None:
    assert told(installed(SITE, ("a", "1.0", "b>=2"), ("b", "3.0rc1"))) == ()


def test_each_environment_is_seen_by_itself() -> None:
    venv = "app/.venv/lib/python3.12/site-packages"
    alone = installed(SITE, ("b", "1.0")) | installed(venv, ("a", "1.0", "b"))
    assert told(alone | {"app/.venv/pyvenv.cfg": "home = /usr/local/bin\n"}) == (
        "a 1.0 requires b, which is not installed",
    )
    shared = {"app/.venv/pyvenv.cfg": "include-system-site-packages = true\n"}
    assert told(alone | shared) == ()


def test_debian_s_folders_are_one_environment() -> None:
    system = installed("usr/lib/python3/dist-packages", ("b", "1.0"), ("d", "1.0", "nowhere"))
    local = installed("usr/local/lib/python3.11/dist-packages", ("a", "1.0", "b"), ("b", "2.0"))
    made = [(version, sorted(seen), seen["b"].version) for version, seen in environments([files(system | local)])]
    assert made == [("3.11", ["a", "b", "d"], "2.0")], "what is installed locally comes first"
    found = list(environments([files(system | {"usr/lib/python3.13/os.py": ""})]))
    assert [version for version, _ in found] == ["3.13"]


def test_folders_of_pythonpath_are_seen() -> None:
    vendored = installed("srv/vendor", ("b", "1.0"))
    here = installed(SITE, ("a", "1.0", "b"))
    assert told(here | vendored) == ("a 1.0 requires b, which is not installed",)
    assert told(here | vendored, env=("PYTHONPATH=/srv/vendor:.",)) == ()


def test_an_image_without_packages_has_none_that_disagree() -> None:
    assert told({"bin/sleep": ""}) == ()
