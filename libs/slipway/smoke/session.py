"""Run one pytest per image, several images concurrently.

The image is given by its id, because a tag may move during the tests. An image gets the checks shipped with slipway,
the tests of every base that it is built on, and its own tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from slipway.core.command import Command, Result
from slipway.core.errors import PolicyError, SmokeError
from slipway.core.writing import written
from slipway.hosts.host import ContainerAccess
from slipway.secrets.redactor import Redactor
from slipway.smoke.results import SmokeResult, read_result, told

CHECKS = Path(__file__).parents[1] / "testing/checks"
#: The health of an image that starts nothing by itself.
NOT_STARTED = "starts nothing by itself: only its files were tested"
#: The number of targets that are tested concurrently. Tests of containers wait for their starts.
AT_ONCE = (os.cpu_count() or 2) + 1
#: Emulation takes about this many times as long.
EMULATED = 4.0
_JUNIT = "junit.xml"
#: Settings of pytest that a repository makes for its own tests, and with which the checks would not run.
_NEUTRAL = ("addopts=", "filterwarnings=", "required_plugins=", "python_files=test_*.py", "python_functions=test")


@dataclass(frozen=True)
class SmokeTarget:
    """Hold a target of smoke tests.

    ``image`` is an id; it is empty for tests of several images together (the chain). ``tests`` are paths from the
    repository's root. ``parent`` is an id or a reference. It is needed when the budget counts the bytes in addition to
    the parent. ``allow``: the rules of policy that the image may break (``root``, ``setuid:/usr/bin/ping``).
    ``known_files``: the sha256 of each file that may be a secret and that policy let into the image.
    ``reference``: the name that people use. Its tag may move at any time, so the tests use the id. ``tool``: the image
    starts nothing by itself, so no test expects a process. ``rules``: the table of the image, as text. ``platform``:
    the platform to test; empty for the engine's own alone. ``emulated``: its programs run by emulation, so every time
    limit is longer. ``siblings``: the images of this platform by name, where they have ids of their own.
    """

    name: str
    image: str = ""
    tests: tuple[str, ...] = ()
    budget: str = ""
    parent: str = ""
    allow: tuple[str, ...] = ()
    known_files: tuple[str, ...] = ()
    reference: str = ""
    tool: bool = False
    rules: str = ""
    platform: str = ""
    emulated: bool = False
    siblings: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Return the name of the folder for the results."""
        return f"smoke-{self.name} {self.platform}".strip().replace(" ", "-").replace("/", "-")


@dataclass(frozen=True)
class Round:
    """Hold one round of smoke tests: the repository, the run's id and directory, and every image's id by name.

    ``slowness`` multiplies time limits. ``history`` maps an image's id, its table and its platform to whether it passed
    in each earlier round. ``access``: how pytest reaches the containers. ``flag``: the host's flag, for hints.
    ``given``: the reference of the image that the user named with ``--image``. ``noting``: a failed check of policy is
    a note.
    """

    root: Path
    run: str
    directory: Path
    siblings: Mapping[str, str]
    slowness: str = "1"
    history: Mapping[tuple[str, str, str], tuple[bool, ...]] = field(default_factory=dict)
    redact: Redactor = field(default_factory=Redactor)
    access: ContainerAccess = field(default_factory=ContainerAccess)
    flag: str = ""
    given: str = ""
    noting: bool = False

    def folder(self, target: SmokeTarget) -> Path:
        """Return the folder for the results and the containers' logs of one target."""
        return self.directory / target.folder


def pytest_command(target: SmokeTarget, this: Round) -> Command:
    """Return the pytest command that tests ``target``.

    pytest writes its junit.xml and the containers' logs into the target's folder.
    """
    folder = this.folder(target)
    argv = [sys.executable, "-m", "pytest", "-vv", "-ra", "--tb=short", "--color=no", "-p", "no:cacheprovider"]
    config = this.root / "pyproject.toml"
    argv += [f"--rootdir={this.root}", f"--config-file={config if config.exists() else os.devnull}"]
    argv += [*(f"--override-ini={setting}" for setting in _NEUTRAL), "--import-mode=importlib", "--strict-markers"]
    argv += [f"--junit-xml={folder / _JUNIT}", f"--slipway-run={this.run}", f"--slipway-logs={folder}"]
    argv += [f"--slipway-slowness={float(this.slowness) * EMULATED if target.emulated else this.slowness}"]
    siblings = {**this.siblings, **target.siblings}
    argv += [f"--slipway-siblings={name}={image}" for name, image in sorted(siblings.items())]
    if target.image:
        argv += [f"--slipway-image={target.image}", f"--slipway-name={target.name}"]
        argv += [f"--slipway-platform={target.platform}"] if target.platform else []
        argv += [f"--slipway-budget={target.budget}"] if target.budget else []
        argv += [f"--slipway-parent={target.parent}"] if target.parent else []
        argv += [f"--slipway-allow={key}" for key in target.allow]
        argv += [f"--slipway-known-file={content}" for content in target.known_files]
        argv += ["--slipway-policy=note"] if this.noting else []
        argv += ["--slipway-tool"] if target.tool else []
        argv.append(str(CHECKS))
    argv += [str(this.root / path) for path in target.tests]
    argv += [f"--slipway-ports={this.access.ports}"] if this.access.ports else []
    engine = {"DOCKER_HOST": this.access.docker_host} if this.access.docker_host else {}
    label = f"smoke {target.name} {target.platform}".strip()
    return Command(tuple(argv), cwd=str(this.root), env=engine, label=label)


class RunTogether(Protocol):
    """Run commands concurrently, started in their order. ``take`` gets the number of each and its result."""

    def __call__(self, commands: Iterable[Command], take: Callable[[int, Result], None], *, at_once: int) -> None: ...


def smoke(
    targets: Iterable[SmokeTarget],
    this: Round,
    execute: RunTogether,
    tell: Callable[[SmokeResult], None] = lambda result: None,
) -> tuple[SmokeResult, ...]:
    """Test the targets, ``AT_ONCE`` at a time, also after one has failed.

    ``tell`` gets the results in the order of the targets, each when it and all before it are known. Tests of several
    images together start first: they take longest, and no processor waits for them at the end.

    Raises SmokeError when a test failed or nothing was tested. Raises PolicyError when only checks of policy failed.
    """
    chosen, results = list(targets), list[SmokeResult]()
    order = sorted(range(len(chosen)), key=lambda place: bool(chosen[place].image))
    found: dict[int, SmokeResult] = {}

    def take(number: int, ended: Result) -> None:
        found[order[number]] = _result(chosen[order[number]], this, ended)
        while len(results) in found:
            results.append(found[len(results)])
            tell(results[-1])

    execute(_commands((chosen[place] for place in order), this), take, at_once=AT_ONCE)
    if not results:
        raise SmokeError("smoke: no image to test")
    bad = [result for result in results if not result.ok]
    if bad:
        why = PolicyError if all(result.refused == result.failed for result in bad) else SmokeError
        names = f"--image {this.given}" if this.given else " ".join(dict.fromkeys(result.name for result in bad))
        raise why(told(bad), hint=f"invoke smoke {names}{this.flag}", log=bad[0].log)
    return tuple(results)


def _commands(targets: Iterable[SmokeTarget], this: Round) -> Iterator[Command]:
    """Prepare the folder of each target, and yield its command."""
    for target in targets:
        folder = this.folder(target)
        with written(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _JUNIT).unlink(missing_ok=True)
        yield pytest_command(target, this)


def _result(target: SmokeTarget, this: Round, ended: Result) -> SmokeResult:
    """Return the result of a pytest that ended, and keep its output without secrets."""
    folder = this.folder(target)
    junit, log = folder / _JUNIT, folder / "pytest.log"
    said = this.redact(f"{ended.stdout}\n{ended.stderr}").strip()
    text = this.redact(junit.read_text("utf-8")) if junit.exists() else ""
    with written(log):
        log.touch(mode=0o600)
        log.write_text(f"{said}\n", encoding="utf-8")
        if text:
            junit.write_text(text, "utf-8")
    result = read_result(target.name, ended.exit_code, text, str(log), said)
    result = replace(result, health=NOT_STARTED) if target.tool else result
    earlier = this.history.get((target.image, target.rules, target.platform), ()) if target.image else ()
    return replace(result, image=target.image, rules=target.rules, platform=target.platform, earlier=earlier)


def not_runnable(target: SmokeTarget) -> SmokeResult:
    """Return the result of a target whose programs the engine's machine does not run."""
    why = "its programs do not run on the machine of the engine"
    return SmokeResult(target.name, 0, 0, 0.0, "", (why,), ran=False, platform=target.platform)
