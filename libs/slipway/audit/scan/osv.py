"""Read the severity of an advisory from its record in the OSV format (https://ossf.github.io/osv-schema/)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from slipway.audit.scan.findings import Advisory
from slipway.audit.scan.severity import Severity

#: The places of words that only one database uses.
_SPECIFIC = ("database_specific", "ecosystem_specific")
#: Returns the record of an advisory, or None when the service does not have it.
Ask = Callable[[str], Any]


def record_url(service: str, advisory: str) -> str:
    return f"{service.rstrip('/')}/v1/vulns/{quote(advisory, safe='')}"


def severity_in(record: Any) -> Severity:
    """Return the severity that a record names: the highest of its CVSS vectors, else the word of its database."""
    entries = [record, *(record.get("affected") or ())]
    scores = [score for entry in entries for score in entry.get("severity") or ()]
    found = [one for score in scores if (one := _of_score(score)) is not Severity.UNKNOWN]
    if found:
        return max(found, key=lambda one: one.rank)
    words = [(entry.get(place) or {}).get("severity") for entry in entries for place in _SPECIFIC]
    return next((Severity.of(word) for word in words if isinstance(word, str)), Severity.UNKNOWN)


def _of_score(score: Any) -> Severity:
    kind, value = str(score["type"]), str(score["score"])
    try:
        match kind:
            case "CVSS_V4":
                return Severity.of(CVSS4(value).severity)
            case "CVSS_V3":
                return Severity.of(CVSS3(value).severities()[0])
            case "CVSS_V2":
                return Severity.of(CVSS2(value).severities()[0])
    except CVSSError:
        return Severity.UNKNOWN
    return Severity.of(value)


def severity_of(advisory: Advisory, ask: Ask) -> Severity:
    """Return the severity in the first record that has one, of all names of an advisory."""
    found = (severity_in(record) for name in advisory.names if (record := ask(name)))
    return next((one for one in found if one is not Severity.UNKNOWN), Severity.UNKNOWN)
