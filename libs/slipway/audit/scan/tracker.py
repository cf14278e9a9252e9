"""Find the vulnerabilities of Debian's packages in the data of Debian's security tracker.

Two forms are read: the data that ``debsecan`` downloads, one file for each suite, and the tracker's ``data/json``, one
file for all. The rules for the first are those of debsecan 0.4.20 (``fetch_data``, ``Vulnerability.is_vulnerable``).
debsecan skips the entries about a binary package whose source has entries; slipway reads them, too.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from slipway.audit.distributions import Distribution, Kind, System
from slipway.audit.scan.debian_version import DebianVersion
from slipway.audit.scan.findings import Advisory, Found, Package
from slipway.audit.scan.reading import garbled, read_json
from slipway.audit.scan.severity import Severity

NAME = "debian-tracker"
#: debsecan's own source. A source that ends in "/" has a file for each suite.
SOURCE = "https://security-tracker.debian.org/tracker/debsecan/release/1/"
_SUITES = {"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky"}
_VERSION = "VERSION 1"
_URGENCIES = {"L": Severity.LOW, "M": Severity.MEDIUM, "H": Severity.HIGH}
#: Debian's word for a defect without an effect on security.
_NO_MATTER = "unimportant"


@dataclass(frozen=True)
class Entry:
    """Hold the versions of one package, a ``binary`` one or a source, that an advisory is about.

    ``below``: the lowest version without it, as unstable or the suite counts; empty when there is none. ``safe``: other
    versions without it. ``mended``: the suite has one of them.
    """

    advisory: Advisory
    below: str = ""
    safe: tuple[str, ...] = ()
    binary: bool = False
    mended: bool = False

    def concerns(self, version: DebianVersion) -> bool:
        if self.below and version >= DebianVersion(self.below):
            return False
        return self.binary or version not in map(DebianVersion, self.safe)

    def told(self, version: DebianVersion) -> Advisory:
        """Return the advisory, with the lowest version of the suite that fixes it."""
        higher = [one for one in (*self.safe, self.below) if one and version < DebianVersion(one)]
        fixed = sorted(higher, key=DebianVersion)[:1] if self.mended else []
        return replace(self.advisory, fixed=tuple(fixed))


#: The name of a package → the entries about it.
Entries = Mapping[str, tuple[Entry, ...]]


def suite_of(system: System) -> str:
    """Return the name of Debian's suite that an image stands on; empty for another system."""
    return (system.codename or _SUITES.get(system.version, "")) if system.id == "debian" else ""


def place_of(source: str, suite: str) -> str:
    """Return the URL or path of the data about a suite."""
    return f"{source}{suite}" if source.endswith("/") else source


def read_tracker(place: str, data: bytes, suite: str) -> Entries:
    """Return the entries of the tracker's data, in either form. Raises ScanError for other data."""
    if data.lstrip()[:1] == b"{":
        return read_json(place, data, lambda found: _of_json(found, suite))
    try:
        text = zlib.decompress(data).decode("utf-8")
        return _of_debsecan(text.split("\n"))
    except (zlib.error, UnicodeDecodeError, ValueError, IndexError, KeyError):
        raise garbled(place, data) from None


def vulnerable(distributions: Iterable[Distribution], entries: Entries) -> Found:
    """Return the advisories about each of Debian's packages, and an empty tuple for one without."""
    return {
        Package.of(one): tuple(dict.fromkeys(_about(one, entries))) for one in distributions if one.kind is Kind.DEBIAN
    }


def _about(one: Distribution, entries: Entries) -> Iterator[Advisory]:
    source, binary = DebianVersion(one.source_version), DebianVersion(one.version)
    for entry in entries.get(one.source, ()):
        if not entry.binary and entry.concerns(source):
            yield entry.told(source)
    for entry in entries.get(one.id, ()):
        if entry.binary and entry.concerns(binary):
            yield entry.told(binary)


def _of_json(found: Any, suite: str) -> Entries:
    return {str(package): tuple(_entries(advisories, suite)) for package, advisories in found.items() if advisories}


def _entries(advisories: Any, suite: str) -> Iterator[Entry]:
    for id, said in advisories.items():
        here = said["releases"].get(suite)
        if not here or here["urgency"] == _NO_MATTER or here.get("fixed_version") == "0":
            continue
        severity = Severity.of(here["urgency"].rstrip("*"))
        advisory = Advisory(str(id), severity=severity, summary=_line(said.get("description", "")), scanners=(NAME,))
        fixed = str(here.get("fixed_version", ""))
        yield Entry(advisory, below=fixed, mended=bool(fixed))


def _of_debsecan(lines: list[str]) -> Entries:
    """Read the first two of debsecan's three lists: advisories, and entries. An empty line ends each."""
    if lines[0] != _VERSION:
        raise ValueError(lines[0])
    end = lines.index("")
    named = [line.split(",", 2) for line in lines[1:end]]
    entries: dict[str, list[Entry]] = defaultdict(list)
    for line in lines[end + 1 : lines.index("", end + 1)]:
        package, number, flags, unstable, others = line.split(",", 4)
        id, _, summary = named[int(number)]
        severity = _URGENCIES.get(flags[1], Severity.UNKNOWN)
        advisory = Advisory(id, severity=severity, summary=_line(summary), scanners=(NAME,))
        entry = Entry(advisory, unstable, tuple(others.split()), binary=flags[0] == "B", mended=flags[3] == "F")
        entries[package].append(entry)
    return {package: tuple(found) for package, found in entries.items()}


def _line(text: str) -> str:
    return " ".join(text.split())
