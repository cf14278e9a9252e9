"""Bills of materials: valid CycloneDX 1.6, and equal bytes for equal images."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from slipway.audit.cyclonedx import Subject, bill_of_materials, encoded
from slipway.audit.distributions import Distribution, Kind, System, purl
from slipway.audit.inventory import take_inventory
from slipway.smoke.image_archive import Layer
from tests.audit.trees import RELEASE, deb, layer, status, wheel

SUBJECT = Subject("registry.example/acme/svc", f"sha256:{'5' * 64}", "linux/amd64")
LAYERS = (
    layer("a", status(deb("curl", "1:8+b1", "Depends: libc6", "Source: curl-src"), deb("libc6", "2.36")) | RELEASE),
    layer("b", wheel("Flask_Login", "1.0+local", "Requires-Dist: flask", "License-Expression: MIT")),
    layer("c", wheel("flask", "3", "License: BSD-3-Clause") | wheel("flask", "3", folder="srv/vendor")),
)


def document(*layers: Layer, subject: Subject = SUBJECT) -> dict[str, Any]:
    return bill_of_materials(subject, take_inventory(layers, "amd64"), "0.1.0")


@pytest.mark.parametrize("layers", [LAYERS, (), LAYERS[:1]])
def test_it_is_valid(layers: tuple[Layer, ...]) -> None:
    written = encoded(document(*layers)).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_each_distribution_is_a_component() -> None:
    flask = {"pkg:pypi/flask@3#/srv/vendor", "pkg:pypi/flask@3#/usr/local/lib/python3.12/site-packages"}
    found = {one["bom-ref"]: one for one in document(*LAYERS)["components"]}
    login = "pkg:pypi/flask-login@1.0%2Blocal#/usr/local/lib/python3.12/site-packages"
    curl = "pkg:deb/debian/curl@1:8%2Bb1?arch=amd64&distro=debian-12"
    assert found.keys() == flask | {login, curl, "pkg:deb/debian/libc6@2.36?arch=amd64&distro=debian-12"}
    assert found[login] == {
        "type": "library",
        "bom-ref": login,
        "name": "Flask_Login",
        "version": "1.0+local",
        "purl": "pkg:pypi/flask-login@1.0%2Blocal",
        "licenses": [{"expression": "MIT", "acknowledgement": "declared"}],
        "properties": [
            {"name": "slipway:layer", "value": "sha256:b"},
            {"name": "slipway:layer:number", "value": "2"},
            {"name": "slipway:place", "value": "/usr/local/lib/python3.12/site-packages"},
        ],
    }
    assert {"name": "slipway:source", "value": "curl-src"} in found[curl]["properties"]


def test_it_names_the_image() -> None:
    said = document(*LAYERS)["metadata"]["component"]
    assert (said["name"], said["version"]) == (SUBJECT.name, SUBJECT.digest)
    assert said["properties"] == [{"name": "slipway:platform", "value": "linux/amd64"}]


def test_dependencies_name_components() -> None:
    found = document(*LAYERS)
    edges = {one["ref"]: one["dependsOn"] for one in found["dependencies"]}
    image = f"{SUBJECT.name}@{SUBJECT.digest}"
    assert edges.pop(image) == sorted(edges)
    assert {ref.partition("@")[0]: [one.partition("@")[0] for one in refs] for ref, refs in edges.items() if refs} == {
        "pkg:deb/debian/curl": ["pkg:deb/debian/libc6"],
        "pkg:pypi/flask-login": ["pkg:pypi/flask"],
    }


def test_equal_images_have_equal_bytes() -> None:
    assert encoded(document(*LAYERS)) == encoded(document(*LAYERS))
    said = document(*LAYERS)
    assert "timestamp" not in json.dumps(said)
    other = document(*LAYERS, subject=Subject(SUBJECT.name, f"sha256:{'6' * 64}"))
    assert said["serialNumber"] != other["serialNumber"]


@pytest.mark.parametrize(
    ("kind", "name", "version"),
    [
        (Kind.PYTHON, "ruamel.yaml", "0.18"),
        (Kind.PYTHON, "Foo__Bar", "1!2.0+cu118"),
        (Kind.DEBIAN, "libstdc++6", "12.2.0-14+deb12u1"),
        (Kind.DEBIAN, "login", "1:4.13+dfsg1-1~deb12u2"),
    ],
)
def test_a_package_url_is_the_one_that_packageurl_writes(kind: Kind, name: str, version: str) -> None:
    written = purl(Distribution(kind, name, version, name, architecture="amd64"), System("debian", "12"))
    if kind is Kind.PYTHON:
        expected = PackageURL("pypi", None, name, version)
    else:
        expected = PackageURL("deb", "debian", name, version, {"arch": "amd64", "distro": "debian-12"})
    assert written == expected.to_string()
