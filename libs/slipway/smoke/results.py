"""Read what pytest reported about one target, and put failures into words. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree

_POLICY = "properties/property[@name='slipway'][@value='policy']"
_EXCEPTION = re.compile(r"^(failed on \w+ with ['\"])?([\w.]+(Error|Exception): )+(error: )?")
_RAISED = re.compile(r"^E   (\S.*)$", re.MULTILINE)
_NO_TESTS = 5
_SHOWN = 3


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class SmokeResult:
    """The result of the tests of one target. ``failures`` holds "test: first line of why" for each that did not pass.

    ``refused``: how many of the failed are checks of policy: the image works, and may not be shipped.
    ``image`` is the id that was tested; ``earlier`` says of each earlier round of that very image whether it passed.
    ``ran``: whether any test ran; when none did, ``failures`` says why.
    """

    name: str
    passed: int
    failed: int
    seconds: float
    log: str
    failures: tuple[str, ...] = ()
    refused: int = 0
    image: str = ""
    earlier: tuple[bool, ...] = ()
    ran: bool = True

    @property
    def ok(self) -> bool:
        return self.passed > 0 and self.failed == 0

    @property
    def verdict(self) -> Verdict:
        return Verdict.PASSED if self.ok else Verdict.FAILED

    @property
    def flakes(self) -> str:
        """How often this very image failed, when it did not always: then the tests or the machine are to be doubted."""
        rounds = (*self.earlier, self.ok)
        failed = rounds.count(False)
        return f"{failed} of {len(rounds)} rounds of this very image failed" if 0 < failed < len(rounds) else ""


def verdicts(records: Iterable[Mapping[str, Any]]) -> dict[str, tuple[bool, ...]]:
    """Image id → whether it passed, of each round among the records of earlier runs, in their order."""
    found: dict[str, tuple[bool, ...]] = {}
    for record in records:
        for entry in record.get("images", ()) if record.get("command") == "smoke" else ():
            if image := entry.get("image"):
                found[image] = (*found.get(image, ()), entry["passed"] > 0 and entry["failed"] == 0)
    return found


def read_result(name: str, exit_code: int, junit: str, log: str, said: str = "") -> SmokeResult:
    """From pytest's exit code and the text of its junit.xml; ``said`` is what it printed, for a pytest that could not
    run. A test that was skipped could not run, so it failed.
    """
    if exit_code == _NO_TESTS:
        return _not_run(name, log, "no tests were collected")
    try:
        suites = ElementTree.fromstring(junit)
    except ElementTree.ParseError:
        return _not_run(name, log, _no_results(exit_code, said))
    cases = list(suites.iter("testcase"))
    failures = tuple(failure for case in cases for failure in _failures(case))
    bad = [case for case in cases if _failures(case)]
    refused = sum(case.find(_POLICY) is not None for case in bad)
    if not failures and exit_code != 0:
        failures = (f"pytest ended with exit code {exit_code}",)
    if not cases:
        return _not_run(name, log, "no test ran")
    seconds = sum(float(suite.get("time", 0)) for suite in suites.iter("testsuite"))
    return SmokeResult(name, len(cases) - len(bad), len(bad) or len(failures), seconds, log, failures, refused)


def _not_run(name: str, log: str, why: str) -> SmokeResult:
    return SmokeResult(name, 0, 1, 0.0, log, (why,), ran=False)


def _failures(case: ElementTree.Element) -> list[str]:
    told = []
    for kind in ("failure", "error", "skipped"):
        for found in case.iter(kind):
            why = _EXCEPTION.sub("", next(iter((found.get("message") or "").splitlines()), ""))
            if why == "collection failure":  # of a file of tests that cannot be imported
                why = _cause(found.text or "") or why
            told.append(f"{case.get('name')}: {'skipped: ' if kind == 'skipped' else ''}{why}")
    return told


def _no_results(exit_code: int, said: str) -> str:
    """Why pytest ended without results: the exception it met, else its own error, else its last line."""
    if exit_code < 0:
        return f"pytest was ended by {signal.Signals(-exit_code).name} before it had results"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "rror: " in line or line.startswith("ERROR")]
    why = _cause(said) or (errors or lines or ["it said nothing"])[-1]
    return f"pytest could not run (exit code {exit_code}): {why}"


def _cause(said: str) -> str:
    """The exception in pytest's words for one: the last of the lines that begin with E."""
    return _EXCEPTION.sub("", (_RAISED.findall(said) or [""])[-1])


def summary(result: SmokeResult) -> str:
    """Say which tests failed and why; the first line names the target."""
    if not result.ran:
        return f"smoke {result.name}: {result.failures[0]}"
    lines = [f"smoke {result.name}: {result.failed} failed, {result.passed} passed"]
    causes = _by_cause(result.failures)
    lines += [f"  {failure}" for failure in causes[:_SHOWN]]
    if len(causes) > _SHOWN:
        lines.append(f"  and {len(causes) - _SHOWN} more")
    lines += [f"  {result.flakes}"] if result.flakes else []
    return "\n".join(lines)


def _by_cause(failures: Sequence[str]) -> list[str]:
    """Each cause once, with the first test that met it: a container that does not start fails them all."""
    tests: dict[str, list[str]] = {}
    for failure in failures:
        test, _, why = failure.partition(": ")
        tests.setdefault(why, []).append(test)
    others = {why: f" and {len(names) - 1} more" if len(names) > 1 else "" for why, names in tests.items()}
    return [f"{names[0]}{others[why]}: {why}" for why, names in tests.items()]
