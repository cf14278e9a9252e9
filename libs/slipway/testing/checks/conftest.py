"""Select the checks of an image: a budget where it has one, no process of a tool. Mark the policy checks.

The check that ends the session's container runs after all other tests, those of the image included.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from slipway.config.smoke import SmokeRules
from slipway.testing.plugin import rules_of


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: runs after all other tests")
    config.addinivalue_line("markers", "needs_budget: runs when --slipway-budget is given")
    config.addinivalue_line("markers", "needs_process: does not run when --slipway-tool is given")
    config.addinivalue_line("markers", "needs_service: runs when the container stays up, and is not a job")
    config.addinivalue_line("markers", "needs_job: runs when the table of the image says job = true")
    config.addinivalue_line("markers", "allowable(check): does not run when the table of the image allows the check")
    config.addinivalue_line("markers", "policy(strict): an image that fails it may work, and is refused")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a failed check of policy as an expected failure, with its reason, where ``--slipway-policy=note``."""
    report = yield
    marker = item.get_closest_marker("policy")
    noting = item.config.option.slipway_policy == "note" and marker and not marker.kwargs.get("strict")
    if noting and call.when == "call" and call.excinfo and report.failed:
        report.outcome, report.wasxfail = "skipped", f"reason: {call.excinfo.exconly()}"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("policy"):
            item.user_properties.append(("slipway", "policy"))
    unmet = set() if config.option.slipway_budget else {"needs_budget"}
    unmet |= {"needs_process", "needs_service", "needs_job"} if config.option.slipway_tool else set()
    rules = rules_of(config)
    unmet.add("needs_service" if rules.job else "needs_job")
    unasked = [item for item in items if any(map(item.get_closest_marker, unmet)) or _is_allowed(item, rules)]
    config.hook.pytest_deselected(items=unasked)
    asked = [item for item in items if item not in unasked]
    items[:] = sorted(asked, key=lambda item: item.get_closest_marker("last") is not None)


def _is_allowed(item: pytest.Item, rules: SmokeRules) -> bool:
    return any(marker.args[0] in rules.allow for marker in item.iter_markers("allowable"))


@pytest.fixture(scope="session")
def rules(pytestconfig: pytest.Config) -> SmokeRules:
    """Provide the table of the image under test."""
    return rules_of(pytestconfig)
