"""Scanners that run, that are missing, that hang, and that answer nonsense: each is named with its cause."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slipway.audit.distributions import Kind
from slipway.audit.inventory import take_inventory
from slipway.audit.scan.findings import Package
from slipway.audit.scan.running import Means, Scanned, Scanner, all_found, choose, run_scanners, unlisted
from slipway.audit.scan.severities import ask_severities, rated
from slipway.audit.scan.severity import Severity
from slipway.core.command import Result
from slipway.hosts.runner import run
from slipway.testing.fakes import FakeRun
from tests.audit.scan.samples import grype_output, scanned, trivy_output
from tests.audit.trees import layer, wheel
from tests.rig.advisories import Advisories, Fault, advisories, advisory, debian_data

PIP_AUDIT = (sys.executable, "-m", "pip_audit")
SSL, REQUESTS = Package(Kind.DEBIAN, "libssl3", "3.0.1-1+b1"), Package(Kind.PYTHON, "requests", "2.31.0")
MISSING = Result(127, "", "trivy: not found")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def known() -> Iterator[Advisories]:
    with advisories() as server:
        yield server


def means(run: Callable[..., Result], osv: str = NOWHERE, source: str = "", deadline: float = 60) -> Means:
    return Means(run, osv, source, deadline)


def test_a_scan_needs_the_scanners_of_the_packages_it_finds() -> None:
    assert choose((), [scanned()]) == (Scanner.PIP_AUDIT, Scanner.TRACKER, Scanner.TRIVY, Scanner.GRYPE)
    assert choose((), [scanned(wheels={})]) == (Scanner.TRACKER, Scanner.TRIVY, Scanner.GRYPE)
    assert choose([Scanner.GRYPE, Scanner.GRYPE], [scanned()]) == (Scanner.GRYPE,)


def test_trivy_and_grype_look_at_the_bill_of_materials() -> None:
    fake = FakeRun(
        {
            ("trivy", "--version"): Result(0, "Version: 0.58.1\nVulnerability DB:\n  UpdatedAt: 2099-01-02 03:04\n"),
            ("trivy", "sbom"): Result(0, trivy_output()),
            ("grype", "--version"): Result(0, "grype 0.85.0\n"),
            ("grype", "--quiet"): Result(0, grype_output()),
        }
    )
    reports = run_scanners([Scanner.TRIVY, Scanner.GRYPE], [scanned()], means(fake))
    assert [(str(one), set(one.looked), list(one.problems)) for one in reports] == [
        ("trivy 0.58.1 (database of 2099-01-02)", {SSL, REQUESTS}, []),
        ("grype 0.85.0", {SSL, REQUESTS}, []),
    ]
    found = all_found(reports)
    assert {package: [(one.names, one.severity, one.fixed) for one in of] for package, of in found.items()} == {
        SSL: [(("CVE-2099-3",), "high", ("3.0.1-2", "3.0.2-1"))],
        REQUESTS: [(("GHSA-2099", "CVE-2099-4"), "critical", ("2.32.0",))],
    }
    assert all(not Path(command.argv[-1].removeprefix("sbom:")).exists() for command in fake.commands)


@pytest.mark.fault("X60")
@pytest.mark.parametrize(("named", "wanted"), [((), False), ((Scanner.TRIVY,), True)])
def test_a_scanner_that_is_not_installed_is_named_and_missing_where_the_user_named_it(
    named: tuple[Scanner, ...], wanted: bool
) -> None:
    fake = FakeRun({("trivy",): MISSING, ("grype",): MISSING})
    report = run_scanners(named, [], means(fake))[0]
    assert (report.scanner, report.ran, report.wanted) == ("trivy", False, wanted)
    assert [(str(one), one.code) for one in report.problems] == [("trivy: not installed", "scanner-missing")]


@pytest.mark.fault("X63")
@pytest.mark.parametrize(
    ("done", "code", "cause"),
    [
        (Result(1, "", "FATAL\tinit error: DB error"), "scanner-failed", "trivy: exit 1: FATAL\tinit error: DB error"),
        (Result(-9), "scanner-failed", "trivy: exit -9: no message"),
        (Result(124), "scanner-timeout", "trivy: did not end within 60 s"),
        (Result(0, "{"), "scanner-garbled", "trivy: its output cannot be read: {"),
        (Result(0, '{"Results": [{"Vulnerabilities": [{}]}]}'), "scanner-garbled", "trivy: its output cannot"),
        (Result(0, ""), "scanner-garbled", "trivy: its output cannot be read: it is empty"),
    ],
)
def test_a_scanner_that_ends_badly_or_prints_nonsense_is_named_with_its_cause(
    done: Result, code: str, cause: str
) -> None:
    fake = FakeRun({("trivy", "--version"): Result(0, "Version: 0.58.1"), ("trivy",): done})
    (report,) = run_scanners([Scanner.TRIVY], [scanned()], means(fake))
    assert len(fake.commands) == 2
    (problem,) = report.problems
    assert (report.ran, report.wanted, problem.code) == (False, True, code) and str(problem).startswith(cause)


@pytest.mark.process
def test_pip_audit_and_the_data_of_debian_find_advisories(known: Advisories) -> None:
    known.add(advisory("PYSEC-1", "requests", "2.32.0", aliases=["CVE-1"]), advisory("CVE-1", "x", severity="critical"))
    known.debian["bookworm"] = debian_data("openssl,0, H?F,3.0.1-2,", advisories=["CVE-2"])
    image = scanned(wheels=wheel("Requests", "2.31.0") | wheel("odd", "1.x"))
    reports = run_scanners((), [image], means(run, known.url, known.tracker))
    assert [one.ran for one in reports] == [True, True, False, False]
    assert [str(one) for one in reports[0].problems] == ["pip-audit: did not look at 1 packages: odd 1.x"]
    found = all_found(reports)
    severities, problems = ask_severities(known.url, [one for of in found.values() for one in of], 60)
    told = {package: [(one.id, one.severity) for one in of] for package, of in rated(found, severities).items()}
    assert told == {REQUESTS: [("PYSEC-1", "critical")], SSL: [("CVE-2", "high")]} and problems == ()


@pytest.mark.process
@pytest.mark.fault("X61")
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.REFUSE, "500 Server Error"),
        (Fault.GARBLE, "Expecting value"),
        (Fault.CUT, "IncompleteRead"),
    ],
)
def test_a_service_that_answers_nonsense_fails_pip_audit(known: Advisories, fault: Fault, cause: str) -> None:
    known.faults["/v1/query"] = fault
    (report,) = run_scanners([Scanner.PIP_AUDIT], [scanned()], means(run, known.url))
    (problem,) = report.problems
    assert known.struck == 1 and not report.ran and report.wanted
    assert problem.code == "scanner-failed" and str(problem).startswith("pip-audit: exit 1: ") and cause in problem.what


@pytest.mark.process
@pytest.mark.fault("X62")
@pytest.mark.parametrize(
    ("scanner", "deadline", "code"),
    [(Scanner.PIP_AUDIT, 8, "scanner-timeout"), (Scanner.TRACKER, 0.5, "advisories-unreachable")],
)
def test_a_service_or_source_that_hangs_ends_at_the_deadline(
    known: Advisories, scanner: Scanner, deadline: float, code: str
) -> None:
    known.faults |= {"/v1/query": Fault.HANG, "/debian/": Fault.HANG}
    started = time.monotonic()
    (report,) = run_scanners([scanner], [scanned()], means(run, known.url, known.tracker, deadline))
    assert known.struck == 1 and time.monotonic() - started < deadline + 5
    assert (report.ran, report.problems[0].code) == (False, code)


@pytest.mark.fault("X61")
@pytest.mark.parametrize(
    ("fault", "code", "cause"),
    [
        (Fault.REFUSE, "advisories-unreachable", ": 500 Internal Server Error"),
        (Fault.GARBLE, "scanner-garbled", " cannot be read: <html>"),
        (Fault.CUT, "advisories-unreachable", ": the answer broke off"),
    ],
)
def test_a_tracker_that_answers_nonsense_is_named_with_its_address(
    known: Advisories, fault: Fault, code: str, cause: str
) -> None:
    known.debian["bookworm"] = debian_data("openssl,0, H?F,3.0.1-2,", advisories=["CVE-2"])
    known.faults["/debian/"] = fault
    (report,) = run_scanners([Scanner.TRACKER], [scanned()], means(FakeRun({}), source=known.tracker))
    (problem,) = report.problems
    assert known.struck == 1 and not report.ran and problem.code == code
    assert str(problem) == f"debian-tracker: {known.tracker}bookworm{cause}"


def test_a_tracker_that_nothing_answers_for_is_named_with_the_cause() -> None:
    (report,) = run_scanners([Scanner.TRACKER], [scanned()], means(FakeRun({}), source=f"{NOWHERE}/"))
    assert [str(one) for one in report.problems] == [f"debian-tracker: {NOWHERE}/bookworm: Connection refused"]


def test_the_data_of_debian_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "bookworm").write_bytes(debian_data("openssl,0, H?F,3.0.1-2,", advisories=["CVE-2"]))
    (report,) = run_scanners([Scanner.TRACKER], [scanned()], means(FakeRun({}), source=f"{tmp_path}/"))
    assert [one.id for one in report.found[SSL]] == ["CVE-2"]
    (report,) = run_scanners([Scanner.TRACKER], [scanned()], means(FakeRun({}), source=f"{tmp_path}/none"))
    assert [str(one) for one in report.problems] == [f"debian-tracker: {tmp_path}/none: No such file or directory"]


@pytest.mark.fault("X64")
@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.REFUSE, "advisories-unreachable"), (Fault.GARBLE, "scanner-garbled")]
)
def test_severities_without_an_answer_stay_unknown_and_are_named(known: Advisories, fault: Fault, code: str) -> None:
    known.add(advisory("CVE-2099-3", "x", severity="low"))
    known.faults["/v1/vulns/"] = fault
    found = all_found(
        run_scanners(
            [Scanner.TRIVY],
            [scanned()],
            means(
                FakeRun({("trivy", "--version"): Result(0, "Version: 1.0"), ("trivy",): Result(0, trivy_output(""))})
            ),
        )
    )
    severities, problems = ask_severities(known.url, found[SSL], 60)
    assert known.struck == 1 and [one.code for one in problems] == [code]
    assert [one.severity for one in rated(found, severities)[SSL]] == [Severity.UNKNOWN]


@pytest.mark.process
@pytest.mark.fault("X64")
def test_an_advisory_that_pip_audit_cannot_read_is_named(known: Advisories) -> None:
    known.add({**advisory("PYSEC-1", "requests"), "schema_version": "2.0"})
    (report,) = run_scanners([Scanner.PIP_AUDIT], [scanned()], means(run, known.url))
    assert report.ran and report.found == {REQUESTS: ()}
    assert [(one.what, one.code) for one in report.problems] == [
        ("Unsupported OSV schema version: 2.0", "scanner-garbled")
    ]


def test_an_image_whose_system_is_not_debian_is_named() -> None:
    ubuntu = scanned(release={"usr/lib/os-release": "ID=ubuntu\nVERSION_ID=24.04\n"})
    (report,) = run_scanners([Scanner.TRACKER], [ubuntu], means(FakeRun({})))
    assert [(str(one), one.code) for one in report.problems] == [
        ("debian-tracker: svc-x: ubuntu-24.04 is not a release of Debian", "packages-unseen")
    ]


def test_an_image_whose_packages_slipway_does_not_list_is_named() -> None:
    inventory = take_inventory([layer("a", {"etc/os-release": "ID=alpine\nVERSION_ID=3.20.1\n"})], "amd64")
    alpine = Scanned("svc-y", inventory, {})
    assert [(str(one), one.code) for one in unlisted([alpine, scanned()])] == [
        ("svc-y: slipway lists no packages of alpine-3.20.1 in it", "packages-unseen")
    ]
