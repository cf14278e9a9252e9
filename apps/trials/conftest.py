"""Start the containers of each trial of ``corpus/``, and write the table of the results."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from apps.trials import table
from apps.trials.frame import Trial
from apps.trials.memory import watch
from apps.trials.table import Measured
from slipway.testing.bench import MEMORY_LABEL, Stack
from slipway.testing.plugin import Bench, Container

TRIAL = "trial"
HERE = Path(__file__).parent
TRIALS = [
    importlib.import_module(f"apps.trials.corpus.{path.stem}").TRIAL for path in sorted(HERE.glob("corpus/[a-z]*.py"))
]


@dataclass(frozen=True)
class Place:
    """Hold the running service and its neighbour, which ``stack`` started, and the memory of its label.

    ``peak`` returns the largest memory of the service so far, in MB.
    """

    stack: Stack
    service: Container
    neighbour: Container | None
    memory: str
    peak: Callable[[], int]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trials", "kills, load and hostile inputs")
    group.addoption("--long", action="store_true", help="60 s of load and 20 kills instead of 10 s and one")
    group.addoption("--service", metavar="NAME", action="append", default=[], help="only this service: svc-ingestion")
    group.addoption("--results", metavar="FILE", type=Path, help="save the results as JSON, and print no table")
    group.addoption("--write", action="store_true", help="write docs/services.md, or the chosen services in it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tries(part): tries the services whose trial has this part")
    config.addinivalue_line("markers", "forgetful: tries the services that keep nothing, in the long form")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "trial" not in metafunc.fixturenames:
        return
    asked = metafunc.config.option.service
    trials = [trial for trial in TRIALS if not asked or trial.image in asked]
    if "hostile" in metafunc.fixturenames:
        inputs = [(trial, name) for trial in trials for name in trial.hostile]
        ids = [f"{trial.image}: {name}" for trial, name in inputs]
        metafunc.parametrize(("trial", "hostile"), inputs, ids=ids, indirect=["trial"], scope="session")
        return
    parts = [marker.args[0] for marker in metafunc.definition.iter_markers("tries")]
    trials = [trial for trial in trials if all(getattr(trial, part) for part in parts)]
    if metafunc.definition.get_closest_marker("forgetful"):
        trials = [trial for trial in trials if not trial.durable and metafunc.config.option.long]
    metafunc.parametrize("trial", trials, ids=[trial.image for trial in trials], indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of a service one after another, in the order of their file: kills come last."""
    images = [trial.image for trial in TRIALS]
    # pytest leaves a test without its trial when no chosen service has the part that it tries.
    items[:] = [item for item in items if isinstance(_trial_of(item), Trial)]
    items.sort(key=lambda item: (images.index(_trial_of(item).image), item.location[1] or 0))


@pytest.fixture(scope="session")
def trial(request: pytest.FixtureRequest) -> Trial:
    found: Trial = request.param
    return found


@pytest.fixture(scope="session")
def place(trial: Trial, slipway_bench: Bench) -> Iterator[Place]:
    """Provide the service in its container, with the memory of its label, beside its neighbour."""
    label = (slipway_bench.sibling(trial.image).config.get("Labels") or {}).get(MEMORY_LABEL, "")
    with Stack(slipway_bench) as stack:
        neighbour = stack.start(trial.neighbour.image) if trial.neighbour else None
        service = stack.start(trial.image, env=trial.env)
        yield Place(stack, service, neighbour, label, watch(service))


@pytest.fixture(scope="session")
def service(place: Place) -> Container:
    return place.service


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[Measured], None]:
    """Put a result into the table."""
    return lambda found: record_property(TRIAL, asdict(found))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [one for found in terminalreporter.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    told = [value for one in reports for name, value in one.user_properties if name == TRIAL and one.when == "call"]
    results = [Measured(**value) for value in told if isinstance(value, dict)]
    if config.option.results:
        table.save(results, config.option.results)
    elif results:
        terminalreporter.write_line(table.plain(results))
    if results and config.option.write:
        _write(results, config)


def _write(results: list[Measured], config: pytest.Config) -> None:
    path, long = HERE.parents[1] / "docs" / "services.md", config.option.long
    chosen = bool(config.option.service)
    page = table.renewed(path.read_text("utf-8"), results, long=long) if chosen else table.page(results, long=long)
    path.write_text(page, "utf-8")


def _trial_of(item: pytest.Item) -> Trial:
    found: Trial = item.callspec.params["trial"]  # type: ignore[attr-defined]
    return found
