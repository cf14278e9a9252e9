"""Smoke tests: one pytest per image, against the very image the build gave, one image after another.

An image gets the checks shipped with slipway, the tests of every base it stands on, and its own.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from slipway.core.command import Command, Result
from slipway.core.errors import PolicyError, SmokeError, UsageError, written
from slipway.core.units import parse_size
from slipway.secrets.redactor import Redactor

CHECKS = Path(__file__).parents[1] / "testing/checks"
BASE_TESTS = "infra/docker/smoke"
TOGETHER = "apps/smoke/test_"
_POLICY = "properties/property[@name='slipway'][@value='policy']"
_EXCEPTION = re.compile(r"^(failed on \w+ with ['\"])?([\w.]+(Error|Exception): )+(error: )?")
_RAISED = re.compile(r"^E   (\S.*)$", re.MULTILINE)
_NO_TESTS = 5
_SHOWN = 3


@dataclass(frozen=True)
class Budget:
    """How many bytes an image may have, in all or over its parent."""

    bytes: int
    over_parent: bool = False


@dataclass(frozen=True)
class Target:
    """What is tested. ``image`` is an id; empty for tests of several images together (the chain).

    ``tests`` are paths from the repository's root; ``parent`` an id or reference, asked for when the budget counts
    what is added to it. ``allow_root`` is the reason why its user may be root; empty when it may not.
    ``reference`` is what people call it by; a tag may move at any time, so what is tested is the id.
    """

    name: str
    image: str = ""
    tests: tuple[str, ...] = ()
    budget: str = ""
    parent: str = ""
    allow_root: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the tests of one target said. ``failures`` holds "test: first line of why" for each that did not pass.

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
    def flakes(self) -> str:
        """How often this very image failed, when it did not always: then the tests or the machine are to be doubted."""
        rounds = (*self.earlier, self.ok)
        failed = rounds.count(False)
        return f"{failed} of {len(rounds)} rounds of this very image failed" if 0 < failed < len(rounds) else ""


@dataclass(frozen=True)
class Elsewhere:
    """Another machine: its engine's address, and the socket that leads to the ports that are published there."""

    engine: str
    ports: str


@dataclass(frozen=True)
class Round:
    """One round of smoke tests: the repository, the run's id and directory, and every image's id by name.

    ``slowness`` multiplies time limits; ``allow_setuid`` are paths of programs that may be setuid; ``history`` says of
    an image's id whether it passed in earlier rounds. ``elsewhere`` is where the engine is when it is not here;
    ``given`` the reference of the one image that was asked for by it.
    """

    root: Path
    run: str
    directory: Path
    siblings: Mapping[str, str]
    slowness: str = "1"
    allow_setuid: tuple[str, ...] = ()
    history: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    redact: Redactor = field(default_factory=Redactor)
    elsewhere: Elsewhere | None = None
    given: str = ""

    def folder(self, name: str) -> Path:
        """Where the results and the containers' logs of one target go."""
        return self.directory / f"smoke-{name}"


def parse_budget(text: str) -> Budget:
    """``1.3 GB`` or ``200 MB over parent`` (decimal units, as Docker's). Raises UsageError."""
    size = text.strip().removesuffix(" over parent")
    try:
        return Budget(parse_size(size), over_parent=size != text.strip())
    except UsageError:
        raise UsageError(f"budget {text!r}: not a size", hint="'1.3 GB', or '200 MB over parent'") from None


def verdicts(records: Iterable[Mapping[str, Any]]) -> dict[str, tuple[bool, ...]]:
    """Image id → whether it passed, of each round among the records of earlier runs, in their order."""
    found: dict[str, tuple[bool, ...]] = {}
    for record in records:
        for entry in record.get("images", ()) if record.get("command") == "smoke" else ():
            if image := entry.get("image"):
                found[image] = (*found.get(image, ()), entry["passed"] > 0 and entry["failed"] == 0)
    return found


def tests_for(name: str, ancestors: Sequence[str], existing: Collection[str]) -> tuple[str, ...]:
    """The test paths of image ``name``: those of each base it stands on (and of itself as a base), then its own.

    ``ancestors`` are the bases' names, lowest first; ``existing`` the paths there are: ``infra/docker/smoke/<base>``,
    ``apps/<dir>/smoke``, and ``apps/smoke/test_<name>.py`` for tests of several images together.
    """
    wanted = [f"{BASE_TESTS}/{base}" for base in (*ancestors, name)]
    wanted += [path for path in sorted(existing) if _service_of(path) == name]
    wanted.append(f"{TOGETHER}{name.replace('-', '_')}.py")
    return tuple(path for path in wanted if path in existing)


def find_tests(root: Path) -> frozenset[str]:
    """Every path under ``root`` that ``tests_for`` may choose from."""
    patterns = (f"{BASE_TESTS}/*/", "apps/*/smoke/", f"{TOGETHER}*.py")
    return frozenset(found.relative_to(root).as_posix() for pattern in patterns for found in root.glob(pattern))


def together(existing: Collection[str]) -> tuple[str, ...]:
    """The names of the tests of several images together: ``apps/smoke/test_chain.py`` is ``chain``."""
    files = (PurePosixPath(path) for path in sorted(existing) if path.endswith(".py"))
    return tuple(path.stem.removeprefix("test_").replace("_", "-") for path in files)


def pytest_command(target: Target, this: Round) -> Command:
    """The pytest that tests ``target``; its junit.xml and the containers' logs go into the target's folder."""
    folder = this.folder(target.name)
    argv = [sys.executable, "-m", "pytest", "-vv", "-ra", "--tb=short", "--color=no", "-p", "no:cacheprovider"]
    argv += [f"--rootdir={this.root}", f"--config-file={this.root / 'pyproject.toml'}"]
    argv += ["--override-ini=addopts=", "--import-mode=importlib", "--strict-markers"]
    argv += [f"--junit-xml={folder / 'junit.xml'}", f"--slipway-run={this.run}", f"--slipway-logs={folder}"]
    argv += [f"--slipway-slowness={this.slowness}"]
    argv += [f"--slipway-siblings={name}={image}" for name, image in sorted(this.siblings.items())]
    if target.image:
        argv += [f"--slipway-image={target.image}", f"--slipway-name={target.name}"]
        argv += [f"--slipway-budget={target.budget}"] if target.budget else []
        argv += [f"--slipway-parent={target.parent}"] if target.parent else []
        argv += [f"--slipway-allow-root={target.allow_root}"] if target.allow_root else []
        argv += [f"--slipway-allow-setuid={path}" for path in this.allow_setuid]
        argv.append(str(CHECKS))
    argv += [str(this.root / path) for path in target.tests]
    engine = {}
    if this.elsewhere:
        argv.append(f"--slipway-ports={this.elsewhere.ports}")
        engine["DOCKER_HOST"] = this.elsewhere.engine
    return Command(tuple(argv), cwd=str(this.root), env=engine, label=f"smoke {target.name}")


def read_outcome(name: str, exit_code: int, junit: str, log: str, said: str = "") -> Outcome:
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
    return Outcome(name, len(cases) - len(bad), len(bad) or len(failures), seconds, log, failures, refused)


def _not_run(name: str, log: str, why: str) -> Outcome:
    return Outcome(name, 0, 1, 0.0, log, (why,), ran=False)


def smoke(
    targets: Iterable[Target],
    this: Round,
    execute: Callable[[Command], Result],
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> tuple[Outcome, ...]:
    """Test each target in turn, all of them even when one fails; ``tell`` hears of each as it ends.

    Raises SmokeError when anything failed or nothing was tested, PolicyError when only policy stands in the way.
    """
    outcomes: list[Outcome] = []
    for target in targets:
        outcomes.append(_test(target, this, execute))
        tell(outcomes[-1])
    if not outcomes:
        raise SmokeError("smoke: no image to test")
    bad = [outcome for outcome in outcomes if not outcome.ok]
    if bad:
        told = "\n".join(_told(outcome) for outcome in bad)
        why = PolicyError if all(outcome.refused == outcome.failed for outcome in bad) else SmokeError
        where = " --remote" if this.elsewhere else ""
        names = f"--image {this.given}" if this.given else " ".join(outcome.name for outcome in bad)
        raise why(told, hint=f"invoke smoke {names}{where}", log=bad[0].log)
    return tuple(outcomes)


def _test(target: Target, this: Round, execute: Callable[[Command], Result]) -> Outcome:
    folder = this.folder(target.name)
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    junit, log = folder / "junit.xml", folder / "pytest.log"
    junit.unlink(missing_ok=True)
    result = execute(pytest_command(target, this))
    said = this.redact(f"{result.stdout}\n{result.stderr}").strip()
    text = this.redact(junit.read_text("utf-8")) if junit.exists() else ""
    with written(log):
        log.touch(mode=0o600)
        log.write_text(f"{said}\n", encoding="utf-8")
        if text:
            junit.write_text(text, "utf-8")
    outcome = read_outcome(target.name, result.exit_code, text, str(log), said)
    return replace(outcome, image=target.image, earlier=this.history.get(target.image, ()) if target.image else ())


def _service_of(path: str) -> str:
    """``apps/svc_ocr/smoke`` → ``svc-ocr``."""
    pure = PurePosixPath(path)
    if pure.name != "smoke" or pure.parent.parent != PurePosixPath("apps"):
        return ""
    return pure.parent.name.replace("_", "-")


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


def _told(outcome: Outcome) -> str:
    if not outcome.ran:
        return f"smoke {outcome.name}: {outcome.failures[0]}"
    lines = [f"smoke {outcome.name}: {outcome.failed} failed, {outcome.passed} passed"]
    causes = _by_cause(outcome.failures)
    lines += [f"  {failure}" for failure in causes[:_SHOWN]]
    if len(causes) > _SHOWN:
        lines.append(f"  and {len(causes) - _SHOWN} more")
    lines += [f"  {outcome.flakes}"] if outcome.flakes else []
    return "\n".join(lines)


def _by_cause(failures: Sequence[str]) -> list[str]:
    """Each cause once, with the first test that met it: a container that does not start fails them all."""
    tests: dict[str, list[str]] = {}
    for failure in failures:
        test, _, why = failure.partition(": ")
        tests.setdefault(why, []).append(test)
    others = {why: f" and {len(names) - 1} more" if len(names) > 1 else "" for why, names in tests.items()}
    return [f"{names[0]}{others[why]}: {why}" for why, names in tests.items()]
