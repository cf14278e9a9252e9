"""Have trivy look at an image's bill of materials, and read its JSON (``pkg/types/report.go``)."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from slipway.audit.scan.findings import Advisory, Found, Package
from slipway.audit.scan.purls import package_of
from slipway.audit.scan.severity import Severity
from slipway.core.command import Command

NAME = "trivy"
_UPDATED = re.compile(r"UpdatedAt: (\d{4}-\d\d-\d\d)")


def command(file: str) -> Command:
    return Command((NAME, "sbom", "--quiet", "--scanners", "vuln", "--format", "json", file), label=NAME)


def source(version: str) -> str:
    """Return the day of trivy's database, from the text of ``trivy --version``."""
    updated = _UPDATED.search(version)
    return f"database of {updated[1]}" if updated else ""


def read(output: Any) -> Found:
    """Return the advisories of trivy's JSON, by package."""
    found: dict[Package, list[Advisory]] = defaultdict(list)
    for result in output.get("Results") or ():
        for one in result.get("Vulnerabilities") or ():
            if package := package_of(one["PkgIdentifier"]["PURL"]):
                found[package].append(_advisory(one))
    return {package: tuple(advisories) for package, advisories in found.items()}


def _advisory(one: Any) -> Advisory:
    return Advisory(
        str(one["VulnerabilityID"]),
        tuple(map(str, one.get("VendorIDs") or ())),
        Severity.of(str(one.get("Severity", ""))),
        tuple(filter(None, map(str.strip, str(one.get("FixedVersion", "")).split(",")))),
        str(one.get("Title", "")),
        (NAME,),
    )
