"""Ask the OSV service for the severities that scanners do not name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from slipway.audit.scan.download import download
from slipway.audit.scan.findings import Advisory, Found, ScanError
from slipway.audit.scan.osv import record_url, severity_in, severity_of
from slipway.audit.scan.reading import read_json
from slipway.audit.scan.severity import Severity
from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import Problem
from slipway.core.threads import map_concurrently

_QUESTIONS = 16


def ask_severities(
    service: str, advisories: Iterable[Advisory], within: float, clock: Clock = CLOCK
) -> tuple[Mapping[str, Severity], tuple[Problem, ...]]:
    """Return the severity of each advisory, by id, and the problem with the service at ``service``, if there is one.

    After a problem slipway asks no more, and the other severities stay unknown.
    """
    failed: list[ScanError] = []
    ends = clock.now() + within

    def ask(id: str) -> Any:
        url = record_url(service, id)
        content = download(url, max(0.1, ends - clock.now()))
        return None if content is None else read_json(url, content, _checked)

    def severity(advisory: Advisory) -> Severity:
        if failed:
            return Severity.UNKNOWN
        try:
            return severity_of(advisory, ask)
        except ScanError as error:
            failed.append(error)
            return Severity.UNKNOWN

    todo = {one.id: one for one in advisories if one.severity is Severity.UNKNOWN}
    found = map_concurrently(severity, todo.values(), at_once=_QUESTIONS) if todo else []
    problems = [Problem("severities", one.message, code=one.code) for one in failed[:1]]
    return dict(zip(todo, found, strict=True)), tuple(problems)


def rated(found: Found, severities: Mapping[str, Severity]) -> Found:
    """Return advisories with the severities that ``severities`` has by id, where their own are unknown."""
    return {package: tuple(_rated(one, severities) for one in advisories) for package, advisories in found.items()}


def _rated(one: Advisory, severities: Mapping[str, Severity]) -> Advisory:
    return replace(one, severity=severities.get(one.id, one.severity)) if one.severity is Severity.UNKNOWN else one


def _checked(record: Any) -> Any:
    severity_in(record)
    return record
