"""The distributions of small images: which count, which layer brought them, what they require."""

from __future__ import annotations

import pytest

from slipway.audit.distributions import Licences, System
from slipway.audit.inventory import Inventory, take_inventory
from slipway.smoke.image_archive import Layer
from tests.audit.trees import RELEASE, SITE, deb, layer, status, wheel


def taken(*layers: Layer) -> Inventory:
    return take_inventory(layers, "amd64")


def brought(found: Inventory) -> dict[str, int]:
    return {f"{one.distribution.name} {one.distribution.version}": one.layer for one in found.installed}


def needs(found: Inventory) -> dict[str, list[str]]:
    return {key[1]: [need[1] for need in of] for key, of in found.needs().items() if of}


def test_python_and_debian_packages_are_found() -> None:
    found = taken(layer("a", status(deb("libc6", "2.36-9")) | RELEASE), layer("b", wheel("click", "8.1.7")))
    assert [(found.purl(one), one.layer, one.layer_id) for one in found.installed] == [
        ("pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12", 1, "sha256:a"),
        ("pkg:pypi/click@8.1.7", 2, "sha256:b"),
    ]


def test_a_debian_package_names_its_source_and_the_version_of_that() -> None:
    rebuilt = deb("libssl3", "3.0-1+b1", "Source: openssl (3.0-1)")
    found = taken(layer("a", status(rebuilt, deb("curl", "7"), deb("libcurl4", "7", "Source: curl")) | RELEASE))
    sources = [(one.distribution.source, one.distribution.source_version) for one in found.installed]
    assert sources == [("curl", "7"), ("curl", "7"), ("openssl", "3.0-1")]
    assert found.system == System("debian", "12", "bookworm")


def test_only_installed_packages_of_dpkg_count() -> None:
    removed = deb("old", "1", status="deinstall ok config-files")
    halfway = deb("half", "1", status="install reinstreq half-installed")
    assert brought(taken(layer("a", status(removed, deb("new", "2"), halfway)))) == {"new 2": 1}


def test_a_package_belongs_to_the_layer_that_brought_it_although_dpkg_writes_one_file() -> None:
    below = layer("a", status(deb("libc6", "2.36"), deb("curl", "7")))
    above = layer("b", status(deb("libc6", "2.36"), deb("curl", "8"), deb("jq", "1")))
    assert brought(taken(below, above)) == {"libc6 2.36": 1, "curl 8": 2, "jq 1": 2}


def test_a_package_that_came_back_belongs_to_the_later_layer() -> None:
    with_both, without = status(deb("libc6", "2"), deb("jq", "1")), status(deb("libc6", "2"))
    assert brought(taken(layer("a", with_both), layer("b", without), layer("c", with_both)))["jq 1"] == 3


def test_files_that_are_copied_again_belong_to_the_first_layer() -> None:
    package = wheel("click", "8.1.7")
    assert brought(taken(layer("a", package), layer("b", package))) == {"click 8.1.7": 1}


@pytest.mark.parametrize("whiteout", [f"{SITE}/.wh.click-8.1.7.dist-info", f"{SITE}/.wh..wh..opq", "usr/.wh.local"])
def test_a_package_that_a_later_layer_removes_does_not_count(whiteout: str) -> None:
    assert brought(taken(layer("a", wheel("click", "8.1.7")), layer("b", {whiteout: ""}))) == {}
    replaced = layer("b", {whiteout: "", **wheel("click", "8.2")})
    assert brought(taken(layer("a", wheel("click", "8.1.7")), replaced)) == {"click 8.2": 2}


def test_a_copy_inside_a_package_does_not_count() -> None:
    vendored = wheel("wheel", "0.43", folder=f"{SITE}/setuptools/_vendor")
    target = wheel("six", "1", folder="app/lib") | wheel("inner", "1", folder="app/lib/six/vendor")
    assert brought(taken(layer("a", wheel("setuptools", "66") | vendored | target))) == {"setuptools 66": 1, "six 1": 1}


def test_each_folder_of_packages_counts() -> None:
    venv = "app/.venv/lib/python3.12/site-packages"
    found = taken(layer("a", wheel("click", "8") | wheel("click", "8", folder=venv)))
    assert [one.distribution.place for one in found.installed] == [f"/{venv}", f"/{SITE}"]


def test_older_forms_of_metadata_count() -> None:
    eggs = {
        "usr/lib/python3/dist-packages/wheel-0.38.4.egg-info/PKG-INFO": "Name: wheel\nVersion: 0.38.4\n\ntext",
        "usr/lib/python3/dist-packages/apt_lib-2.6-py3.11.egg-info": "Name: apt-lib\nVersion: 2.6\n",
        f"{SITE}/linked-1.5.dist-info/METADATA": "",
    }
    assert brought(taken(layer("a", eggs))) == {"apt-lib 2.6": 1, "linked 1.5": 1, "wheel 0.38.4": 1}


def test_distroless_images_have_a_file_for_each_package() -> None:
    folder = "var/lib/dpkg/status.d"
    files = {
        f"{folder}/libc6": "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n",
        f"{folder}/libc6.md5sums": "0123  usr/lib/libc.so\n",
    }
    assert brought(taken(layer("a", files))) == {"libc6 2.36": 1}


def test_requirements_among_the_installed_are_named() -> None:
    starlette = wheel("starlette", "1", "Requires-Dist: anyio>=3", 'Requires-Dist: httpx; extra == "full"')
    fastapi = wheel(
        "fastapi", "1", "Requires-Dist: Starlette", 'Requires-Dist: anyio; python_version < "3.9"', "Requires-Dist: ?"
    )
    found = taken(layer("a", starlette | fastapi | wheel("anyio", "4") | wheel("httpx", "1")))
    assert needs(found) == {"fastapi": ["starlette"], "starlette": ["anyio"]}


def test_a_python_package_requires_the_one_of_its_own_folder() -> None:
    venv = "app/.venv/lib/python3.12/site-packages"
    here = wheel("a", "1", "Requires-Dist: b", folder=venv) | wheel("b", "2", folder=venv)
    found = taken(layer("a", here | wheel("b", "1")))
    assert [need[4] for of in found.needs().values() for need in of] == [f"/{venv}"]


def test_relations_of_debian_packages_are_resolved() -> None:
    found = taken(
        layer(
            "a",
            status(
                deb(
                    "curl", "8", "Pre-Depends: dpkg (>= 1.17)", "Depends: libc6:any (>= 2.36), libssl3 | libssl1.1, awk"
                ),
                deb("libc6", "2.36", "Depends: libgcc-s1,\n gone"),
                deb("libgcc-s1", "12"),
                deb("libssl1.1", "1.1"),
                deb("mawk", "1", "Provides: awk (= 1), mawk-x"),
            ),
        )
    )
    assert needs(found) == {"curl": ["libc6", "libssl1.1", "mawk"], "libc6": ["libgcc-s1"]}


def test_a_debian_package_requires_the_one_of_its_own_architecture() -> None:
    both = [deb("libc6", "2", architecture=one) for one in ("amd64", "i386")]
    wine = deb("wine", "9", "Depends: libc6, fonts", architecture="i386")
    found = taken(layer("a", status(*both, wine, deb("fonts", "1", architecture="all"))))
    assert [(need[1], need[3]) for of in found.needs().values() for need in of] == [("libc6", "i386"), ("fonts", "all")]


def test_two_files_about_one_package_are_one() -> None:
    eggs = {f"{SITE}/click-8.egg-info": "Name: click\nVersion: 8\n"}
    assert brought(taken(layer("a", wheel("click", "8") | eggs))) == {"click 8": 1}


def test_licences_are_as_declared() -> None:
    long = wheel(
        "long", "1", "License: Some long text", "        of two lines", "Classifier: License :: OSI Approved :: Q"
    )
    packages = {
        **wheel("new", "1", "License-Expression: MIT OR Apache-2.0", "License: old words"),
        **wheel("named", "1", "License: BSD-3-Clause"),
        **wheel("classified", "1", "License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"),
        **long,
        **wheel("silent", "1"),
    }
    found = taken(layer("a", packages))
    assert {one.distribution.name: one.distribution.licences for one in found.installed} == {
        "new": Licences("MIT OR Apache-2.0"),
        "named": Licences(names=("BSD-3-Clause",)),
        "classified": Licences(names=("MIT License",)),
        "long": Licences(names=("Q",)),
        "silent": Licences(),
    }


def test_licences_of_debian_packages_are_in_the_copyright_file_also_behind_a_link() -> None:
    text = "Format: https://www.debian.org/doc/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-3+\n text\n"
    files = {
        **status(deb("gcc-12-base", "12"), deb("libgcc-s1", "12"), deb("prose", "1")),
        "usr/share/doc/gcc-12-base/copyright": f"{text}\nFiles: debian/*\nLicense: GPL-3+\n\nLicense: MIT\n",
        "usr/share/doc/prose/copyright": "It was packaged by Ann.\nLicense: not a field\n",
    }
    found = taken(layer("a", files, {"usr/share/doc/libgcc-s1": "gcc-12-base"}))
    both = Licences(names=("GPL-3+", "MIT"))
    assert [one.distribution.licences for one in found.installed] == [both, both, Licences()]


def test_the_source_package_is_known() -> None:
    found = taken(layer("a", status(deb("libssl3", "3.0", "Source: openssl (3.0.1)"), deb("jq", "1"))))
    assert [one.distribution.source for one in found.installed] == ["jq", "openssl"]


def test_an_image_without_packages_has_an_empty_inventory() -> None:
    assert taken(layer("a", {"bin/sleep": ""})) == Inventory(())
