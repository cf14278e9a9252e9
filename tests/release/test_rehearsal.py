"""The table of a rehearsal: every image has a row, each with the stage and the cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.build.result import ImageResult, Status
from slipway.core.errors import BuildError, PolicyError, SlipwayError, SmokeError, UsageError
from slipway.core.image import Image, Stack
from slipway.core.reference import Reference
from slipway.release.outcome import Outcome
from slipway.release.rehearsal import Stage, Trial, failure, scope_of, trials
from slipway.smoke.results import SmokeResult

FLOOR = Image("base-floor", "floor.Dockerfile", kind="base", reference=Reference("r", "acme/base-floor", "v2"))
TILL = Image("svc-till", "till/Dockerfile", parents=("base-floor",), reference=Reference("r", "acme/svc-till", "v2"))
SIGN = Image("svc-sign", "sign/Dockerfile")
STACK = Stack((FLOOR, TILL, SIGN))
PASSED = SmokeResult("svc-till", 12, 0, 1.0, "log")


def till(built: ImageResult | None = None, tested: SmokeResult | None = PASSED, stack: Stack = STACK) -> Trial:
    results = {built.image: built} if built else {}
    floor = replace(PASSED, name="base-floor")
    tests = {one.name: one for one in (floor, tested) if one}
    found = trials(scope_of(stack, ["base-floor"]), stack, results, tests)
    return next(one for one in found if one.image == "svc-till")


def told(trial: Trial) -> list[tuple[str, str]]:
    return [(cause.stage, cause.said) for cause in trial.causes]


def test_the_scope_is_the_bases_and_all_on_them() -> None:
    assert [image.name for image in scope_of(STACK, ["base-floor"])] == ["base-floor", "svc-till"]


@pytest.mark.parametrize(
    ("stands", "tag"),
    [("", "v2 is new"), ("sha256:1", "v2 stands for it"), (f"sha256:{'2' * 64}", "v2 stands for sha256:222222222222")],
)
def test_a_row_has_the_tests_and_the_tag_that_a_release_would_move(stands: str, tag: str) -> None:
    found = replace(till(), digest="sha256:1", stands=stands)
    assert list(found.rows) == [("svc-till", "rehearsed", "12 passed", tag)]
    assert till().tag == ""


@pytest.mark.fault("P60")
def test_a_failed_build_has_its_cause() -> None:
    built = ImageResult("svc-till", Status.FAILED, "", detail="RUN make: exit code: 2")
    found = till(built, None)
    assert list(found.rows) == [("svc-till", "broken", "build", "RUN make: exit code: 2")]


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (
            (
                "ERROR: Cannot install click==8.1.7 and click>=8.2 because …",
                "",
                "ERROR: ResolutionImpossible: for help",
            ),
            "Cannot install click==8.1.7 and click>=8.2 because …",
        ),
        (
            ("  × No solution found:", "  ╰─▶ Because a==1 depends on click<8.2 and you require"),
            "╰─▶ Because a==1 depends on click<8.2 and you require",
        ),
    ],
)
def test_a_resolver_that_refuses_is_about_the_requirements(output: tuple[str, ...], cause: str) -> None:
    built = ImageResult("svc-till", Status.FAILED, "", detail="RUN pip install", output=output)
    assert told(till(built, None)) == [(Stage.REQUIREMENTS, cause)]


def test_an_image_on_one_that_failed_is_not_tried() -> None:
    built = ImageResult("svc-till", Status.SKIPPED, "", detail="base-floor failed")
    found = till(built, None)
    assert (found.outcome, told(found)) == (Outcome.SKIPPED, [(Stage.BUILD, "base-floor failed")])


@pytest.mark.fault("P60")
def test_failed_tests_have_their_causes_requirements_first() -> None:
    failures = ("test_a: no answer", "test_b: no answer", "test_its_python_packages_agree: x needs click<8.2")
    found = till(tested=replace(PASSED, failed=3, failures=failures))
    assert list(found.rows) == [
        ("svc-till", "broken", "requirements", "test_its_python_packages_agree: x needs click<8.2"),
        ("", "", "smoke", "test_a and 1 more: no answer"),
    ]


def test_tests_that_did_not_run_have_the_reason() -> None:
    tested = SmokeResult("svc-till", 0, 1, 0.0, "log", ("no tests were collected",), ran=False)
    assert told(till(tested=tested)) == [(Stage.SMOKE, "no tests were collected")]
    assert told(till(tested=None)) == [(Stage.SMOKE, "it was not tested")]


def test_an_image_that_cannot_be_planned_is_broken_and_those_on_it_are_not_tried() -> None:
    stack = STACK.without({"base-floor": UsageError("floor.Dockerfile:2: floor.txt: no such file")})
    floor, above = trials(scope_of(stack, ["base-floor"]), stack, {}, {})
    assert list(floor.rows) == [("base-floor", "broken", "plan", "floor.Dockerfile:2: floor.txt: no such file")]
    assert list(above.rows) == [("svc-till", "not tried", "plan", "it stands on base-floor")]


def test_a_note_about_requirements_breaks_nothing() -> None:
    found = replace(till(), notes=("requirements.txt:1: click<8, and base-floor has click==8.2.1 (lock.txt:1)",))
    assert [row[1:3] for row in found.rows] == [("rehearsed", "12 passed"), ("", "requirements")]
    assert failure([found], None, None) is None


def test_all_green_is_not_an_error() -> None:
    assert failure([till()], None, None) is None


@pytest.mark.fault("P60")
@pytest.mark.parametrize(
    ("built", "tested", "code"),
    [
        (BuildError("b", hint="fix it", log="x.log", code="disk-full"), SmokeError("s"), (6, "disk-full")),
        (None, SmokeError("s", hint="fix it", log="x.log"), (9, "smoke-failed")),
        (None, PolicyError("p", hint="fix it", log="x.log"), (10, "policy-refused")),
    ],
)
def test_the_error_lists_the_broken_images_with_the_exit_code_of_the_first_stage(
    built: BuildError | None, tested: SlipwayError, code: tuple[int, str]
) -> None:
    broken = till(tested=replace(PASSED, failed=1, failures=("test_a: no answer",)))
    error = failure([till(), broken], built, tested)
    assert error
    assert (error.exit_code, error.code) == code
    assert error.message == "base-rehearse: 1 of 2 images break\n  svc-till: smoke: test_a: no answer"
    assert (error.hint, error.log) == ("fix it", "x.log")


def test_an_image_that_cannot_be_planned_is_a_failed_build() -> None:
    stack = STACK.without({"svc-till": PolicyError("till/Dockerfile:3: a secret")})
    error = failure([till(stack=stack)], None, None)
    assert error and (error.exit_code, error.hint) == (6, "invoke plan")


def test_a_failed_test_of_several_images_is_the_error_when_no_image_breaks() -> None:
    assert str(failure([till()], None, SmokeError("smoke chain: 1 failed"))) == "error: smoke chain: 1 failed"
