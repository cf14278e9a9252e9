"""Severities, and advisories of several scanners about one vulnerability."""

from __future__ import annotations

import pytest

from slipway.audit.scan.findings import Advisory, joined
from slipway.audit.scan.severity import LEVELS, Severity


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("CRITICAL", Severity.CRITICAL),
        ("Moderate", Severity.MEDIUM),
        ("important", Severity.HIGH),
        ("Negligible", Severity.LOW),
        ("not yet assigned", Severity.UNKNOWN),
        ("", Severity.UNKNOWN),
    ],
)
def test_a_severity_is_read_of_the_words_of_its_source(word: str, severity: Severity) -> None:
    assert Severity.of(word) is severity


def test_an_unknown_severity_counts_as_high() -> None:
    assert [level for level in LEVELS if Severity.UNKNOWN.reaches(level)] == ["low", "medium", "high"]
    assert [level for level in LEVELS if Severity.CRITICAL.reaches(level)] == list(LEVELS)
    assert [level for level in LEVELS if Severity.LOW.reaches(level)] == ["low"]


def test_advisories_that_share_a_name_are_one() -> None:
    pypi = Advisory("PYSEC-1", ("CVE-1",), fixed=("2",), scanners=("pip-audit",))
    debian = Advisory("CVE-1", severity=Severity.LOW, scanners=("debian-tracker",))
    github = Advisory("GHSA-1", ("CVE-1",), Severity.HIGH, ("3",), "bad", ("trivy",))
    other = Advisory("CVE-9")
    assert joined([pypi, other, debian, github]) == (
        other,
        Advisory(
            "PYSEC-1",
            ("CVE-1", "GHSA-1"),
            Severity.HIGH,
            ("2",),
            "bad",
            ("pip-audit", "debian-tracker", "trivy"),
        ),
    )
