"""The bill of materials that trivy and grype get."""

from __future__ import annotations

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from slipway.audit.distributions import Kind
from slipway.audit.scan.bom import for_scanners
from slipway.audit.scan.findings import Package
from slipway.audit.scan.purls import package_of
from tests.audit.scan.samples import scanned


def test_scanners_get_the_system_and_the_sources_of_packages() -> None:
    image = scanned()
    document = for_scanners(image.document, image.inventory)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    ssl, requests, system = document["components"]
    assert (system["type"], system["name"], system["version"]) == ("operating-system", "debian", "12")
    assert ssl["purl"].endswith("?arch=amd64&distro=debian-12&upstream=openssl%403.0.1-1")
    named = {one["name"]: one["value"] for one in ssl["properties"]}
    assert {name: value for name, value in named.items() if name.startswith("aquasecurity:trivy:")} == {
        "aquasecurity:trivy:SrcName": "openssl",
        "aquasecurity:trivy:SrcVersion": "3.0.1",
        "aquasecurity:trivy:SrcRelease": "1",
    }
    assert requests == image.document["components"][1]
    assert {package_of(one["purl"]) for one in (ssl, requests)} == image.packages


def test_a_package_url_names_a_package_of_python_or_debian() -> None:
    assert package_of("pkg:deb/debian/libc6@2.36%2Bx?arch=amd64") == Package(Kind.DEBIAN, "libc6", "2.36+x")
    assert package_of("pkg:pypi/zope-interface@1") == Package(Kind.PYTHON, "zope-interface", "1")
    assert package_of("pkg:npm/left-pad@1") is package_of("") is None
