"""What every image is held to, whatever it is for."""

from __future__ import annotations

import re

import pytest

from slipway.layers import complaints, secrets_in_history
from slipway.smoke import parse_budget
from slipway.testing.bench import Bench, BuiltImage, Stack
from slipway.testing.plugin import Container

STOP_SECONDS = 10.0


def test_it_starts_and_stays_up(container: Container, slipway_bench: Bench, image: BuiltImage) -> None:
    state = container.state
    assert state.running and not state.oom_killed, container.explain("it did not stay up")
    assert container.image == image.id
    nonce = container.exec("python", "-c", "import os; print(os.environ['SLIPWAY_RUN'])")
    assert nonce.output.strip() == slipway_bench.run, "another container answered"


def test_it_is_healthy(container: Container) -> None:
    assert container.state.healthy, container.explain("it is not healthy")


def test_its_user_is_a_number_and_not_root(image: BuiltImage) -> None:
    user = image.config.get("User", "")
    uid, _, gid = user.partition(":")
    assert re.fullmatch(r"[0-9]+(:[0-9]+)?", user), (
        f"USER {user or '(none, so root)'}: not a number such as 10001:10001"
    )
    assert int(uid) != 0, f"USER {user} is root"
    assert not gid or int(gid) != 0, f"USER {user} is in root's group"


def test_its_processes_are_not_root(container: Container, image: BuiltImage) -> None:
    inside = container.exec("id", "-u")
    assert inside.exit_code == 0, inside.output
    assert inside.output.strip() != "0", "id -u says 0"
    assert inside.output.strip() == image.config.get("User", "").partition(":")[0]


def test_its_python_packages_agree(container: Container) -> None:
    verdict = container.exec("python", "-m", "pip", "check")
    assert verdict.exit_code == 0, verdict.output


def test_sigterm_ends_it(stack: Stack, image: BuiltImage) -> None:
    fresh = stack.start(image.name)
    seconds = fresh.stop()
    state = fresh.state
    assert state.exit_code != 137 and seconds < STOP_SECONDS, fresh.explain(
        f"SIGTERM did not end it within {STOP_SECONDS:.0f} s"
    )


def test_it_carries_no_key_credential_or_env_file(image: BuiltImage) -> None:
    layers = image.layers()
    assert layers, "no layer was read"
    assert not complaints(layers), "\n".join(complaints(layers))


def test_its_history_tells_no_secret(image: BuiltImage) -> None:
    lines = [entry["CreatedBy"] for entry in image.history]
    told = secrets_in_history(lines, image.config.get("Env") or ())
    assert not told, "\n".join(told)


@pytest.mark.needs_budget
def test_it_keeps_within_its_budget(image: BuiltImage, slipway_bench: Bench, pytestconfig: pytest.Config) -> None:
    """Its size, or what it adds to its parent, as ``[tool.slipway.budgets]`` allows."""
    options = pytestconfig.option
    budget = parse_budget(options.slipway_budget)
    size = image.bytes
    if budget.over_parent:
        assert options.slipway_parent, "the budget counts what is added to the parent: --slipway-parent REF"
        size = image.bytes_over(slipway_bench.parent(options.slipway_parent))
    assert size <= budget.bytes, f"{size / 1e6:.0f} MB, and the budget is {options.slipway_budget}"
