"""Read pytest's report about one target, and describe the failures. Pure."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree

_POLICY = "properties/property[@name='slipway'][@value='policy']"
_NOTED = "skipped[@type='pytest.xfail']"
_HEALTH = ".//property[@name='health']"
_EXCEPTION = re.compile(r"^(failed on \w+ with ['\"])?([\w.]+(Error|Exception): )+(error: )?")
_RAISED = re.compile(r"^E   (\S.*)$", re.MULTILINE)
_NO_TESTS = 5
_SHOWN = 3
#: Before 9.2 pytest names a test after the whole text or bytes of a parameter, which may be megabytes.
_LONGEST_NAME = 200


class Verdict(StrEnum):
    """Name the results of the tests of one target. ``smoke --json`` prints the values."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class SmokeResult:
    """Hold the result of the tests of one target.

    ``failures``: "test: first line of the reason" for each test that did not pass. ``refused``: how many of the failed
    tests are checks of policy. Such an image works, but must not be shipped. ``image``: the id of the tested image.
    ``earlier``: whether each earlier round of the same image passed. ``ran``: whether any test ran; if none did,
    ``failures`` holds the reason. ``notes``: as ``failures``, for checks of policy that note and do not refuse.
    ``health``: how the health of the container is known, or that nothing tells it. ``rules``: the table of the image,
    as text. ``tests``: the names of those that passed, ``test_image::test_it_starts``. ``platform``: that of the tested
    image; empty for the engine's own alone.
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
    notes: tuple[str, ...] = ()
    health: str = ""
    rules: str = ""
    tests: tuple[str, ...] = ()
    platform: str = ""

    @property
    def title(self) -> str:
        """Return the name, and the platform if it is not the engine's own alone."""
        return f"{self.name} {self.platform}".strip()

    @property
    def ok(self) -> bool:
        return self.passed > 0 and self.failed == 0

    @property
    def verdict(self) -> Verdict:
        if not self.ran and not self.failed:
            return Verdict.NOT_RUN
        return Verdict.PASSED if self.ok else Verdict.FAILED

    @property
    def flakes(self) -> str:
        """Return how often this image failed, if it failed in some rounds and passed in others.

        Then the tests or the machine are unreliable. Return an empty string if every round had the same result.
        """
        rounds = (*self.earlier, self.ok)
        failed = rounds.count(False)
        return f"{failed} of {len(rounds)} rounds of this very image failed" if 0 < failed < len(rounds) else ""


def verdicts(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], tuple[bool, ...]]:
    """Map an image's id, its table and its platform to whether it passed in each round of the ``records``.

    The rounds are in the order of the records. Under another table the same image is another container, so its rounds
    tell nothing about flakes.
    """
    found: dict[tuple[str, str, str], tuple[bool, ...]] = {}
    for record in records:
        for entry in record.get("images", ()) if record.get("command") == "smoke" else ():
            if image := entry.get("image"):
                key = image, entry.get("rules", ""), entry.get("platform", "")
                found[key] = (*found.get(key, ()), entry["passed"] > 0 and entry["failed"] == 0)
    return found


def read_result(name: str, exit_code: int, junit: str, log: str, said: str = "") -> SmokeResult:
    """Return the result from pytest's exit code and the text of its junit.xml.

    ``said``: pytest's output, for a pytest that could not run. A skipped test counts as failed, because it could not
    run.
    """
    if exit_code == _NO_TESTS:
        return _not_run(name, log, "no tests were collected")
    try:
        suites = ElementTree.fromstring(junit)
    except ElementTree.ParseError:
        return _not_run(name, log, _no_results(exit_code, said))
    cases, noted = list(suites.iter("testcase")), []
    for case in list(cases):
        if case.find(_POLICY) is not None and (found := case.find(_NOTED)) is not None:
            cases.remove(case)
            noted.append(f"{_name(case)}: {_reason(found)}")
    failures = tuple(failure for case in cases for failure in _failures(case))
    bad = [case for case in cases if _failures(case)]
    refused = sum(case.find(_POLICY) is not None for case in bad)
    if not failures and exit_code != 0:
        failures = (f"pytest ended with exit code {exit_code}",)
    if not cases:
        return _not_run(name, log, "no test ran")
    seconds = sum(float(suite.get("time", 0)) for suite in suites.iter("testsuite"))
    passed, failed = len(cases) - len(bad), len(bad) or len(failures)
    recorded = suites.find(_HEALTH)
    health = "" if recorded is None else recorded.get("value", "")
    tests = tuple(_named(case) for case in cases if case not in bad)
    result = SmokeResult(name, passed, failed, seconds, log, failures, refused, notes=tuple(noted), health=health)
    return replace(result, tests=tests)


def _named(case: ElementTree.Element) -> str:
    """Return the name of a test in its file. pytest's name of its class begins with the folders of this machine."""
    file = case.get("classname", "").rpartition(".")[2]
    return "::".join(filter(None, (file, _name(case))))


def _name(case: ElementTree.Element) -> str:
    """Return the name of a test. The sha256 of the whole name ends a shortened one, so no two tests become one."""
    name = case.get("name", "")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}… {hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _not_run(name: str, log: str, why: str) -> SmokeResult:
    return SmokeResult(name, 0, 1, 0.0, log, (why,), ran=False)


def _failures(case: ElementTree.Element) -> list[str]:
    told = []
    for kind in ("failure", "error", "skipped"):
        for found in case.iter(kind):
            why = _reason(found)
            if why == "collection failure":  # pytest could not import the test file
                why = _cause(found.text or "") or why
            told.append(f"{_name(case)}: {'skipped: ' if kind == 'skipped' else ''}{why}")
    return told


def _reason(found: ElementTree.Element) -> str:
    """Return the first line of a report's message, without the names of exceptions and pytest's quotes."""
    message = next(iter((found.get("message") or "").splitlines()), "")
    why = _EXCEPTION.sub("", message)
    quoted = message.startswith("failed on ") and message[-1:] in ("'", '"')
    return why[:-1] if quoted and why != message else why


def _no_results(exit_code: int, said: str) -> str:
    """Return the reason why pytest ended without results.

    It is the signal that ended pytest, else its exception, else its own error, else its last line.
    """
    if exit_code < 0:
        return f"pytest was ended by {signal.Signals(-exit_code).name} before it had results"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "rror: " in line or line.startswith("ERROR")]
    why = _cause(said) or (errors or lines or ["it said nothing"])[-1]
    return f"pytest could not run (exit code {exit_code}): {why}"


def _cause(said: str) -> str:
    """Return the exception that pytest printed, from the last of its lines that begin with E; else empty."""
    return _EXCEPTION.sub("", (_RAISED.findall(said) or [""])[-1])


def told(bad: Sequence[SmokeResult]) -> str:
    """Describe the targets that failed: one alone by its summary, several below a line with their number."""
    summaries = [summary(result) for result in bad]
    if len(summaries) == 1:
        return summaries[0]
    lines = [f"  {line}" for text in summaries for line in text.splitlines()]
    return "\n".join([f"smoke: {len(bad)} targets failed", *lines])


def of_each_image(results: Iterable[SmokeResult], own: Mapping[str, str]) -> dict[str, SmokeResult]:
    """Return one result of each image: of several platforms one that failed, else that of the engine's own image.

    ``own``: image → the id of the engine's own.
    """
    found: dict[str, SmokeResult] = {}
    for result in results:
        known = found.get(result.name)
        if known is None or (known.ok and (not result.ok or result.image == own.get(result.name))):
            found[result.name] = result
    return found


def summary(result: SmokeResult) -> str:
    """Describe the failed tests and their reasons. The first line names the target."""
    if not result.ran:
        return f"smoke {result.title}: {result.failures[0]}"
    lines = [f"smoke {result.title}: {result.failed} failed, {result.passed} passed"]
    causes = by_cause(result.failures)
    lines += [f"  {failure}" for failure in causes[:_SHOWN]]
    if len(causes) > _SHOWN:
        lines.append(f"  and {len(causes) - _SHOWN} more")
    lines += [f"  {result.flakes}"] if result.flakes else []
    return "\n".join(lines)


def by_cause(failures: Sequence[str]) -> list[str]:
    """Return each cause once, with the first test that met it and the number of other tests.

    A container that does not start fails all its tests for the same cause.
    """
    tests: dict[str, list[str]] = {}
    for failure in failures:
        test, _, why = failure.partition(": ")
        tests.setdefault(why, []).append(test)
    others = {why: f" and {len(names) - 1} more" if len(names) > 1 else "" for why, names in tests.items()}
    return [f"{names[0]}{others[why]}: {why}" for why, names in tests.items()]
