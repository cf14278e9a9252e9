"""The meaning of pytest's exit code and junit.xml."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.smoke.results import SmokeResult, of_each_image, read_result, verdicts

PASSED = """<testsuites><testsuite time="1.5"><testcase classname="a.folder.test_file" name="test_a"/>
<testcase name="test_b"/></testsuite></testsuites>"""


MIXED = """<testsuites><testsuite time="2.0">
<testcase name="test_a"/>
<testcase name="test_b"><failure message="AssertionError: assert 1 == 2&#10;more"/></testcase>
<testcase name="test_c">
<error message="failed on setup with &quot;slipway.core.errors.SmokeError: error: no container"/></testcase>
<testcase name="test_d"><skipped message="no network"/></testcase>
</testsuite></testsuites>"""


NOTED = """<testsuites><testsuite time="1"><testcase name="test_a"/>
<testcase name="test_user"><properties><property name="slipway" value="policy"/></properties>
<skipped type="pytest.xfail" message="AssertionError: USER 0 is root&#10;more"/></testcase>
<testcase name="test_other"><skipped type="pytest.xfail" message="an expected failure of the repository's"/></testcase>
</testsuite></testsuites>"""


def test_a_check_of_policy_that_notes_is_neither_passed_nor_failed() -> None:
    """Any other test that is expected to fail counts as failed: it did not run through."""
    outcome = read_result("svc-a", 0, NOTED, "log")
    assert (outcome.passed, outcome.failed, outcome.refused) == (1, 1, 0)
    assert outcome.notes == ("test_user: USER 0 is root",)
    assert outcome.failures == ("test_other: skipped: an expected failure of the repository's",)


def test_all_passed() -> None:
    outcome = read_result("svc-a", 0, PASSED, "log")
    assert outcome == SmokeResult("svc-a", 2, 0, 1.5, "log", tests=("test_file::test_a", "test_b"))
    assert outcome.ok


def test_failed_broken_and_skipped_are_all_failures() -> None:
    outcome = read_result("svc-a", 1, MIXED, "log")
    assert (outcome.passed, outcome.failed, outcome.ok) == (1, 3, False)
    assert outcome.failures == (
        "test_b: assert 1 == 2",
        "test_c: no container",
        "test_d: skipped: no network",
    )


@pytest.mark.fault("P68")
def test_long_names_of_tests_are_shortened_and_stay_different() -> None:
    ends = ("a", "b", "c")
    passed, failed, noted = (f"test_it[{'x' * 2_000_000}{end}]" for end in ends)
    junit = f"""<testsuites><testsuite time="1"><testcase name="{passed}"/>
<testcase name="{failed}"><failure message="AssertionError: no"/></testcase>
<testcase name="{noted}"><properties><property name="slipway" value="policy"/></properties>
<skipped type="pytest.xfail" message="AssertionError: root"/></testcase></testsuite></testsuites>"""
    result = read_result("svc-a", 1, junit, "log")
    told = [*result.tests, *result.failures, *result.notes]
    assert len({text.partition("… ")[2][:12] for text in told}) == len(ends)
    assert all(text.startswith("test_it[xxx") and len(text) < 230 for text in told)


@pytest.mark.parametrize(
    ("exit_code", "junit", "why"),
    [
        (5, '<testsuites><testsuite time="0"/></testsuites>', "no tests were collected"),
        (0, '<testsuites><testsuite time="0"/></testsuites>', "no test ran"),
        (-9, PASSED[:40], "pytest was ended by SIGKILL before it had results"),
        (2, PASSED, "pytest ended with exit code 2"),
    ],
)
def test_a_run_without_a_passed_test_fails(exit_code: int, junit: str, why: str) -> None:
    outcome = read_result("svc-a", exit_code, junit, "log")
    assert not outcome.ok
    assert outcome.failures == (why,)


BROKEN = """<testsuites><testsuite time="1">
<testcase name="apps.svc_a.smoke.test_a"><error message="collection failure">
ImportError while importing test module
apps/svc_a/smoke/test_a.py:1: in &lt;module&gt;
    import docx
E   ModuleNotFoundError: No module named 'docx'</error></testcase></testsuite></testsuites>"""


@pytest.mark.fault("T30")
def test_a_file_of_tests_that_cannot_be_imported_says_why() -> None:
    outcome = read_result("svc-a", 2, BROKEN, "log")
    assert outcome.failures == ("apps.svc_a.smoke.test_a: No module named 'docx'",)


def test_verdicts_are_those_of_earlier_rounds_by_image_table_and_platform() -> None:
    passed, failed = {"passed": 2, "failed": 0}, {"passed": 1, "failed": 1}
    records: list[dict[str, object]] = [
        {"run": "1", "command": "smoke", "images": [{"image": "a", **passed}, {"image": "b", **failed}]},
        {"run": "2", "command": "build", "images": [{"image": "svc-a", "status": "built"}]},
        {"run": "3", "ok": False, "exit_code": 7},
        {"run": "4", "command": "smoke", "images": [{"image": "a", **failed}, {"image": "", **passed}, {**passed}]},
        {"run": "5", "command": "smoke", "images": [{"image": "b", "rules": "job = true", **passed}]},
        {"run": "6", "command": "smoke", "images": [{"image": "a", "platform": "linux/arm64", **passed}]},
    ]
    assert verdicts(records) == {
        ("a", "", ""): (True, False),
        ("a", "", "linux/arm64"): (True,),
        ("b", "", ""): (False,),
        ("b", "job = true", ""): (True,),
    }


def test_an_image_of_several_platforms_fails_where_one_does() -> None:
    other = SmokeResult("svc-a", 2, 0, 1.0, "log", image="sha256:b", platform="linux/arm64")
    own = replace(other, image="sha256:a", platform="linux/amd64")
    failed = replace(other, passed=1, failed=1)
    ids = {"svc-a": "sha256:a"}
    assert of_each_image([other, own], ids) == of_each_image([own, other], ids) == {"svc-a": own}
    assert of_each_image([failed, own], ids) == of_each_image([own, failed], ids) == {"svc-a": failed}
