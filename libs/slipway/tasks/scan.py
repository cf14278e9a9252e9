"""Show the known vulnerabilities of images' packages, and refuse those that ``--fail-on`` names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

from slipway.audit.attach import read_attached
from slipway.audit.distributions import Key
from slipway.audit.inventory import Installed, Inventory
from slipway.audit.locks import locks_read
from slipway.audit.requirements import Lists, Requirement, read_lists, required_by, requirement
from slipway.audit.scan.findings import Report, ScanCause, ScanError
from slipway.audit.scan.reading import read_json
from slipway.audit.scan.rows import Finding, Role, gather, with_newer, with_permissions
from slipway.audit.scan.running import Means, Scanned, Scanner, all_found, run_scanners, unlisted
from slipway.audit.scan.severities import ask_severities, rated
from slipway.audit.scan.severity import LEVELS, Severity
from slipway.audit.scan.tracker import SOURCE
from slipway.config.attach import Attachment
from slipway.core.errors import PolicyError, Problem, RegistryError, UsageError, one_line, suggestion
from slipway.core.image import Stack
from slipway.core.reference import Reference
from slipway.plan.facts import Snapshot
from slipway.registry import Registry
from slipway.release.records import newest_first
from slipway.tasks.audited import Audited, audit, look
from slipway.tasks.options import ScanOptions
from slipway.tasks.session import Session

_PREFIX = re.compile(r"\D*(?=\d)")
#: The findings that an error names.
_SHOWN = 5
#: The rows of the table.
_ROWS = 50


@dataclass(frozen=True)
class _View:
    """Show an image to a scan: its packages, and why each is in it."""

    image: Audited
    stack: Stack
    lists: Callable[[str], Lists]

    @property
    def name(self) -> str:
        return self.image.name

    @property
    def inventory(self) -> Inventory:
        return self.image.inventory

    def origin(self, one: Installed) -> str:
        return self.image.origin(one)

    def role(self, origin: str) -> Role:
        if origin in self.stack.by_name:
            return Role(self.stack[origin].kind)
        return Role.OTHER if origin == self.name else Role.ROOT

    def requirement(self, one: Installed) -> Requirement:
        return requirement(one.distribution.key, self._requirers, self.lists(self.origin(one)))

    @cached_property
    def _requirers(self) -> Mapping[Key, tuple[Key, ...]]:
        return required_by(self.inventory.needs())


@dataclass(frozen=True)
class _Scan:
    """Hold the result of a scan. ``problems``: what no scanner looked at, and severities that stay unknown."""

    images: tuple[Scanned, ...]
    reports: tuple[Report, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]

    @property
    def incomplete(self) -> tuple[Problem, ...]:
        """Return the reasons for which the scan may have missed something."""
        return (*(problem for one in self.reports if one.wanted for problem in one.problems), *self.problems)


def run_scan(session: Session, names: Sequence[str], options: ScanOptions) -> None:
    """Scan ``names``, all images, or ``--image``. Raises PolicyError as ``--fail-on`` says."""
    level, scanners = _level(options.fail_on), _scanners(options.scanner)
    snapshot = look(session, names, options.image)
    audited = audit(session, snapshot, names, options.image)
    scan = _scan(session, snapshot, audited, scanners, options)
    error = _refusal(scan, level) if level else None
    if session.json:
        session.answer(_as_json(scan, error))
    else:
        _show(session, scan)
    if error:
        raise error


def _level(text: str) -> Severity | None:
    if text and text not in LEVELS:
        raise UsageError(
            f"--fail-on {one_line(text)}: not a severity", hint=suggestion(text, LEVELS, ", ".join(LEVELS))
        )
    return Severity(text) if text else None


def _scanners(names: Sequence[str]) -> tuple[Scanner, ...]:
    known = tuple(Scanner)
    for name in names:
        if name not in known:
            hint = suggestion(name, known, f"known: {', '.join(known)}")
            raise UsageError(f"--scanner {one_line(name)}: slipway knows no such scanner", hint=hint)
    return tuple(map(Scanner, names))


def _scan(
    session: Session, snapshot: Snapshot, audited: Sequence[Audited], scanners: Sequence[Scanner], options: ScanOptions
) -> _Scan:
    images = tuple(Scanned(one.name, one.inventory, one.document) for one in audited)
    means = Means(session.run, session.settings["OSV_URL"], options.source or SOURCE, options.scanner_deadline)
    reports = run_scanners(scanners, images, means)
    found = all_found(reports)
    unrated = [advisory for advisories in found.values() for advisory in advisories]
    severities, problems = ask_severities(means.osv, unrated, means.deadline)
    lists = cache(partial(_lists, session, snapshot))
    findings = gather([_View(one, snapshot.stack, lists) for one in audited], rated(found, severities))
    if options.only_fixed:
        findings = tuple(one for one in findings if one.advisory.fixed)
    findings = with_permissions(findings, session.settings.project.policy.permission)
    findings = with_newer(findings, _newest(session, snapshot, {one.origin for one in findings}))
    return _Scan(images, reports, findings, (*unlisted(images), *problems))


def _lists(session: Session, snapshot: Snapshot, name: str) -> Lists:
    """Return the lists of requirements of an image of the repository; none of another image."""
    if name not in snapshot.facts.manifests:
        return Lists()
    image = snapshot.stack[name]
    locks = locks_read(image, snapshot.facts.manifests[name], snapshot.facts.trees)
    return read_lists(image.dockerfile, locks, session.worktree.text)


def _newest(session: Session, snapshot: Snapshot, origins: set[str]) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Return the newest version of each base of ``origins`` that is above the planned one, and its packages.

    The highest version with a bill of materials counts, else the highest. Notes a registry that does not answer.
    """
    bases = [image for image in snapshot.stack if image.name in origins and image.kind == Role.BASE]
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    try:
        for image in bases:
            for version in above(session.host.registry.tags(image.reference), image.reference.tag):
                document = _published(session.host.registry, replace(image.reference, tag=version))
                if document or image.name not in found:
                    found[image.name] = version, document
                if document:
                    break
    except (RegistryError, ScanError) as error:
        session.note(f"newer bases: {error.message}")
    return found


def _published(registry: Registry, reference: Reference) -> Mapping[str, Any]:
    """Return the bill of materials of a version; empty when the registry has none. Raises RegistryError, ScanError."""
    digest = registry.digest(reference)
    documents = read_attached(registry, replace(reference, digest=digest), Attachment.SBOM) if digest else ()
    return read_json(str(reference), documents[0], dict) if documents else {}


def above(tags: Sequence[str], current: str) -> Iterator[str]:
    """Yield the versions above ``current``, the highest first: the tags that begin as it does, up to a number."""
    begin = _PREFIX.match(current)
    alike = {tag for tag in tags if begin and (other := _PREFIX.match(tag)) and other[0] == begin[0]}
    for tag in newest_first({*alike, current}):
        if tag == current:
            return
        yield tag


def _refusal(scan: _Scan, level: Severity) -> PolicyError | None:
    """Return the error of a scan with findings of ``level``, or of one that may have missed some; None otherwise."""
    counted = [one for one in scan.findings if not one.permission]
    severe = [one for one in counted if one.advisory.severity.reaches(level)]
    problems = [Problem(one.origin, _sentence(one), _fix(one), ScanCause.VULNERABLE) for one in severe[:_SHOWN]]
    if more := len(severe) - len(problems):
        problems.append(Problem("", f"{more} more findings like these", code=ScanCause.VULNERABLE))
    if problems:
        return PolicyError.of([*problems, *scan.incomplete])
    return ScanError.of(scan.incomplete) if scan.incomplete else None


def _show(session: Session, scan: _Scan) -> None:
    """Show a row for each finding, the scanners that did not run, then a line with all counts."""
    session.console.table([_row(one) for one in scan.findings[:_ROWS]])
    if (more := len(scan.findings) - _ROWS) > 0:
        session.note(f"{more} more findings, no more severe; --json shows all")
    for line in _advice(scan.findings):
        session.note(session.typed(line))
    for problem in scan.incomplete:
        session.console.note(f"warning: {problem}")
    if absent := [one.scanner for one in scan.reports if not one.ran and not one.wanted]:
        session.note(f"{', '.join(absent)}: not installed")
    session.console.line(_summary(scan))


def _row(one: Finding) -> tuple[str, ...]:
    layer = f"{one.origin} layer {one.installed.layer}"
    return one.advisory.severity, _named(one), _package(one), layer, str(one.requirement), _mended(one)


def _sentence(one: Finding) -> str:
    return f"{_package(one)}: {_named(one)}, {one.advisory.severity}"


def _named(one: Finding) -> str:
    """Return an advisory's id, and the CVE that it is about."""
    others = [name for name in one.advisory.aliases if name.startswith("CVE-")][:1]
    return f"{one.advisory.id} ({', '.join(others)})" if others else one.advisory.id


def _package(one: Finding) -> str:
    distribution = one.installed.distribution
    fixed = ", ".join(one.advisory.fixed) or "no known fix"
    return f"{distribution.name} {distribution.version} → {fixed}"


def _mended(one: Finding) -> str:
    """Tell why the finding may pass, or whether a newer version of the base that brought the package fixes it."""
    if one.permission:
        return f"allowed: {one_line(one.permission.reason)}"
    if not one.newer:
        return ""
    if one.newer.fixes:
        return f"fixed in {one.origin} {one.newer.version}"
    has = f"has {', '.join(one.newer.installed)}" if one.newer.installed else "may fix it"
    return f"{one.origin} {one.newer.version} {has}"


def _fix(one: Finding) -> str:
    """Return the change that fixes a finding, as far as slipway knows it."""
    if one.newer and one.newer.fixes:
        return f"BASE_VERSION={one.newer.version}"
    place = one.requirement.pinned or one.requirement.line
    named = f"{one.installed.distribution.name} {', or '.join(one.advisory.fixed)}"
    return f"{named} in {place}" if place and one.advisory.fixed else ""


def _advice(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each base and root image that brought findings: how many, and the way to a newer one."""
    brought: dict[tuple[str, Role], list[Finding]] = {}
    for one in findings:
        brought.setdefault((one.origin, one.role), []).append(one)
    for (origin, role), found in brought.items():
        said = f"{origin} brought {len(found)} of these"
        fixing = [one.newer.version for one in found if one.newer and one.newer.fixes]
        if fixing:
            yield f"{said}; its version {fixing[0]} fixes {len(fixing)}"
        elif role is Role.BASE:
            yield f"{said}; after a change of it, invoke base-bump"
        elif role is Role.ROOT:
            yield f"{said}; it is a root image: invoke base-outdated"


def _summary(scan: _Scan) -> str:
    """Return the counts of images, packages and findings, and the scanners that ran."""
    counts = Counter(one.advisory.severity for one in scan.findings)
    severities = [f"{counts[one]} {one}" for one in sorted(counts, key=lambda one: -one.rank)]
    images = scan.images[0].name if len(scan.images) == 1 else f"{len(scan.images)} images"
    kinds = Counter(package.kind for package in {package for image in scan.images for package in image.packages})
    packages = [f"{count} {kind}" for kind, count in sorted(kinds.items())] or ["no packages"]
    found = ", ".join(severities) or ("incomplete, nothing found" if scan.incomplete else "no known vulnerability")
    ran = [str(one) for one in scan.reports if one.ran] or ["no scanner ran"]
    return " · ".join([images, found, *packages, *ran])


def _as_json(scan: _Scan, error: PolicyError | None) -> dict[str, Any]:
    return {
        **(error.as_json() if error else {"ok": True}),
        "images": [{"image": one.name, "packages": len(one.inventory.installed)} for one in scan.images],
        "scanners": [one.as_json() for one in scan.reports],
        "incomplete": [{"where": one.where, "what": one.what, "code": one.code} for one in scan.incomplete],
        "findings": [one.as_json() for one in scan.findings],
    }
