"""Requirements for pip-audit, and what it prints."""

from __future__ import annotations

from slipway.audit.distributions import Kind
from slipway.audit.scan.findings import Advisory, Package
from slipway.audit.scan.pip_audit import command, found, last_error, pins, read, warnings

OLD, NEW = Package.python("Requests", "2.31.0"), Package.python("requests", "2.32.0")
TORCH, ODD = Package.python("torch", "2.5.1+cpu"), Package.python("odd", "1.x-final")
#: The end of pip-audit 2.10.1's output for a service that answers with the status 500.
TRACEBACK = """\
WARNING:pip_audit._cli:--no-deps is supported, but users are encouraged to fully hash their pinned dependencies
requests.exceptions.HTTPError: 500 Server Error: Internal Server Error for url: http://x.example/v1/query

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
    raise ServiceError from http_error
pip_audit._service.interface.ServiceError
"""


def test_each_version_of_a_package_is_in_a_file_of_its_own() -> None:
    packages = {OLD, NEW, TORCH, ODD, Package(Kind.PYTHON, "torch", "2.5.1")}
    assert pins(packages) == ("requests==2.31.0\ntorch==2.5.1\n", "requests==2.32.0\n")


def test_advisories_belong_to_the_packages_as_they_are_installed() -> None:
    vulnerability = {"id": "PYSEC-1", "fix_versions": ["2.6"], "aliases": ["CVE-1"], "description": "a\nb"}
    output = {
        "dependencies": [
            {"name": "torch", "version": "2.5.1", "vulns": [vulnerability]},
            {"name": "requests", "version": "2.31.0", "vulns": []},
            {"name": "x", "skip_reason": "not on PyPI"},
        ],
        "fixes": [],
    }
    assert found({OLD, NEW, TORCH}, read(output)) == {
        TORCH: (Advisory("PYSEC-1", ("CVE-1",), fixed=("2.6",), summary="a b", scanners=("pip-audit",)),),
        OLD: (),
    }


def test_pip_audit_asks_the_service() -> None:
    argv = command(("pip-audit",), "https://osv.example/", "f.txt").argv
    assert "https://osv.example/v1/query" in argv and argv[-2:] == ("--requirement", "f.txt")


def test_the_cause_is_the_last_line_with_words_of_an_error() -> None:
    said = "500 Server Error: Internal Server Error for url: http://x.example/v1/query"
    assert last_error(TRACEBACK) == said
    assert last_error("ERROR:pip_audit._cli:package requests has duplicate requirements") == (
        "package requests has duplicate requirements"
    )
    assert (last_error("Killed\n"), last_error("")) == ("Killed", "no message")


def test_an_advisory_that_pip_audit_left_out_is_a_warning() -> None:
    said = "WARNING:pip_audit._service.osv:OSV vuln entry 'X' is missing 'affected' list\n"
    assert list(warnings(TRACEBACK + said + said)) == ["OSV vuln entry 'X' is missing 'affected' list"]
