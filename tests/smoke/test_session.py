"""Which tests an image gets, how pytest is asked, and what its answer means."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PolicyError, SmokeError, UsageError
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.smoke import orphans, session
from slipway.smoke.container_state import State, explain
from slipway.smoke.session import (
    CHECKS,
    Budget,
    Outcome,
    Round,
    Target,
    find_tests,
    parse_budget,
    pytest_command,
    read_outcome,
    smoke,
    verdicts,
)

EXISTING = {
    "infra/docker/smoke/base-runtime",
    "infra/docker/smoke/base-ml",
    "apps/svc_ocr/smoke",
    "apps/svc_forms/smoke",
    "apps/smoke/test_chain.py",
}
PASSED = '<testsuites><testsuite time="1.5"><testcase name="test_a"/><testcase name="test_b"/></testsuite></testsuites>'
MIXED = """<testsuites><testsuite time="2.0">
<testcase name="test_a"/>
<testcase name="test_b"><failure message="AssertionError: assert 1 == 2&#10;more"/></testcase>
<testcase name="test_c">
<error message="failed on setup with &quot;slipway.core.errors.SmokeError: error: no container"/></testcase>
<testcase name="test_d"><skipped message="no network"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("name", "ancestors", "expected"),
    [
        ("base-runtime", [], ["infra/docker/smoke/base-runtime"]),
        ("base-ml", ["base-runtime"], ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml"]),
        (
            "svc-ocr",
            ["base-runtime", "base-ml"],
            ["infra/docker/smoke/base-runtime", "infra/docker/smoke/base-ml", "apps/svc_ocr/smoke"],
        ),
        ("svc-forms", ["base-other"], ["apps/svc_forms/smoke"]),
        ("chain", [], ["apps/smoke/test_chain.py"]),
        ("svc-new", [], []),
    ],
)
def test_an_image_gets_the_tests_of_its_bases_and_its_own(name: str, ancestors: list[str], expected: list[str]) -> None:
    assert session.tests_for(name, ancestors, EXISTING) == tuple(expected)


def test_test_folders_are_found_in_a_repository(tmp_path: Path) -> None:
    for path in EXISTING:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("") if path.endswith(".py") else (tmp_path / path).mkdir()
    (tmp_path / "apps/svc_ocr/Dockerfile").write_text("")
    assert find_tests(tmp_path) == EXISTING
    assert session.together(EXISTING) == ("chain",)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("1.3 GB", Budget(1_300_000_000)),
        ("200 MB over parent", Budget(200_000_000, over_parent=True)),
        ("512kB", Budget(512_000)),
        ("5 B", Budget(5)),
    ],
)
def test_a_budget_reads_as_docker_writes_sizes(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "big", "1.3", "-1 MB", "1 GiB", "1 GB over base"])
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        parse_budget(text)


def test_pytest_is_asked_for_the_checks_and_the_tests() -> None:
    this = Round(Path("/repo"), "7f3c", Path("/repo/.slipway/runs/7f3c"), {"svc-b": "sha256:b", "svc-a": "sha256:a"})
    target = Target("svc-a", "sha256:a", ("apps/svc_a/smoke",), "1 GB", "sha256:base")
    command = pytest_command(target, this)
    assert command.argv[:3] == (sys.executable, "-m", "pytest")
    assert command.argv[-2:] == (str(CHECKS), "/repo/apps/svc_a/smoke")
    assert {
        "--slipway-image=sha256:a",
        "--slipway-name=svc-a",
        "--slipway-run=7f3c",
        "--slipway-siblings=svc-a=sha256:a",
        "--slipway-siblings=svc-b=sha256:b",
        "--slipway-budget=1 GB",
        "--slipway-parent=sha256:base",
        "--slipway-logs=/repo/.slipway/runs/7f3c/smoke-svc-a",
        "--junit-xml=/repo/.slipway/runs/7f3c/smoke-svc-a/junit.xml",
    } <= set(command.argv)
    assert (command.cwd, command.label) == ("/repo", "smoke svc-a")


def test_tests_of_several_images_get_no_checks() -> None:
    command = pytest_command(
        Target("chain", tests=("apps/smoke/test_chain.py",)), Round(Path("/r"), "1", Path("/d"), {})
    )
    assert command.argv[-1] == "/r/apps/smoke/test_chain.py"
    assert str(CHECKS) not in command.argv
    assert not [argument for argument in command.argv if argument.startswith("--slipway-image")]


@pytest.mark.fault("U05", "U06", "T13")
def test_what_the_project_allows_reaches_the_checks() -> None:
    this = Round(Path("/r"), "1", Path("/d"), {}, slowness="2.5", allow_setuid=("/usr/bin/ping",))
    argv = pytest_command(Target("svc-a", "sha256:a", allow_root="opens raw sockets"), this).argv
    assert {
        "--slipway-slowness=2.5", "--slipway-allow-setuid=/usr/bin/ping", "--slipway-allow-root=opens raw sockets"
    } <= set(argv)  # fmt: skip
    assert not [word for word in pytest_command(Target("svc-b", "sha256:b"), this).argv if "allow-root" in word]


def test_all_passed() -> None:
    outcome = read_outcome("svc-a", 0, PASSED, "log")
    assert outcome == Outcome("svc-a", 2, 0, 1.5, "log")
    assert outcome.ok


def test_failed_broken_and_skipped_are_all_failures() -> None:
    outcome = read_outcome("svc-a", 1, MIXED, "log")
    assert (outcome.passed, outcome.failed, outcome.ok) == (1, 3, False)
    assert outcome.failures == (
        "test_b: assert 1 == 2",
        "test_c: no container",
        "test_d: skipped: no network",
    )


@pytest.mark.parametrize(
    ("exit_code", "junit", "why"),
    [
        (5, '<testsuites><testsuite time="0"/></testsuites>', "no tests were collected"),
        (0, '<testsuites><testsuite time="0"/></testsuites>', "no test ran"),
        (-9, PASSED[:40], "pytest was ended by SIGKILL before it had results"),
        (2, PASSED, "pytest ended with exit code 2"),
    ],
)
def test_what_proves_nothing_is_no_success(exit_code: int, junit: str, why: str) -> None:
    outcome = read_outcome("svc-a", exit_code, junit, "log")
    assert not outcome.ok
    assert outcome.failures == (why,)


CONFTEST = """\
ImportError while loading conftest '/repo/apps/svc_a/smoke/conftest.py'.
apps/svc_a/smoke/conftest.py:1: in <module>
    import docx
E   ModuleNotFoundError: No module named 'docx'
"""
OPTION = """\
ERROR: usage: python -m pytest [options] [file_or_dir] [file_or_dir] [...]
python -m pytest: error: unrecognized arguments: --slipway-run=7f3c
  inifile: None
  rootdir: /repo
"""


@pytest.mark.fault("T30")
@pytest.mark.parametrize(
    ("exit_code", "said", "why"),
    [
        (1, "/venv/bin/python: No module named pytest\n", "/venv/bin/python: No module named pytest"),
        (4, CONFTEST, "No module named 'docx'"),
        (4, OPTION, "python -m pytest: error: unrecognized arguments: --slipway-run=7f3c"),
        (3, "INTERNALERROR> x\nINTERNALERROR> OSError: disk full\n", "INTERNALERROR> OSError: disk full"),
    ],
)
def test_a_pytest_that_cannot_run_says_why_in_the_first_line(
    tmp_path: Path, exit_code: int, said: str, why: str
) -> None:
    with pytest.raises(SmokeError) as failure:
        smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}), lambda command: Result(exit_code, "", said))
    first = str(failure.value).splitlines()[0]
    assert first == f"error: smoke a: pytest could not run (exit code {exit_code}): {why}"


BROKEN = """<testsuites><testsuite time="1">
<testcase name="apps.svc_a.smoke.test_a"><error message="collection failure">
ImportError while importing test module
apps/svc_a/smoke/test_a.py:1: in &lt;module&gt;
    import docx
E   ModuleNotFoundError: No module named 'docx'</error></testcase></testsuite></testsuites>"""


@pytest.mark.fault("T30")
def test_a_file_of_tests_that_cannot_be_imported_says_why() -> None:
    outcome = read_outcome("svc-a", 2, BROKEN, "log")
    assert outcome.failures == ("apps.svc_a.smoke.test_a: No module named 'docx'",)


class Pytest:
    """Stands for running pytest: writes the junit.xml that belongs to each name."""

    def __init__(self, **answers: tuple[int, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, command: Command) -> Result:
        name = command.label.removeprefix("smoke ")
        self.asked.append(name)
        exit_code, junit = self.answers[name]
        path = next(a.removeprefix("--junit-xml=") for a in command.argv if a.startswith("--junit-xml="))
        Path(path).write_text(junit)
        return Result(exit_code, "what pytest printed", "")


def test_an_image_given_by_its_reference_is_named_so_in_the_hint(tmp_path: Path) -> None:
    with pytest.raises(SmokeError) as failure:
        smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}, given="reg:5000/a:v1"), Pytest(a=(1, MIXED)))
    assert failure.value.hint == "invoke smoke --image reg:5000/a:v1"


def test_a_cause_that_several_tests_met_is_told_once(tmp_path: Path) -> None:
    raised = "slipway.core.errors.SmokeError: error: svc: it did not start"
    error = f'<error message="failed on setup with &quot;{raised}&quot;"/>'
    cases = "".join(f'<testcase name="test_{name}">{error}</testcase>' for name in "abcd")
    junit = f'<testsuites><testsuite time="1">{cases}<testcase name="test_e"/></testsuite></testsuites>'
    with pytest.raises(SmokeError) as failure:
        smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}), Pytest(a=(1, junit)))
    assert failure.value.message.splitlines() == [
        "smoke a: 4 failed, 1 passed",
        '  test_a and 3 more: svc: it did not start"',
    ]


def test_one_failure_does_not_keep_the_others_from_being_tested(tmp_path: Path) -> None:
    run_pytest = Pytest(a=(1, MIXED), b=(0, PASSED))
    told: list[Outcome] = []
    with pytest.raises(SmokeError) as failure:
        smoke([Target("a", "1"), Target("b", "2")], Round(tmp_path, "r", tmp_path, {}), run_pytest, told.append)
    assert run_pytest.asked == ["a", "b"]
    assert [(outcome.name, outcome.ok) for outcome in told] == [("a", False), ("b", True)]
    assert str(failure.value) == (
        "error: smoke a: 3 failed, 1 passed\n"
        "  test_b: assert 1 == 2\n"
        "  test_c: no container\n"
        "  test_d: skipped: no network\n"
        "hint:  invoke smoke a\n"
        f"log:   {tmp_path / 'smoke-a' / 'pytest.log'}"
    )
    assert Path(failure.value.log).read_text() == "what pytest printed\n"


REFUSED = """<testsuites><testsuite time="1"><testcase name="test_a"/>
<testcase name="test_user"><properties><property name="slipway" value="policy"/></properties>
<failure message="USER 0 is root"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.fault("U05")
def test_what_works_and_may_not_be_shipped_is_refused(tmp_path: Path) -> None:
    """Only policy stands in its way: exit 10. With one image that does not work beside it: exit 9."""
    with pytest.raises(PolicyError, match="smoke a: 1 failed, 1 passed\n  test_user: USER 0 is root"):
        smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}), Pytest(a=(1, REFUSED)))
    both = Pytest(a=(1, REFUSED), b=(1, MIXED))
    with pytest.raises(SmokeError, match="smoke a: 1 failed"):
        smoke([Target("a", "1"), Target("b", "2")], Round(tmp_path, "r", tmp_path, {}), both)


@pytest.mark.fault("X08")
def test_what_pytest_printed_is_kept_without_secrets_for_its_owner_alone(tmp_path: Path) -> None:
    redact = Redactor([Secret("what pytest")])
    [outcome] = smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}, redact=redact), Pytest(a=(0, PASSED)))
    assert Path(outcome.log).read_text() == "*** printed\n"
    assert Path(outcome.log).stat().st_mode & 0o777 == 0o600


@pytest.mark.fault("X08")
def test_results_are_kept_and_told_without_secrets(tmp_path: Path) -> None:
    redact = Redactor([Secret("assert 1")])
    with pytest.raises(SmokeError) as failure:
        smoke([Target("a", "1")], Round(tmp_path, "r", tmp_path, {}, redact=redact), Pytest(a=(1, MIXED)))
    assert "test_b: *** == 2" in str(failure.value)
    assert "assert 1" not in (tmp_path / "smoke-a/junit.xml").read_text()


def test_results_of_an_earlier_round_are_not_read_again(tmp_path: Path) -> None:
    this = Round(tmp_path, "r", tmp_path, {})
    assert smoke([Target("a", "1")], this, Pytest(a=(0, PASSED)))[0].ok
    with pytest.raises(SmokeError, match="ended by SIGKILL"):
        smoke([Target("a", "1")], this, lambda command: Result(-9))


@pytest.mark.fault("T13")
@pytest.mark.parametrize(
    ("earlier", "answer", "flakes"),
    [
        ((), (0, PASSED), ""),
        ((True, True), (0, PASSED), ""),
        ((False,), (1, MIXED), ""),
        ((True, False, True), (0, PASSED), "1 of 4 rounds of this very image failed"),
        ((True, True), (1, MIXED), "1 of 3 rounds of this very image failed"),
    ],
)
def test_how_often_the_very_image_failed_is_told(
    tmp_path: Path, earlier: tuple[bool, ...], answer: tuple[int, str], flakes: str
) -> None:
    told: list[Outcome] = []
    this = Round(tmp_path, "r", tmp_path, {}, history={"1": earlier, "": (False,), "2": (False,)})
    with contextlib.suppress(SmokeError):
        smoke([Target("a", "1"), Target("chain")], this, Pytest(a=answer, chain=(0, PASSED)), told.append)
    assert [outcome.flakes for outcome in told] == [flakes, ""]
    assert [outcome.image for outcome in told] == ["1", ""]


def test_a_failure_says_how_often_it_was_none(tmp_path: Path) -> None:
    this = Round(tmp_path, "r", tmp_path, {}, history={"1": (True, True)})
    with pytest.raises(SmokeError, match=r"no network\n  1 of 3 rounds of this very image failed"):
        smoke([Target("a", "1")], this, Pytest(a=(1, MIXED)))


def test_verdicts_are_those_of_earlier_rounds_by_image() -> None:
    passed, failed = {"passed": 2, "failed": 0}, {"passed": 1, "failed": 1}
    records: list[dict[str, object]] = [
        {"run": "1", "command": "smoke", "images": [{"image": "a", **passed}, {"image": "b", **failed}]},
        {"run": "2", "command": "build", "images": [{"image": "svc-a", "status": "built"}]},
        {"run": "3", "ok": False, "exit_code": 7},
        {"run": "4", "command": "smoke", "images": [{"image": "a", **failed}, {"image": "", **passed}, {**passed}]},
    ]
    assert verdicts(records) == {"a": (True, False), "b": (False,)}


def test_nothing_to_test_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="no image to test"):
        smoke([], Round(tmp_path, "r", tmp_path, {}), Pytest())


def test_a_dead_container_is_explained_with_all_that_is_known() -> None:
    state = State("exited", 137, True, "", "unhealthy", "connection refused", 0)
    log = "\n".join(f"line {number}" for number in range(30)) + "\n\x1b[2Jend"
    told = explain("svc-a", "it stopped", state, log).splitlines()
    assert told[:2] == [
        "svc-a: it stopped; exit code 137: killed (SIGKILL); killed for memory: it reached its limit (OOM);"
        " its last line: \\x1b[2Jend",
        "  last health probe:",
    ]
    assert told[3:5] == ["  last 20 log lines:", "    line 11"]
    assert told[-1] == "    \\x1b[2Jend"


@pytest.mark.process
def test_only_an_owner_of_this_host_that_has_ended_is_dead() -> None:
    mine = orphans.owner()
    assert not orphans.is_dead(mine)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    host, started = mine.rsplit(" ", 2)[0], mine.rsplit(" ", 1)[1]
    assert orphans.is_dead(f"{host} {child.pid} {started}")
    assert orphans.is_dead(f"{host} {os.getpid()} 1"), "the pid lives on in another process"
    assert not orphans.is_dead(f"elsewhere pid:[1] {child.pid} {started}")
    assert not orphans.is_dead("not a label of ours")
