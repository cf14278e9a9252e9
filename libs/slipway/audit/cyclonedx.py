"""Write an image's distributions as a software bill of materials, in CycloneDX 1.6.

Pure and deterministic: equal images have equal bytes. The document has no time, and its serial number is derived from
the image's digest. The schema is https://cyclonedx.org/schema/bom-1.6.schema.json; the purl specification defines the
package URLs.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.audit.distributions import Distribution, Key, Kind, Licences
from slipway.audit.inventory import Installed, Inventory

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
#: The properties that CycloneDX has no field for.
LAYER, LAYER_NUMBER, PLACE, SOURCE = "slipway:layer", "slipway:layer:number", "slipway:place", "slipway:source"
PLATFORM = "slipway:platform"


@dataclass(frozen=True)
class Subject:
    """Hold the image that a document is about: its repository or name, the digest that identifies it, its platform."""

    name: str
    digest: str
    platform: str = ""


def bill_of_materials(subject: Subject, inventory: Inventory, slipway: str) -> dict[str, Any]:
    """Return the document about ``subject``. ``slipway``: the version of slipway."""
    references = {one.distribution.key: _reference(one, inventory) for one in inventory.installed}
    image = f"{subject.name}@{subject.digest}"
    return {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'slipway:sbom:{subject.digest}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "slipway", "version": slipway}]},
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": subject.name,
                "version": subject.digest,
                "properties": _named({PLATFORM: subject.platform}),
            },
        },
        "components": [_component(one, inventory, references) for one in inventory.installed],
        "dependencies": [
            {"ref": image, "dependsOn": sorted(references.values())},
            *(
                {"ref": references[key], "dependsOn": sorted(references[need] for need in needs)}
                for key, needs in sorted(inventory.needs().items())
            ),
        ],
    }


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document; equal documents have equal bytes."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _reference(one: Installed, inventory: Inventory) -> str:
    """Return the name of a component within the document: two folders may hold the same Python package."""
    place = one.distribution.place
    return f"{inventory.purl(one)}#{place}" if place else inventory.purl(one)


def _component(one: Installed, inventory: Inventory, references: Mapping[Key, str]) -> dict[str, Any]:
    distribution = one.distribution
    component = {
        "type": "library",
        "bom-ref": references[distribution.key],
        "name": distribution.name,
        "version": distribution.version,
        "purl": inventory.purl(one),
        "properties": _named(_properties(one)),
    }
    if licences := _licences(distribution.licences):
        component["licenses"] = licences
    return component


def _named(properties: Mapping[str, str]) -> list[dict[str, str]]:
    """Return properties in the form of CycloneDX, without the empty ones."""
    return [{"name": name, "value": value} for name, value in properties.items() if value]


def _properties(one: Installed) -> dict[str, str]:
    distribution: Distribution = one.distribution
    source = distribution.source if distribution.kind is Kind.DEBIAN else ""
    return {LAYER: one.layer_id, LAYER_NUMBER: str(one.layer), PLACE: distribution.place, SOURCE: source}


def _licences(licences: Licences) -> list[dict[str, Any]]:
    """Return the declared licences; an expression stands alone, as the schema demands."""
    if licences.expression:
        return [{"expression": licences.expression, "acknowledgement": "declared"}]
    return [{"license": {"name": name, "acknowledgement": "declared"}} for name in licences.names]
