"""The pytest plugin for built images: fixtures ``container``, ``stack`` and ``image``.

It is registered as an entry point, so it is loaded into every pytest run; one that uses none of its fixtures pays only
for the options. Containers are run by image id, in a sandbox, and are removed whatever happens.

    pytest --slipway-image registry.example.com/acme/svc-ocr:v1 apps/svc_ocr/smoke

``[tool.slipway.smoke.NAME]`` of the repository around pytest's root folder says what the container of an image needs.

A test marked ``@pytest.mark.slipway(memory="4g", env={"KEY": "v"}, secrets={"token": "v"})`` asks that for the
session's ``container``; secrets are files in its ``/run/secrets``.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import TerminalRepr

if TYPE_CHECKING:
    from slipway.config.project import Project
    from slipway.config.smoke import SmokeRules
    from slipway.secrets.redactor import Redactor
    from slipway.testing.bench import Bench as Bench
    from slipway.testing.bench import Stack as Stack
    from slipway.testing.container import Container as Container
    from slipway.testing.container import Executed as Executed
    from slipway.testing.image import BuiltImage as BuiltImage
    from slipway.testing.systems import RunningSystem as RunningSystem

_DEADLINE = 90.0
_REDACT = pytest.StashKey["Redactor"]()
_PROJECT = pytest.StashKey["Project"]()


def __getattr__(name: str) -> Any:
    """Import ``Container``, ``Stack`` … on first use, for annotations."""
    if name in ("Bench", "BuiltImage", "Container", "Executed", "RunningSystem", "Stack"):
        from slipway.testing import bench, container, systems

        return getattr(bench, name, None) or getattr(container, name, None) or getattr(systems, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("slipway", "built images under test")
    group.addoption("--slipway-image", metavar="REF", default="", help="the image under test: any reference or id")
    group.addoption("--slipway-name", metavar="NAME", default="", help="its name (default: from the reference)")
    group.addoption(
        "--slipway-run", metavar="ID", default="", help="label of containers, networks and volumes (default: random)"
    )
    group.addoption("--slipway-logs", metavar="DIR", default="", help="where logs go (.slipway/runs/ID)")
    group.addoption("--slipway-system", metavar="NAME", default="", help="the system under test, for `system`")
    group.addoption("--slipway-siblings", metavar="NAME=REF", action="append", default=[], help="for `stack`")
    group.addoption("--slipway-ports", metavar="SOCKET", default="", help="forwards to the ports of the build host")
    group.addoption("--slipway-budget", metavar="SIZE", default="", help="'1.3 GB', or '200 MB over parent'")
    group.addoption("--slipway-parent", metavar="REF", default="", help="the image's parent")
    group.addoption("--slipway-deadline", metavar="SECONDS", type=float, default=_DEADLINE, help="until healthy (90)")
    group.addoption("--slipway-slowness", metavar="N", type=float, default=1.0, help="multiplies every time limit (1)")
    group.addoption(
        "--slipway-allow", metavar="RULE[:PATH]", action="append", default=[], help="let the image break this rule"
    )
    group.addoption("--slipway-known-file", metavar="SHA256", action="append", default=[], help="a file to let pass")
    group.addoption("--slipway-policy", metavar="MODE", default="refuse", help="'note' notes what policy refuses")
    group.addoption("--slipway-platform", metavar="OS/ARCH", default="", help="the platform of an image of several")
    group.addoption("--slipway-tool", action="store_true", help="the image starts nothing: ask for no process of it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slipway(memory, env, secrets): options of the session's `container`")


@pytest.fixture(scope="session")
def slipway_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Provide the engine and the images that the options name. Orphans are removed before and after."""
    import secrets

    from slipway.config.environment import surroundings
    from slipway.engine import Engine
    from slipway.hosts.beside import pipe
    from slipway.runs.cache import UserCache
    from slipway.smoke import containers
    from slipway.smoke.layer_cache import LayerCache
    from slipway.testing.bench import Bench
    from slipway.testing.container_host import LocalContainerHost, RemoteContainerHost

    options = request.config.option
    run = options.slipway_run or secrets.token_hex(4)
    logs = Path(options.slipway_logs or _root(request.config) / ".slipway" / "runs" / run)
    around = surroundings()
    client = Engine(around.engine, start=pipe).client
    with _ended_by_sigterm():
        _remove_orphans(client)
        sandbox = containers.Sandbox(deadline=options.slipway_deadline, slowness=options.slipway_slowness)
        host = RemoteContainerHost(options.slipway_ports) if options.slipway_ports else LocalContainerHost()
        cache = LayerCache(UserCache(around.cache).layers())
        project = _project(request.config)
        of = {"cache": cache, "project": project, "platform": options.slipway_platform}
        bench = Bench(client, run, logs, _siblings(options), sandbox, host, **of)
        request.config.stash[_REDACT] = bench.redact
        yield bench
        _remove_orphans(client)
    client.close()


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, slipway_bench: Bench) -> BuiltImage:
    """Provide the image under test: ``reference``, ``id``, ``config``, ``history``, ``bytes``, ``layers()``."""
    built = slipway_bench.sibling(_name(request.config.option))
    built.refuse_other(slipway_bench.platform)
    return built


@pytest.fixture(scope="session")
def container(request: pytest.FixtureRequest, slipway_bench: Bench, image: BuiltImage) -> Iterator[Container]:
    """Provide one container of the image under test, up or with its job done, for the whole session."""
    from slipway.testing.bench import Stack

    with Stack(slipway_bench) as stack:
        yield stack.start(image.name, **_asked_for(request.session.items))


@pytest.fixture
def stack(slipway_bench: Bench) -> Iterator[Stack]:
    """Start images of this repository beside each other: ``stack.start("svc-ocr", env={…}, volumes={…})``."""
    from slipway.testing.bench import Stack

    with Stack(slipway_bench) as stack:
        yield stack


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest) -> Iterator[RunningSystem]:
    """Provide the system of ``--slipway-system``, up under a project name of its own; it is taken down afterwards."""
    from slipway.config.environment import surroundings
    from slipway.engine import Engine
    from slipway.hosts.beside import pipe
    from slipway.testing.systems import running_system

    name = request.config.option.slipway_system
    if not name:
        raise pytest.UsageError("--slipway-system names the system under test: nox -s 'system(NAME)'")
    client = Engine(surroundings().engine, start=pipe).client
    with _ended_by_sigterm(), running_system(request.config.rootpath, name, client) as running:
        yield running
    client.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last log lines of the containers a failed test used; no secret of a container is in any report."""
    report = yield
    if report.when == "call" and report.failed:
        for used in _containers_of(item):
            report.sections.append((f"{used.name}: last log lines", used.tail()))
    if redact := item.config.stash.get(_REDACT, None):
        for part in ("longrepr", "sections", "user_properties"):
            setattr(report, part, _redacted(getattr(report, part), redact))
    return report


def _redacted(content: Any, redact: Redactor) -> Any:
    """Return ``content`` without secrets. pytest's own objects for failures are changed in place."""
    if isinstance(content, str):
        return redact.elided(content)
    if isinstance(content, list | tuple):
        return type(content)(_redacted(part, redact) for part in content)
    if isinstance(content, TerminalRepr):
        for name, value in vars(content).items():
            setattr(content, name, _redacted(value, redact))
    return content


def _remove_orphans(client: Any) -> None:
    from slipway.smoke import orphans
    from slipway.testing import secretfiles

    orphans.remove_orphans(client)
    secretfiles.remove_orphans()


def _name(options: Any) -> str:
    """Return ``--slipway-name``, else the last part of the reference: ``svc-ocr``."""
    if not options.slipway_image:
        raise pytest.UsageError("which image? --slipway-image REF")
    reference: str = options.slipway_image
    return options.slipway_name or reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def rules_of(config: pytest.Config) -> SmokeRules:
    """Return the rules of the image under test."""
    return _project(config).smoke_rules(_name(config.option))


def _project(config: pytest.Config) -> Project:
    """Return the table of the repository around pytest's root folder, else the defaults.

    ``--slipway-allow=root`` holds for the image under test.
    """
    from slipway.config.project import read_project
    from slipway.core.errors import UsageError
    from slipway.core.rules import Permission, Rule

    if _PROJECT not in config.stash:
        project, problems = read_project(_root(config))
        if problems:
            raise pytest.UsageError(str(UsageError.of(problems)))
        if Rule.ROOT in config.option.slipway_allow:
            allowed = Permission(Rule.ROOT, "--slipway-allow", "", _name(config.option))
            project = replace(project, policy=project.policy.with_own([allowed]))
        config.stash[_PROJECT] = project
    return config.stash[_PROJECT]


def _root(config: pytest.Config) -> Path:
    """Return the repository around pytest's root folder, else that folder."""
    from slipway.config.root import find_root
    from slipway.core.errors import UsageError

    with suppress(UsageError):
        return find_root(config.rootpath)
    return config.rootpath


def _siblings(options: Any) -> dict[str, str]:
    siblings: dict[str, str] = {}
    for pair in options.slipway_siblings:
        name, equals, reference = pair.partition("=")
        if not (name and equals and reference):
            raise pytest.UsageError(f"--slipway-siblings {pair}: not NAME=REF")
        siblings[name] = reference
    if options.slipway_image:
        siblings[_name(options)] = options.slipway_image
    return siblings


def _asked_for(items: list[pytest.Item]) -> dict[str, Any]:
    """Merge the requests of all tests' markers. Contradictions are an error."""
    asked: dict[str, Any] = {}
    for item in items:
        for marker in item.iter_markers("slipway"):
            if marker.args or not marker.kwargs.keys() <= {"memory", "env", "secrets"}:
                raise pytest.UsageError(f"{item.nodeid}: the slipway marker takes memory=, env= and secrets=")
            for key, value in marker.kwargs.items():
                if asked.setdefault(key, value) != value:
                    raise pytest.UsageError(f"{item.nodeid}: another test of the session asks for another {key}=")
    return asked


def _containers_of(item: pytest.Item) -> list[Container]:
    fixtures: dict[str, Any] = getattr(item, "funcargs", {})
    if "slipway_bench" not in fixtures:
        return []
    single = [fixtures["container"]] if "container" in fixtures else []
    return [*single, *getattr(fixtures.get("stack"), "containers", ())]


class _ended_by_sigterm:
    """End the tests on SIGTERM as on Ctrl-C, with the teardown of all fixtures."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._interrupt)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _interrupt(self, signum: int, frame: object) -> None:
        raise KeyboardInterrupt
