"""The severity in a record of the OSV format."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.audit.scan.findings import Advisory
from slipway.audit.scan.osv import severity_in, severity_of
from slipway.audit.scan.severity import Severity
from tests.rig.advisories import VECTORS

V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


def score(kind: str, value: str) -> dict[str, Any]:
    return {"severity": [{"type": kind, "score": value}]}


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        *((score("CVSS_V3", vector), word) for word, vector in VECTORS.items()),
        (score("CVSS_V4", V4), "critical"),
        (score("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C"), "high"),
        (score("Ubuntu", "medium"), "medium"),
        (score("CVSS_V3", "CVSS:3.1/AV:nonsense"), "unknown"),
        ({"affected": [score("CVSS_V3", VECTORS["low"]), score("CVSS_V3", VECTORS["high"])]}, "high"),
        ({"database_specific": {"severity": "MODERATE"}}, "medium"),
        ({**score("CVSS_V3", VECTORS["low"]), "database_specific": {"severity": "HIGH"}}, "low"),
        ({"affected": [{"ecosystem_specific": {"severity": "low"}}]}, "low"),
        ({"database_specific": None, "severity": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_record_has_a_severity(record: dict[str, Any], severity: str) -> None:
    assert severity_in(record) == severity


def test_the_severity_is_that_of_the_first_name_whose_record_has_one() -> None:
    records = {"PYSEC-1": {}, "CVE-1": score("CVSS_V3", VECTORS["high"]), "GHSA-1": score("CVSS_V3", VECTORS["low"])}
    assert severity_of(Advisory("PYSEC-1", ("X-1", "CVE-1", "GHSA-1")), records.get) is Severity.HIGH
    assert severity_of(Advisory("X-2"), records.get) is Severity.UNKNOWN
