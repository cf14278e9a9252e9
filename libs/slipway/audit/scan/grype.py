"""Have grype look at an image's bill of materials, and read its JSON (``grype/presenter/models``)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from slipway.audit.scan.findings import Advisory, Found, Package
from slipway.audit.scan.purls import package_of
from slipway.audit.scan.severity import Severity
from slipway.core.command import Command

NAME = "grype"


def command(file: str) -> Command:
    return Command((NAME, "--quiet", "--output", "json", f"sbom:{file}"), label=NAME)


def read(output: Any) -> Found:
    """Return the advisories of grype's JSON, by package."""
    found: dict[Package, list[Advisory]] = defaultdict(list)
    for match in output["matches"]:
        if package := package_of(match["artifact"]["purl"]):
            found[package].append(_advisory(match))
    return {package: tuple(advisories) for package, advisories in found.items()}


def _advisory(match: Any) -> Advisory:
    one = match["vulnerability"]
    related = [str(other["id"]) for other in match.get("relatedVulnerabilities") or ()]
    return Advisory(
        str(one["id"]),
        tuple(id for id in dict.fromkeys(related) if id != one["id"]),
        Severity.of(str(one.get("severity", ""))),
        tuple(map(str, (one.get("fix") or {}).get("versions") or ())),
        " ".join(str(one.get("description", "")).split()),
        (NAME,),
    )
