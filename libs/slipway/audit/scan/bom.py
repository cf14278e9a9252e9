"""Add to an image's bill of materials what trivy and grype need to recognize Debian's packages.

Debian's advisories name source packages. trivy reads the system from a component, and the source from its own
properties (``pkg/sbom/io/decode.go``); grype reads the source from the qualifier ``upstream`` of a package URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from slipway.audit.distributions import Distribution, Kind
from slipway.audit.inventory import Installed, Inventory
from slipway.audit.scan.debian_version import DebianVersion

_TRIVY = "aquasecurity:trivy"


def for_scanners(document: Mapping[str, Any], inventory: Inventory) -> dict[str, Any]:
    """Return ``document``, the bill of materials of ``inventory``, for scanners."""
    components = [
        _for_scanners(component, one)
        for component, one in zip(document["components"], inventory.installed, strict=True)
    ]
    system = inventory.system
    if system.id:
        components.append(
            {"type": "operating-system", "bom-ref": system.distro, "name": system.id, "version": system.version}
        )
    return {**document, "components": components}


def _for_scanners(component: dict[str, Any], one: Installed) -> dict[str, Any]:
    distribution = one.distribution
    if distribution.kind is not Kind.DEBIAN:
        return component
    upstream = quote(f"{distribution.source}@{distribution.source_version}", safe="")
    purl = component["purl"]
    more = [{"name": f"{_TRIVY}:{name}", "value": value} for name, value in _source(distribution).items() if value]
    return {
        **component,
        "purl": f"{purl}{'&' if '?' in purl else '?'}upstream={upstream}",
        "properties": [*component["properties"], *more],
    }


def _source(one: Distribution) -> dict[str, str]:
    version = DebianVersion(one.source_version)
    epoch = str(version.epoch) if version.epoch else ""
    return {
        "SrcName": one.source,
        "SrcVersion": version.upstream,
        "SrcRelease": version.revision,
        "SrcEpoch": epoch,
    }
