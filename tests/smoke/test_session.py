"""How pytest is run for each image, and the error that a failed round ends with."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PolicyError, SmokeError
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.smoke.results import SmokeResult
from slipway.smoke.session import (
    AT_ONCE,
    CHECKS,
    Round,
    RunTogether,
    SmokeTarget,
    not_runnable,
    pytest_command,
    smoke,
)

PASSED = '<testsuites><testsuite time="1.5"><testcase name="test_a"/><testcase name="test_b"/></testsuite></testsuites>'
MIXED = """<testsuites><testsuite time="2.0">
<testcase name="test_a"/>
<testcase name="test_b"><failure message="AssertionError: assert 1 == 2&#10;more"/></testcase>
<testcase name="test_c">
<error message="failed on setup with &quot;slipway.core.errors.SmokeError: error: no container"/></testcase>
<testcase name="test_d"><skipped message="no network"/></testcase>
</testsuite></testsuites>"""


def test_pytest_is_asked_for_the_checks_and_the_tests() -> None:
    this = Round(Path("/repo"), "7f3c", Path("/repo/.slipway/runs/7f3c"), {"svc-b": "sha256:b", "svc-a": "sha256:a"})
    target = SmokeTarget("svc-a", "sha256:a", ("apps/svc_a/smoke",), "1 GB", "sha256:base")
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
        SmokeTarget("chain", tests=("apps/smoke/test_chain.py",)), Round(Path("/r"), "1", Path("/d"), {})
    )
    assert command.argv[-1] == "/r/apps/smoke/test_chain.py"
    assert str(CHECKS) not in command.argv
    assert not [argument for argument in command.argv if argument.startswith("--slipway-image")]


@pytest.mark.fault("U05", "U06", "T13")
def test_the_exemptions_of_the_project_reach_the_checks() -> None:
    this = Round(Path("/r"), "1", Path("/d"), {}, slowness="2.5")
    target = SmokeTarget("svc-a", "sha256:a", allow=("root", "setuid:/usr/bin/ping"), known_files=("ab12",))
    assert {
        "--slipway-slowness=2.5", "--slipway-allow=root", "--slipway-allow=setuid:/usr/bin/ping",
        "--slipway-known-file=ab12",
    } <= set(pytest_command(target, this).argv)  # fmt: skip
    plain = pytest_command(SmokeTarget("svc-b", "sha256:b"), this).argv
    assert not [word for word in plain if word.startswith(("--slipway-allow", "--slipway-known", "--slipway-policy"))]
    assert "--slipway-policy=note" in pytest_command(target, replace(this, noting=True)).argv


@pytest.mark.parametrize("tool", [True, False])
def test_a_tool_is_asked_for_no_process(tool: bool) -> None:
    this = Round(Path("/repo"), "7f3c", Path("/repo/.slipway/runs/7f3c"), {})
    assert ("--slipway-tool" in pytest_command(SmokeTarget("base-a", "sha256:a", tool=tool), this).argv) is tool


@pytest.mark.fault("T38")
@pytest.mark.process
def test_the_checks_run_whatever_the_repository_sets_for_its_own_tests(tmp_path: Path) -> None:
    settings = (
        'addopts = "--no-such-flag"\nrequired_plugins = ["no-such-plugin"]\nfilterwarnings = ["error::a.b.Gone"]\n'
    )
    settings += 'python_files = ["check_*.py"]\npython_functions = ["it_*"]\ntestpaths = ["nowhere"]\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}")
    command = pytest_command(SmokeTarget("svc-a", "sha256:a"), Round(tmp_path, "1", tmp_path, {}))
    found = subprocess.run([*command.argv, "--collect-only", "-q"], capture_output=True, text=True, cwd=tmp_path)
    assert (found.returncode, "test_it_starts_and_stays_up" in found.stdout) == (0, True), found.stdout + found.stderr


HEALTH = """<testsuites><testsuite time="1"><testcase name="test_a"><properties>
<property name="health" value="no health check: started and stayed up 3 s"/></properties></testcase>
<testcase name="test_b"><properties><property name="slipway" value="policy"/>
</properties></testcase></testsuite></testsuites>"""


@pytest.mark.fault("T34")
def test_the_result_says_how_health_is_known_and_names_the_permissions(tmp_path: Path) -> None:
    targets = [SmokeTarget("a", "1", rules="job = true"), SmokeTarget("b", "2", tool=True)]
    run_pytest = Pytest(a=(0, HEALTH), b=(0, PASSED))
    one, tool = smoke(targets, Round(tmp_path, "r", tmp_path, {}), run_pytest)
    assert (one.health, one.rules) == ("no health check: started and stayed up 3 s", "job = true")
    assert tool.health == "starts nothing by itself: only its files were tested"


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
        smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}), ended(Result(exit_code, "", said)))
    first = str(failure.value).splitlines()[0]
    assert first == f"error: smoke a: pytest could not run (exit code {exit_code}): {why}"


def ended(result: Result) -> RunTogether:
    """Return a runner whose commands end with this result."""

    def execute(commands: Iterable[Command], take: Callable[[int, Result], None], *, at_once: int) -> None:
        for number, _ in enumerate(commands):
            take(number, result)

    return execute


class Pytest:
    """Stands for running pytest: writes the junit.xml that belongs to each name. The commands end in ``order``."""

    def __init__(self, order: Sequence[int] = (), **answers: tuple[int, str]) -> None:
        self.answers = answers
        self.order = order
        self.asked: list[str] = []
        self.at_once = 0

    def __call__(self, commands: Iterable[Command], take: Callable[[int, Result], None], *, at_once: int) -> None:
        self.at_once = at_once
        started = list(commands)
        self.asked = [command.label.removeprefix("smoke ").partition(" ")[0] for command in started]
        for number in self.order or range(len(started)):
            exit_code, junit = self.answers[self.asked[number]]
            words = started[number].argv
            path = next(word.removeprefix("--junit-xml=") for word in words if word.startswith("--junit-xml="))
            Path(path).write_text(junit)
            take(number, Result(exit_code, "what pytest printed", ""))


def test_tests_of_several_images_start_first_and_results_come_in_the_order_of_the_targets(tmp_path: Path) -> None:
    targets = [SmokeTarget("base-a", "1"), SmokeTarget("svc-b", "2"), SmokeTarget("svc-c", "3"), SmokeTarget("chain")]
    passed = (0, PASSED)
    run_pytest = Pytest(order=(2, 0, 3, 1), **{"base-a": passed, "svc-b": (1, MIXED), "svc-c": passed, "chain": passed})
    told: list[tuple[str, bool]] = []
    with pytest.raises(SmokeError, match="smoke svc-b: 3 failed"):
        smoke(
            targets,
            Round(tmp_path, "r", tmp_path, {}),
            run_pytest,
            lambda result: told.append((result.name, result.ok)),
        )
    assert run_pytest.asked == ["chain", "base-a", "svc-b", "svc-c"]
    assert told == [("base-a", True), ("svc-b", False), ("svc-c", True), ("chain", True)]


def test_targets_are_tested_concurrently_one_more_than_there_are_processors(tmp_path: Path) -> None:
    run_pytest = Pytest(a=(0, PASSED))
    smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}), run_pytest)
    assert run_pytest.at_once == AT_ONCE == (os.cpu_count() or 2) + 1


def test_an_image_given_by_its_reference_is_named_so_in_the_hint(tmp_path: Path) -> None:
    with pytest.raises(SmokeError) as failure:
        smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}, given="reg:5000/a:v1"), Pytest(a=(1, MIXED)))
    assert failure.value.hint == "invoke smoke --image reg:5000/a:v1"


def test_a_cause_of_several_failures_is_reported_once(tmp_path: Path) -> None:
    raised = "slipway.core.errors.SmokeError: error: svc: it did not start"
    error = f'<error message="failed on setup with &quot;{raised}&quot;"/>'
    cases = "".join(f'<testcase name="test_{name}">{error}</testcase>' for name in "abcd")
    junit = f'<testsuites><testsuite time="1">{cases}<testcase name="test_e"/></testsuite></testsuites>'
    with pytest.raises(SmokeError) as failure:
        smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}), Pytest(a=(1, junit)))
    assert failure.value.message.splitlines() == [
        "smoke a: 4 failed, 1 passed",
        "  test_a and 3 more: svc: it did not start",
    ]


def test_one_failure_does_not_keep_the_others_from_being_tested(tmp_path: Path) -> None:
    run_pytest = Pytest(a=(1, MIXED), b=(0, PASSED))
    told: list[SmokeResult] = []
    with pytest.raises(SmokeError) as failure:
        smoke(
            [SmokeTarget("a", "1"), SmokeTarget("b", "2")], Round(tmp_path, "r", tmp_path, {}), run_pytest, told.append
        )
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
def test_an_image_that_only_fails_policy_is_refused_with_exit_10(tmp_path: Path) -> None:
    """Only policy stands in its way: exit 10. With one image that does not work beside it: exit 9."""
    with pytest.raises(PolicyError, match="smoke a: 1 failed, 1 passed\n  test_user: USER 0 is root"):
        smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}), Pytest(a=(1, REFUSED)))
    both = Pytest(a=(1, REFUSED), b=(1, MIXED))
    with pytest.raises(
        SmokeError, match="smoke: 2 targets failed\n  smoke a: 1 failed, 1 passed\n    test_user: "
    ) as told:
        smoke([SmokeTarget("a", "1"), SmokeTarget("b", "2")], Round(tmp_path, "r", tmp_path, {}), both)
    assert "\n  smoke b: 3 failed, 1 passed\n    test_b: " in told.value.message


@pytest.mark.fault("X08")
def test_pytests_output_is_saved_redacted_and_private(tmp_path: Path) -> None:
    redact = Redactor([Secret("what pytest")])
    [outcome] = smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}, redact=redact), Pytest(a=(0, PASSED)))
    assert Path(outcome.log).read_text() == "*** printed\n"
    assert Path(outcome.log).stat().st_mode & 0o777 == 0o600


@pytest.mark.fault("X08")
def test_results_are_saved_and_shown_without_secrets(tmp_path: Path) -> None:
    redact = Redactor([Secret("assert 1")])
    with pytest.raises(SmokeError) as failure:
        smoke([SmokeTarget("a", "1")], Round(tmp_path, "r", tmp_path, {}, redact=redact), Pytest(a=(1, MIXED)))
    assert "test_b: *** == 2" in str(failure.value)
    assert "assert 1" not in (tmp_path / "smoke-a/junit.xml").read_text()


def test_results_of_an_earlier_round_are_not_read_again(tmp_path: Path) -> None:
    this = Round(tmp_path, "r", tmp_path, {})
    assert smoke([SmokeTarget("a", "1")], this, Pytest(a=(0, PASSED)))[0].ok
    with pytest.raises(SmokeError, match="ended by SIGKILL"):
        smoke([SmokeTarget("a", "1")], this, ended(Result(-9)))


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
def test_the_result_counts_failed_rounds_of_the_same_image(
    tmp_path: Path, earlier: tuple[bool, ...], answer: tuple[int, str], flakes: str
) -> None:
    told: list[SmokeResult] = []
    others: dict[tuple[str, str, str], tuple[bool, ...]] = {
        ("", "", ""): (False,),
        ("1", "job = true", ""): (False,),
        ("1", "", "linux/arm64"): (False,),
    }
    this = Round(tmp_path, "r", tmp_path, {}, history={("1", "", ""): earlier, **others})
    with contextlib.suppress(SmokeError):
        smoke([SmokeTarget("a", "1"), SmokeTarget("chain")], this, Pytest(a=answer, chain=(0, PASSED)), told.append)
    assert [outcome.flakes for outcome in told] == [flakes, ""]
    assert [outcome.image for outcome in told] == ["1", ""]


def test_a_failure_says_how_often_it_was_none(tmp_path: Path) -> None:
    this = Round(tmp_path, "r", tmp_path, {}, history={("1", "", ""): (True, True)})
    with pytest.raises(SmokeError, match=r"no network\n  1 of 3 rounds of this very image failed"):
        smoke([SmokeTarget("a", "1")], this, Pytest(a=(1, MIXED)))


def test_nothing_to_test_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="no image to test"):
        smoke([], Round(tmp_path, "r", tmp_path, {}), Pytest())


def test_a_platform_has_its_own_folder_images_and_time_limits() -> None:
    this = Round(Path("/r"), "1", Path("/d"), {"svc-a": "sha256:a", "svc-b": "sha256:b"}, slowness="2")
    target = SmokeTarget("svc-a", "sha256:arm", platform="linux/arm64", emulated=True, siblings={"svc-b": "sha256:c"})
    command = pytest_command(target, this)
    assert {
        "--slipway-platform=linux/arm64", "--slipway-slowness=8.0", "--slipway-logs=/d/smoke-svc-a-linux-arm64",
        "--slipway-siblings=svc-a=sha256:a", "--slipway-siblings=svc-b=sha256:c",
    } <= set(command.argv)  # fmt: skip
    assert command.label == "smoke svc-a linux/arm64"


def test_a_failure_names_the_platform_and_the_hint_the_image(tmp_path: Path) -> None:
    targets = [SmokeTarget("a", "1", platform=f"linux/{name}") for name in ("amd64", "arm64")]
    with pytest.raises(SmokeError) as caught:
        smoke(targets, Round(tmp_path, "r", tmp_path, {}), Pytest(a=(1, MIXED)))
    assert "smoke a linux/amd64: 3 failed" in caught.value.message
    assert caught.value.hint == "invoke smoke a"


def test_a_platform_that_does_not_run_has_neither_passed_nor_failed() -> None:
    result = not_runnable(SmokeTarget("svc-a", "1", platform="linux/arm64"))
    assert (result.title, result.verdict, result.ok) == ("svc-a linux/arm64", "not run", False)
