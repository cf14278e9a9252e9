"""Findings: each package that advisories are about once, with its origin, and the newer base that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from slipway.audit.distributions import Distribution, Kind
from slipway.audit.inventory import Installed, Inventory
from slipway.audit.requirements import Requirement
from slipway.audit.scan.findings import Advisory, Package
from slipway.audit.scan.rows import Finding, Newer, Role, gather, judge, with_newer, with_permissions
from slipway.audit.scan.severity import Severity
from slipway.config.policy import Policy
from slipway.core.rules import Permission, Rule

REQUESTS = Distribution(Kind.PYTHON, "Requests", "2.31.0", "requests", "/site")
SSL = Distribution(Kind.DEBIAN, "libssl3", "3.0.1-1", "libssl3", architecture="amd64", source="openssl")


@dataclass(frozen=True)
class Shown:
    """An image, all of whose packages but those of its own come from base-ml."""

    name: str
    inventory: Inventory
    own: tuple[Distribution, ...] = ()

    def origin(self, one: Installed) -> str:
        return self.name if one.distribution in self.own else "base-ml"

    def role(self, origin: str) -> Role:
        return Role.BASE if origin == "base-ml" else Role.SERVICE

    def requirement(self, one: Installed) -> Requirement:
        return Requirement((one.distribution.id,), "libs/r.in:1", "libs/r.txt:9")


def inventory(*distributions: Distribution, layer: str = "sha256:1") -> Inventory:
    return Inventory(tuple(Installed(one, 2, layer) for one in distributions))


def finding(distribution: Distribution = REQUESTS, *fixed: str) -> Finding:
    (one,) = inventory(distribution).installed
    return Finding(one, Advisory("X", fixed=fixed), "base-ml", Role.BASE, ("svc-x",), Requirement((), ""))


def test_a_package_that_images_share_is_one_finding_and_the_severe_come_first() -> None:
    found = {
        Package.of(REQUESTS): (Advisory("LOW", severity=Severity.LOW), Advisory("CRIT", severity=Severity.CRITICAL)),
        Package.of(SSL): (Advisory("UNKNOWN"),),
    }
    both = inventory(REQUESTS, SSL)
    views = (
        Shown("base-ml", both),
        Shown("svc-x", both),
        Shown("svc-y", inventory(REQUESTS, layer="sha256:2"), (REQUESTS,)),
    )
    rows = [(one.advisory.id, one.origin, one.role, one.images) for one in gather(views, found)]
    assert rows == [
        ("CRIT", "base-ml", "base", ("base-ml", "svc-x")),
        ("CRIT", "svc-y", "service", ("svc-y",)),
        ("UNKNOWN", "base-ml", "base", ("base-ml", "svc-x")),
        ("LOW", "base-ml", "base", ("base-ml", "svc-x")),
        ("LOW", "svc-y", "service", ("svc-y",)),
    ]
    assert gather(views, {}) == ()


def test_the_json_of_a_finding_names_all() -> None:
    (one,) = gather([Shown("svc-x", inventory(REQUESTS))], {Package.of(REQUESTS): (Advisory("X", ("Y",)),)})
    assert one.as_json() == {
        "advisory": "X",
        "aliases": ["Y"],
        "severity": "unknown",
        "summary": "",
        "package": "Requests",
        "kind": "python",
        "installed": "2.31.0",
        "fixed": [],
        "place": "/site",
        "layer": 2,
        "layer_id": "sha256:1",
        "brought_by": "base-ml",
        "role": "base",
        "images": ["svc-x"],
        "required_by": ["requests"],
        "requirement": "libs/r.in:1",
        "pinned": "libs/r.txt:9",
        "newer_base": None,
        "found_by": [],
    }


def document(*purls: str) -> dict[str, Any]:
    return {"components": [{"purl": purl} for purl in (*purls, "pkg:npm/x@1")] + [{"name": "without"}]}


@pytest.mark.parametrize(
    ("fixed", "purls", "installed", "fixes"),
    [
        (("2.32.0",), ("pkg:pypi/requests@2.32.1",), ("2.32.1",), True),
        (("2.30.0", "2.32.0"), ("pkg:pypi/requests@2.31.5",), ("2.31.5",), False),
        (("2.32.0",), ("pkg:pypi/requests@2.32.1", "pkg:pypi/requests@2.31.0"), ("2.31.0", "2.32.1"), False),
        (("2.32.0",), ("pkg:pypi/requests@odd",), ("odd",), False),
        (("2.32.0",), (), (), True),
        ((), ("pkg:pypi/requests@2.31.0",), ("2.31.0",), False),
        ((), ("pkg:pypi/requests@2.33",), ("2.33",), None),
    ],
)
def test_a_newer_base_fixes_a_finding_with_a_fixed_version_or_without_the_package(
    fixed: tuple[str, ...], purls: tuple[str, ...], installed: tuple[str, ...], fixes: bool | None
) -> None:
    assert judge(finding(REQUESTS, *fixed), "v2", document(*purls)) == Newer("v2", installed, fixes)


def test_debians_versions_have_their_own_order() -> None:
    base = document("pkg:deb/debian/libssl3@3.0.1-10?arch=amd64")
    assert judge(finding(SSL, "3.0.1-9"), "v2", base).fixes is True
    assert judge(finding(SSL, "3.0.1-11"), "v2", base).fixes is False


def test_only_the_findings_of_a_base_with_a_newer_version_have_one() -> None:
    one = finding(REQUESTS, "2.32.0")
    (same,) = with_newer([one], {"base-runtime": ("v2", document())})
    (other,) = with_newer([one], {"base-ml": ("v2", document())})
    (unknown,) = with_newer([one], {"base-ml": ("v3", {})})
    assert unknown.newer == Newer("v3", (), None)
    assert same == one and other.newer == Newer("v2", (), True)
    assert other.as_json()["newer_base"] == {"version": "v2", "installed": [], "fixes": True}


def test_a_permission_of_the_origin_or_of_all_images_lets_a_finding_pass() -> None:
    one = finding()

    def allowed(*images: str, advisory: str = "X") -> Permission | None:
        reasons = [Permission(Rule.VULNERABILITY, "why", "pyproject.toml:1", image, advisory) for image in images]
        (found,) = with_permissions([one], Policy(permissions=tuple(reasons)).permission)
        return found.permission

    assert allowed("base-ml") and allowed("svc-x") and allowed("")
    assert not allowed("svc-y") and not allowed("", advisory="X-2") and not allowed()
