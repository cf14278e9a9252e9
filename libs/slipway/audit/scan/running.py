"""Run scanners over the packages of images: each reports what it found, or why it did not look."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from slipway.audit.cyclonedx import encoded
from slipway.audit.distributions import Kind
from slipway.audit.inventory import Inventory
from slipway.audit.scan import grype, pip_audit, tracker, trivy
from slipway.audit.scan.bom import for_scanners
from slipway.audit.scan.download import read_place
from slipway.audit.scan.findings import Advisory, Found, Package, Report, ScanCause, ScanError, joined
from slipway.audit.scan.reading import read_json
from slipway.core.clock import CLOCK, Clock
from slipway.core.command import Command, Result
from slipway.core.errors import Problem
from slipway.hosts.requirements import first_version
from slipway.hosts.runner import RunCommand
from slipway.secrets.patterns import without_logins

_OUTPUT = "its output"
_SHOWN = 5
_HINTS = {pip_audit.NAME: "pip install pip-audit"}


class Scanner(StrEnum):
    """Name the scanners, as ``--scanner`` takes them."""

    PIP_AUDIT = pip_audit.NAME
    TRACKER = tracker.NAME
    TRIVY = trivy.NAME
    GRYPE = grype.NAME


#: The scanners that a scan needs for packages of each kind. The others run where they are installed.
_OF_KIND = {Kind.PYTHON: Scanner.PIP_AUDIT, Kind.DEBIAN: Scanner.TRACKER}
_WHERE_INSTALLED = (Scanner.TRIVY, Scanner.GRYPE)


@dataclass(frozen=True)
class Scanned:
    """Hold an image to scan: its name, its packages, and its bill of materials."""

    name: str
    inventory: Inventory
    document: Mapping[str, Any]

    @property
    def packages(self) -> frozenset[Package]:
        return frozenset(Package.of(one.distribution) for one in self.inventory.installed)


@dataclass(frozen=True)
class Means:
    """Hold what scanners work with.

    ``osv``: the OSV service. ``source``: the URL or path of Debian's data. ``deadline``: the seconds for each scanner.
    """

    run: RunCommand
    osv: str
    source: str
    deadline: float
    clock: Clock = CLOCK


def choose(named: Sequence[Scanner], images: Sequence[Scanned]) -> tuple[Scanner, ...]:
    """Return the scanners to run: those ``named``, else those that the packages of ``images`` need, and all others."""
    if named:
        return tuple(dict.fromkeys(named))
    kinds = {package.kind for image in images for package in image.packages}
    return (*(scanner for kind, scanner in _OF_KIND.items() if kind in kinds), *_WHERE_INSTALLED)


def run_scanner(scanner: Scanner, images: Sequence[Scanned], means: Means, *, wanted: bool) -> Report:
    """Return the report of one scanner. ``wanted``: a scanner that is not installed is a problem."""
    try:
        report = _RUNS[scanner](images, _Limited(scanner, means, means.clock.now() + means.deadline))
    except ScanError as error:
        missing = error.code == ScanCause.MISSING
        problems = tuple(replace(one, where=scanner) for one in error.problems)
        return Report(scanner, ran=False, wanted=wanted or not missing, problems=problems)
    return replace(report, problems=(*report.problems, *_unseen(scanner, images, report)))


def run_scanners(named: Sequence[Scanner], images: Sequence[Scanned], means: Means) -> tuple[Report, ...]:
    """Return the report of each scanner that ``choose`` chooses."""
    optional = () if named else _WHERE_INSTALLED
    return tuple(
        run_scanner(scanner, images, means, wanted=scanner not in optional) for scanner in choose(named, images)
    )


def unlisted(images: Iterable[Scanned]) -> Iterator[Problem]:
    """Yield a problem for each image with a system whose packages slipway does not list, or does not find."""
    for image in images:
        system = image.inventory.system
        listed = any(package.kind is Kind.DEBIAN for package in image.packages)
        if system.id and not listed:
            what = f"slipway lists no packages of {system.distro} in it"
            yield Problem(image.name, what, code=ScanCause.UNSEEN)


def all_found(reports: Iterable[Report]) -> Found:
    """Return the advisories of all reports, by package; those about the same vulnerability as one."""
    found: dict[Package, list[Advisory]] = {}
    for report in reports:
        for package, advisories in report.found.items():
            found.setdefault(package, []).extend(advisories)
    return {package: joined(advisories) for package, advisories in found.items() if advisories}


def _unseen(scanner: Scanner, images: Sequence[Scanned], report: Report) -> Iterator[Problem]:
    """Yield the problem with the packages of its kind that a scanner did not look at."""
    kinds = [kind for kind, own in _OF_KIND.items() if own is scanner]
    every = {package for image in images for package in image.packages if package.kind in kinds}
    if (unseen := sorted(every - report.looked)) and not any(one.code == ScanCause.UNSEEN for one in report.problems):
        some = ", ".join(f"{one.id} {one.version}" for one in unseen[:_SHOWN])
        what = f"did not look at {len(unseen)} packages: {some}{' …' if len(unseen) > _SHOWN else ''}"
        yield Problem(scanner, what, code=ScanCause.UNSEEN)


@dataclass(frozen=True)
class _Limited:
    """Run the commands of one scanner until its deadline."""

    scanner: Scanner
    means: Means
    ends: float

    @property
    def left(self) -> float:
        return max(0.1, self.ends - self.means.clock.now())

    def run(self, command: Command) -> Result:
        """Return the result of a command. Raises ScanError for a missing program, and at the deadline."""
        done = self.means.run(command, timeout=self.left)
        if done.exit_code == 127:
            hint = _HINTS.get(self.scanner, f"install {self.scanner}, or name the others with --scanner")
            raise ScanError("not installed", hint=hint, code=ScanCause.MISSING)
        if done.exit_code == 124:
            said = f"did not end within {self.means.deadline:.0f} s"
            raise ScanError(said, hint="--scanner-deadline with more seconds", code=ScanCause.TIMEOUT)
        return done

    def read(self, command: Command, read: Callable[[Any], Any]) -> Any:
        """Return ``read`` of the JSON that a command prints. Raises ScanError."""
        done = self.run(command)
        if not done.ok:
            raise self.failed(done.exit_code, (done.stderr.strip().splitlines() or ["no message"])[-1])
        return read_json(_OUTPUT, done.stdout, read)

    def version(self, *program: str) -> str:
        """Return what a program says about its version. Raises ScanError."""
        done = self.run(Command((*program, "--version"), label=self.scanner))
        if not done.ok:
            raise self.failed(done.exit_code, (done.stderr.strip().splitlines() or ["no version"])[-1])
        return done.stdout

    def failed(self, exit_code: int, cause: str) -> ScanError:
        return ScanError(f"exit {exit_code}: {cause}", code=ScanCause.FAILED)


def _run_pip_audit(images: Sequence[Scanned], scan: _Limited) -> Report:
    beside = find_spec("pip_audit") is not None
    program = (sys.executable, "-m", "pip_audit") if beside else (pip_audit.NAME,)
    own = version(pip_audit.NAME) if beside else first_version(scan.version(*program))
    wanted = {package for image in images for package in image.packages if package.kind is Kind.PYTHON}
    read: dict[tuple[str, str], tuple[Advisory, ...]] = {}
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        file = Path(folder, "requirements.txt")
        for text in pip_audit.pins(wanted):
            file.write_text(text)
            done = scan.run(pip_audit.command(program, scan.means.osv, str(file)))
            if not done.ok and not done.stdout.strip():
                raise scan.failed(done.exit_code, pip_audit.last_error(done.stderr))
            read |= read_json(_OUTPUT, done.stdout, pip_audit.read)
            left_out = pip_audit.warnings(done.stderr)
            problems += [Problem(scan.scanner, one, code=ScanCause.GARBLED) for one in left_out]
    found = pip_audit.found(wanted, read)
    source = without_logins(scan.means.osv)
    return Report(scan.scanner, True, True, own, source, frozenset(found), found, tuple(problems))


def _run_tracker(images: Sequence[Scanned], scan: _Limited) -> Report:
    found: dict[Package, tuple[Advisory, ...]] = {}
    problems: list[Problem] = []
    read: dict[str, tracker.Entries] = {}
    for image in images:
        debian = [one.distribution for one in image.inventory.installed if one.distribution.kind is Kind.DEBIAN]
        suite = tracker.suite_of(image.inventory.system)
        if debian and not suite:
            system = image.inventory.system.distro or "an image without os-release"
            what = f"{image.name}: {system} is not a release of Debian"
            problems.append(Problem(scan.scanner, what, code=ScanCause.UNSEEN))
        elif debian:
            place = tracker.place_of(scan.means.source, suite)
            if suite not in read:
                read[suite] = tracker.read_tracker(without_logins(place), read_place(place, scan.left), suite)
            found |= tracker.vulnerable(debian, read[suite])
    source = f"{without_logins(scan.means.source)}: {', '.join(read)}" if read else ""
    return Report(scan.scanner, True, True, "", source, frozenset(found), found, tuple(problems))


def _run_on_documents(images: Sequence[Scanned], scan: _Limited) -> Report:
    """Run trivy or grype on the bill of materials of each image."""
    name = str(scan.scanner)
    said = scan.version(name)
    command, read = (trivy.command, trivy.read) if name == trivy.NAME else (grype.command, grype.read)
    found: dict[Package, tuple[Advisory, ...]] = {}
    looked: set[Package] = set()
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        file = Path(folder, "image.cdx.json")
        for image in images:
            file.write_bytes(encoded(for_scanners(image.document, image.inventory)))
            found |= scan.read(command(str(file)), read)
            looked |= image.packages
    known = {package: advisories for package, advisories in found.items() if package in looked}
    source = trivy.source(said) if name == trivy.NAME else ""
    return Report(scan.scanner, True, True, first_version(said), source, frozenset(looked), known)


_RUNS: Mapping[Scanner, Callable[[Sequence[Scanned], _Limited], Report]] = MappingProxyType(
    {
        Scanner.PIP_AUDIT: _run_pip_audit,
        Scanner.TRACKER: _run_tracker,
        Scanner.TRIVY: _run_on_documents,
        Scanner.GRYPE: _run_on_documents,
    }
)
