"""Small images to scan, and the outputs of trivy and grype in the forms that their sources define."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from slipway.audit.cyclonedx import Subject, bill_of_materials
from slipway.audit.inventory import take_inventory
from slipway.audit.scan.running import Scanned
from tests.audit.trees import RELEASE, deb, layer, status, wheel

SSL = deb("libssl3", "3.0.1-1+b1", "Source: openssl (3.0.1-1)")


def scanned(name: str = "svc-x", *, release: dict[str, str] = RELEASE, wheels: dict[str, str] | None = None) -> Scanned:
    """Return an image of Debian 12 with libssl3 of openssl, and Requests of Python unless ``wheels`` has others."""
    packages = wheel("Requests", "2.31.0") if wheels is None else wheels
    inventory = take_inventory([layer("a", status(SSL) | release), layer("b", packages)], "amd64")
    subject = Subject(f"acme/{name}", f"sha256:{'1' * 64}", "linux/amd64")
    return Scanned(name, inventory, bill_of_materials(subject, inventory, version("slipway")))


def trivy_output(severity: str = "HIGH") -> str:
    found: dict[str, Any] = {
        "VulnerabilityID": "CVE-2099-3",
        "PkgName": "libssl3",
        "PkgIdentifier": {"PURL": "pkg:deb/debian/libssl3@3.0.1-1%2Bb1?arch=amd64&distro=debian-12&upstream=openssl"},
        "InstalledVersion": "3.0.1-1+b1",
        "FixedVersion": "3.0.1-2, 3.0.2-1",
        "Title": "made up",
        "Severity": severity,
    }
    results = [
        {"Target": "svc-x (debian 12)", "Class": "os-pkgs", "Vulnerabilities": [found]},
        {"Target": "Python", "Class": "lang-pkgs"},
    ]
    return json.dumps({"SchemaVersion": 2, "ArtifactType": "cyclonedx", "Results": results})


def grype_output() -> str:
    vulnerability = {
        "id": "GHSA-2099",
        "severity": "Critical",
        "description": "made\nup",
        "fix": {"versions": ["2.32.0"], "state": "fixed"},
    }
    artifact = {"name": "requests", "version": "2.31.0", "type": "python", "purl": "pkg:pypi/requests@2.31.0"}
    match = {
        "vulnerability": vulnerability,
        "relatedVulnerabilities": [{"id": "CVE-2099-4"}, {"id": "GHSA-2099"}],
        "artifact": artifact,
    }
    return json.dumps({"matches": [match], "descriptor": {"name": "grype", "version": "0.85.0"}})
