"""Check that an image works, whatever its purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slipway.config.smoke import SmokeRules
from slipway.smoke.budget import parse_budget
from slipway.smoke.containers import NONCE
from slipway.smoke.health import HEALTHY
from slipway.smoke.packages import disagreements
from slipway.testing.bench import Bench
from slipway.testing.container import STOP_GRACE
from slipway.testing.image import BuiltImage
from slipway.testing.plugin import Container

#: Records a property of the test, which the report of the smoke tests shows.
Record = Callable[[str, object], None]


@pytest.mark.needs_service
def test_it_starts_and_stays_up(
    container: Container, slipway_bench: Bench, image: BuiltImage, record_property: Record
) -> None:
    """Check that it is up, and healthy where its image says how to tell. Record how its health is known."""
    record_property("health", container.health)
    state = container.state
    assert state.running and not state.oom_killed, container.explain("it did not stay up")
    assert state.healthy or container.health != HEALTHY, container.explain("it is not healthy")
    assert container.image == image.id
    assert container.environment.get(NONCE) == slipway_bench.run, "another container answered"


@pytest.mark.needs_job
def test_its_job_ends_with_0(container: Container, image: BuiltImage, record_property: Record) -> None:
    record_property("health", container.health)
    assert (container.state.status, container.state.exit_code) == ("exited", 0), container.explain("a job")
    assert container.image == image.id


@pytest.mark.allowable("packages")
def test_its_python_packages_agree(image: BuiltImage, rules: SmokeRules) -> None:
    """Check the packages as ``pip check`` does, without pip. An image without Python packages passes."""
    told = disagreements(image.layers(), image.config.get("Env") or (), image.architecture)
    assert not told, "\n".join((f"{told[0]}; {rules.or_allow('packages')}", *told[1:]))


@pytest.mark.last
@pytest.mark.needs_process
def test_its_memory_was_enough(container: Container) -> None:
    """Check that the kernel killed none of its processes during its tests, with the memory of ``slipway.memory``."""
    assert not container.state.oom_killed, container.explain("a process was killed because the memory was used up")


@pytest.mark.last
@pytest.mark.needs_service
@pytest.mark.allowable("sigterm")
def test_sigterm_ends_it(container: Container, slipway_bench: Bench, rules: SmokeRules) -> None:
    seconds, limit = container.stop(), STOP_GRACE * slipway_bench.sandbox.slowness
    ended = container.state.exit_code != 137 and seconds < limit
    assert ended, container.explain(f"SIGTERM did not end it within {limit:.0f} s; {rules.or_allow('sigterm')}")


@pytest.mark.needs_budget
def test_it_keeps_within_its_budget(image: BuiltImage, slipway_bench: Bench, pytestconfig: pytest.Config) -> None:
    """Check its size, or what it adds to its parent, against ``[tool.slipway.budgets]``."""
    options = pytestconfig.option
    budget = parse_budget(options.slipway_budget)
    size = image.bytes
    if budget.over_parent:
        assert options.slipway_parent, "a budget over the parent needs --slipway-parent REF"
        size = image.bytes_over(slipway_bench.parent(options.slipway_parent))
    assert size <= budget.bytes, f"{size / 1e6:.0f} MB, and the budget is {options.slipway_budget}"
