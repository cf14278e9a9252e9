"""Start a container for each trial of ``corpus/``, and write the table of the results."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.trials.frame import Trial
from apps.trials.table import Measured, page
from slipway.testing.bench import Stack
from slipway.testing.plugin import Bench, Container

TRIAL = "trial"
HERE = Path(__file__).parent
TRIALS = [
    importlib.import_module(f"apps.trials.corpus.{path.stem}").TRIAL for path in sorted(HERE.glob("corpus/[a-z]*.py"))
]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trials", "kills, load and hostile inputs")
    group.addoption("--long", action="store_true", help="60 s of load and 20 kills instead of 10 s and one")
    group.addoption("--service", metavar="NAME", action="append", default=[], help="only this service: svc-ingestion")
    group.addoption("--write", action="store_true", help="write docs/services.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "durable: tries the services that keep something")
    config.addinivalue_line("markers", "largest: tries the services whose largest request is known")


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
    for part in ("durable", "largest"):
        if metafunc.definition.get_closest_marker(part):
            trials = [trial for trial in trials if getattr(trial, part)]
    metafunc.parametrize("trial", trials, ids=[trial.image for trial in trials], indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of a service one after another, in the order of their file: kills come last."""
    images = [trial.image for trial in TRIALS]
    # pytest leaves a test without its trial when no chosen service keeps anything, or has a largest request.
    items[:] = [item for item in items if isinstance(_trial_of(item), Trial)]
    items.sort(key=lambda item: (images.index(_trial_of(item).image), item.location[1] or 0))


@pytest.fixture(scope="session")
def trial(request: pytest.FixtureRequest) -> Trial:
    found: Trial = request.param
    return found


@pytest.fixture(scope="session")
def service(trial: Trial, slipway_bench: Bench) -> Iterator[Container]:
    """Provide the service in its container, with the memory of its label."""
    with Stack(slipway_bench) as stack:
        yield stack.start(trial.image, env=trial.env)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [one for found in terminalreporter.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    told = [value for one in reports for name, value in one.user_properties if name == TRIAL and one.when == "call"]
    measured = [Measured(**value) for value in told if isinstance(value, dict)]
    if measured:
        terminalreporter.write_line(page(measured))
    if measured and config.option.write:
        (HERE.parents[1] / "docs" / "services.md").write_text(page(measured), "utf-8")


def _trial_of(item: pytest.Item) -> Trial:
    found: Trial = item.callspec.params["trial"]  # type: ignore[attr-defined]
    return found
