"""Join advisories with the images that hold the packages: a finding says who brought the package, and what fixes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from packaging.version import InvalidVersion, Version

from slipway.audit.distributions import Kind
from slipway.audit.inventory import Installed, Inventory
from slipway.audit.requirements import Requirement
from slipway.audit.scan.debian_version import DebianVersion
from slipway.audit.scan.findings import Advisory, Found, Package
from slipway.audit.scan.purls import package_of
from slipway.core.rules import Permission, Rule

#: Returns the permission of an image to break a rule with a path, or None.
Allowed = Callable[[str, Rule, str], Permission | None]


class Role(StrEnum):
    """Name what an image is to the repository. ``scan --json`` prints the values."""

    ROOT = "root image"
    BASE = "base"
    SERVICE = "service"
    OTHER = "image"


class View(Protocol):
    """Tell an image's packages, and the origin of each: the image that brought it, its role, and the line."""

    @property
    def name(self) -> str: ...

    @property
    def inventory(self) -> Inventory: ...

    def origin(self, one: Installed) -> str: ...

    def role(self, origin: str) -> Role: ...

    def requirement(self, one: Installed) -> Requirement: ...


@dataclass(frozen=True)
class Newer:
    """Hold the newest published version of a base, and its versions of a package.

    ``fixes``: it has the package no more, or in a fixed version; None when slipway does not know.
    """

    version: str
    installed: tuple[str, ...]
    fixes: bool | None

    def as_json(self) -> dict[str, object]:
        return {"version": self.version, "installed": list(self.installed), "fixes": self.fixes}


@dataclass(frozen=True)
class Finding:
    """Hold an advisory about a package that the image ``origin`` brought into ``images``.

    ``permission``: lets the finding pass.
    """

    installed: Installed
    advisory: Advisory
    origin: str
    role: Role
    images: tuple[str, ...]
    requirement: Requirement
    newer: Newer | None = None
    permission: Permission | None = None

    @property
    def package(self) -> Package:
        return Package.of(self.installed.distribution)

    def as_json(self) -> dict[str, object]:
        advisory, distribution = self.advisory, self.installed.distribution
        return {
            "advisory": advisory.id,
            "aliases": list(advisory.aliases),
            "severity": advisory.severity,
            "summary": advisory.summary,
            "package": distribution.name,
            "kind": distribution.kind,
            "installed": distribution.version,
            "fixed": list(advisory.fixed),
            "place": distribution.place,
            "layer": self.installed.layer,
            "layer_id": self.installed.layer_id,
            "brought_by": self.origin,
            "role": self.role,
            "images": list(self.images),
            "required_by": list(self.requirement.chain),
            "requirement": self.requirement.line,
            "pinned": self.requirement.pinned,
            "newer_base": self.newer.as_json() if self.newer else None,
            "found_by": list(advisory.scanners),
            **(self.permission.as_json() if self.permission else {}),
        }


def gather(views: Iterable[View], found: Found) -> tuple[Finding, ...]:
    """Return a finding for each package that advisories are about, the most severe first.

    A package that several images have from the same layer of the same image is one finding.
    """
    gathered: dict[tuple[object, ...], Finding] = {}
    for view in views:
        for one in view.inventory.installed:
            for advisory in found.get(Package.of(one.distribution), ()):
                origin = view.origin(one)
                key = (origin, one.layer_id, one.distribution.key, advisory.id)
                known = gathered.get(key) or Finding(
                    one, advisory, origin, view.role(origin), (), view.requirement(one)
                )
                gathered[key] = replace(known, images=(*known.images, view.name))
    return tuple(sorted(gathered.values(), key=_order))


def with_newer(findings: Iterable[Finding], newest: Mapping[str, tuple[str, Mapping[str, Any]]]) -> tuple[Finding, ...]:
    """Return the findings with the newest version of the base that brought each.

    ``newest``: base → that version, and its bill of materials, if it has one.
    """
    return tuple(
        replace(one, newer=judge(one, *newest[one.origin])) if one.origin in newest else one for one in findings
    )


def with_permissions(findings: Iterable[Finding], allowed: Allowed) -> tuple[Finding, ...]:
    """Return the findings, each with the permission of its origin, or of all images that have the package."""
    return tuple(replace(one, permission=_permission(one, allowed)) for one in findings)


def _permission(one: Finding, allowed: Allowed) -> Permission | None:
    def of(image: str) -> Permission | None:
        return next(filter(None, (allowed(image, Rule.VULNERABILITY, name) for name in one.advisory.names)), None)

    each = [of(image) for image in one.images]
    return of(one.origin) or (each[0] if all(each) else None)


def judge(finding: Finding, version: str, document: Mapping[str, Any]) -> Newer:
    """Tell whether a base's ``version`` fixes a finding, by its bill of materials; an empty one tells nothing."""
    if not document:
        return Newer(version, (), None)
    package, order = finding.package, _ORDERS[finding.package.kind]
    others = [package_of(str(one.get("purl", ""))) for one in document.get("components") or ()]
    installed = sorted({one.version for one in others if one and (one.kind, one.id) == (package.kind, package.id)})
    own = order(package.version)
    wanted = min((order(fixed) for fixed in finding.advisory.fixed if order(fixed) > own), default=None)
    if not installed:
        fixes: bool | None = True
    elif wanted is None:
        fixes = False if installed == [package.version] else None
    else:
        fixes = all(order(one) >= wanted for one in installed)
    return Newer(version, tuple(installed), fixes)


def _python_version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


_ORDERS: Mapping[Kind, Callable[[str], Any]] = MappingProxyType(
    {Kind.PYTHON: _python_version, Kind.DEBIAN: DebianVersion}
)


def _order(one: Finding) -> tuple[object, ...]:
    return -one.advisory.severity.rank, one.origin, one.package, one.advisory.id
