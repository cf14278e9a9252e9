"""Debian's security data: which packages an advisory is about, in both forms of the data."""

from __future__ import annotations

import json
import zlib

import pytest

from slipway.audit.debian import debian_packages
from slipway.audit.distributions import Distribution, Kind, System
from slipway.audit.scan.findings import Package, ScanError
from slipway.audit.scan.tracker import place_of, read_tracker, suite_of, vulnerable
from tests.audit.scan import debsecan
from tests.rig.advisories import debian_data

ADVISORIES = ("CVE-1", "CVE-2", "CVE-3")


def installed(version: str, name: str = "libssl3", source: str = "openssl") -> Distribution:
    return Distribution(Kind.DEBIAN, name, version, name, source=source, source_version=version.removesuffix("+b1"))


def about(one: Distribution, *entries: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return id, severity and fixed versions of each advisory about ``one``, by data with ``entries``."""
    found = vulnerable([one], read_tracker("x", debian_data(*entries, advisories=ADVISORIES), "bookworm"))
    return [(each.id, each.severity, each.fixed) for each in found[Package.of(one)]]


def test_a_source_below_unstable_is_vulnerable_but_for_the_versions_that_branches_fixed() -> None:
    entry = "openssl,0, HRF,3.1.5-1,1.1.1n-0+deb11u5 3.0.11-1~deb12u2"
    assert about(installed("3.0.11-1~deb12u1+b1"), entry) == [("CVE-1", "high", ("3.0.11-1~deb12u2",))]
    assert about(installed("3.0.11-1~deb12u2"), entry) == []
    assert about(installed("3.1.5-1"), entry) == []


def test_without_a_fix_in_the_suite_no_version_is_named() -> None:
    assert about(installed("3.0-1"), "openssl,1,   ,,".replace("   ", "  ? ")) == [("CVE-2", "unknown", ())]
    assert about(installed("3.0-1"), "openssl,1, L? ,3.1-1,") == [("CVE-2", "low", ())]


def test_an_entry_about_a_binary_package_compares_its_own_version() -> None:
    entry = "libssl3,2,BM?F,3.0-1+b1,"
    assert about(installed("3.0-1"), entry) == [("CVE-3", "medium", ("3.0-1+b1",))]
    assert about(installed("3.0-1+b1"), entry) == []
    assert about(installed("3.0-1", "openssl"), "openssl,0, M? ,9,", "openssl,1,BM? ,9,") != []
    assert about(installed("3.0-1", "libssl3"), "openssl,1,BM? ,9,") == []


def test_the_json_of_the_tracker_is_read_too() -> None:
    def release(**fields: str) -> dict[str, object]:
        return {"description": "made  up", "releases": {"bookworm": {"status": "open", **fields}}}

    data = {
        "openssl": {
            "CVE-1": release(status="resolved", fixed_version="3.0.2-1", urgency="medium**"),
            "CVE-2": release(urgency="not yet assigned"),
            "CVE-3": release(urgency="unimportant"),
            "CVE-4": release(status="resolved", fixed_version="0", urgency="high"),
            "CVE-5": {"releases": {"trixie": {"status": "open", "urgency": "high"}}},
        }
    }
    found = vulnerable([installed("3.0.1-1")], read_tracker("x", json.dumps(data).encode(), "bookworm"))
    ((first, second),) = found.values()
    assert (first.id, first.severity, first.fixed, first.summary) == ("CVE-1", "medium", ("3.0.2-1",), "made up")
    assert (second.id, second.severity, second.fixed) == ("CVE-2", "unknown", ())
    newer = vulnerable([installed("3.0.2-1")], read_tracker("x", json.dumps(data).encode(), "bookworm"))
    assert [one.id for (of) in newer.values() for one in of] == ["CVE-2"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b'{"openssl": {"CVE-1": {"releases": []}}}',
        b'{"openssl": ',
        zlib.compress(b"VERSION 2\n\n\n\n"),
        zlib.compress(b"VERSION 1\nCVE-1,,x"),
        zlib.compress(b"VERSION 1\nCVE-1,,x\n\nopenssl,7, H?F,1,\n\n\n"),
        debian_data("openssl,0, HRF,3,")[:-4],
    ],
)
def test_other_data_is_refused(data: bytes) -> None:
    with pytest.raises(ScanError, match="x cannot be read: ") as caught:
        read_tracker("x", data, "bookworm")
    assert caught.value.code == "scanner-garbled"


def test_the_suite_is_that_of_os_release() -> None:
    assert suite_of(System("debian", "12", "bookworm")) == "bookworm"
    assert suite_of(System("debian", "13")) == "trixie"
    assert suite_of(System("ubuntu", "24.04", "noble")) == suite_of(System()) == ""


def test_a_source_that_ends_in_a_slash_has_a_file_for_each_suite() -> None:
    assert place_of("https://x.example/1/", "trixie") == "https://x.example/1/trixie"
    assert place_of("/srv/data.json", "trixie") == "/srv/data.json"


def test_slipway_finds_the_same_as_debsecan_and_more_entries_about_binary_packages() -> None:
    """debsecan reads the entries about a binary package only where its source has none."""
    packages = [*debian_packages({"/var/lib/dpkg/status": "\n\n".join(debsecan.paragraphs())})]
    found = vulnerable(packages, read_tracker("x", debsecan.data(), "bookworm"))
    rows = [[one.id, package.id, str(one.severity)] for package, of in found.items() for one in of]
    recorded = json.loads(debsecan.RECORD.read_text())
    about = dict(enumerate(entry.split(",")[0] for entry in debsecan.entries()))
    more = [row for row in rows if row not in recorded]
    assert all(about[int(row[0].removeprefix("CVE-"))] == row[1] for row in more)
    assert {row[1].removeprefix("lib") for row in more} <= {name[1:] for name in about.values() if name[0] == "s"}
    assert sorted(row for row in rows if row not in more) == recorded and len(recorded) > 20
