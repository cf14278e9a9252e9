"""Define a scan's results: advisories by package, the report of each scanner, and the errors of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from packaging.utils import canonicalize_name

from slipway.audit.distributions import Distribution, Kind
from slipway.audit.scan.severity import Severity
from slipway.core.errors import PolicyError, Problem
from slipway.core.problems import Cause


class ScanCause(Cause):
    """Name the reasons for which ``scan --fail-on`` refuses images."""

    VULNERABLE = "vulnerable", "A package has a known vulnerability as severe as --fail-on says, or more."
    MISSING = "scanner-missing", "A scanner is not installed on this machine."
    TIMEOUT = "scanner-timeout", "A scanner did not end within --scanner-deadline."
    FAILED = "scanner-failed", "A scanner ended with an error."
    GARBLED = "scanner-garbled", "A scanner, or a source of advisories, answered something that slipway cannot read."
    UNREACHABLE = "advisories-unreachable", "A source of advisories did not answer, or answered with an error."
    UNSEEN = "packages-unseen", "A scanner did not look at some packages."


class ScanError(PolicyError):
    """Report that a scanner did not run, or did not look at every package."""

    kind = "scan-incomplete"


@dataclass(frozen=True, order=True)
class Package:
    """Identify a package as advisories do: by kind, name for comparisons, and version."""

    kind: Kind
    id: str
    version: str

    @classmethod
    def of(cls, one: Distribution) -> Self:
        return cls(one.kind, one.id, one.version)

    @classmethod
    def python(cls, name: str, version: str) -> Self:
        return cls(Kind.PYTHON, canonicalize_name(name), version)


@dataclass(frozen=True)
class Advisory:
    """Hold what a source says about one vulnerability of one package.

    ``fixed``: the versions that do not have it, the lowest first; empty when none is known. ``scanners``: the scanners
    that found it.
    """

    id: str
    aliases: tuple[str, ...] = ()
    severity: Severity = Severity.UNKNOWN
    fixed: tuple[str, ...] = ()
    summary: str = ""
    scanners: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.id, *self.aliases

    def joined(self, other: Advisory) -> Advisory:
        """Return this advisory with the knowledge of another one about the same vulnerability."""
        severities = [one.severity for one in (self, other) if one.severity is not Severity.UNKNOWN]
        return replace(
            self,
            aliases=tuple(dict.fromkeys(name for name in (*self.aliases, *other.names) if name != self.id)),
            severity=max(severities, key=lambda one: one.rank, default=Severity.UNKNOWN),
            fixed=self.fixed or other.fixed,
            summary=self.summary or other.summary,
            scanners=tuple(dict.fromkeys((*self.scanners, *other.scanners))),
        )


def joined(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Return advisories about one package, those that share a name as one."""
    found: list[Advisory] = []
    for one in advisories:
        same = [other for other in found if not set(other.names).isdisjoint(one.names)]
        for other in same:
            found.remove(other)
            one = other.joined(one)
        found.append(one)
    return tuple(found)


#: Package → the advisories about it.
Found = Mapping[Package, tuple[Advisory, ...]]


@dataclass(frozen=True)
class Report:
    """Hold the result of one scanner.

    ``source``: where its advisories come from. ``looked``: the packages that it looked at. ``problems``: why it did not
    run, or the packages that it did not look at. ``wanted``: the user, or the packages of an image, need it.
    """

    scanner: str
    ran: bool = True
    wanted: bool = True
    version: str = ""
    source: str = ""
    looked: frozenset[Package] = frozenset()
    found: Found = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        said = " ".join(filter(None, (self.scanner, self.version)))
        return f"{said} ({self.source})" if self.source else said

    def as_json(self) -> dict[str, object]:
        return {
            "scanner": self.scanner,
            "ran": self.ran,
            "wanted": self.wanted,
            "version": self.version,
            "source": self.source,
            "packages": len(self.looked),
            "problems": [{"what": one.what, "code": one.code} for one in self.problems],
        }
