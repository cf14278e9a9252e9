"""The order of Debian's versions; ``integration/test_scan.py`` compares it with dpkg."""

from __future__ import annotations

import pytest

from slipway.audit.scan.debian_version import DebianVersion

#: From Debian's policy manual, section 5.6.12, and dpkg's own tests.
RISING = ["0~~", "0~~a", "0~", "0", "0a", "0.1~rc1-1", "0.1-1", "0.1-1+b1", "0.1.1-1", "0.9", "0.10", "1:0", "2:0~"]


def test_versions_rise_as_the_policy_manual_says() -> None:
    shuffled = sorted(RISING)
    assert [one.text for one in sorted(map(DebianVersion, shuffled))] == RISING != shuffled


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("0:1", "1"), ("1.00", "1.0"), ("1-2-3", "1-2-3")])
def test_equal_versions(one: str, other: str) -> None:
    assert DebianVersion(one) == DebianVersion(other) and hash(DebianVersion(one)) == hash(DebianVersion(other))


def test_a_version_has_parts() -> None:
    found = DebianVersion("1:2.0-rc-3")
    assert (found.epoch, found.upstream, found.revision) == (1, "2.0-rc", "3")
