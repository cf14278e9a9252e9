"""``invoke shell`` on a real terminal and without one, in a container of a running system."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.rig.systems import RunningSystem, other, uses_a_shell
from tests.rig.terminals import a_terminal

pytestmark = pytest.mark.integration
SHELL = (sys.executable, "-m", "invoke", "shell", "till")


@pytest.fixture
def till(system: Callable[..., RunningSystem]) -> Iterator[RunningSystem]:
    """A system with a container that has a shell, and one whose shell is gone."""
    made = system()
    bare = other("rm /bin/sh; while :; do sleep 0.1; done")
    made.write({"bare": bare, "full": other(environment={"PS1": "ready> "})})
    made.up().ok()
    yield made
    made.down().ok()


@pytest.mark.fault("Y25")
def test_a_shell_on_a_terminal_and_without_one(till: RunningSystem) -> None:
    environment = till.shop.environment({})
    uses_a_shell(till.shop, "shell", "till", "full")

    # After SIGTERM the terminal has the settings that it had before.
    with a_terminal((*SHELL, "full"), till.shop.root, environment) as terminal:
        before = terminal.settings
        terminal.sees("ready> ")
        assert terminal.settings != before, "the shell gets each key"
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ends() == 143 and terminal.settings == before

    script = "echo sum-$((40+2))\nexit 5\n"
    piped = subprocess.run(
        (*SHELL, "full"), cwd=till.shop.root, env=environment, input=script, capture_output=True, text=True, timeout=60
    )
    assert (piped.returncode, piped.stdout, piped.stderr) == (5, "sum-42\n", "")
    assert till.shop.invoke("shell", "till", "full").ok().stdout == ""

    ran = till.shop.invoke("shell", "till", "bare", "--json").failed(3, "bare", "sh", "docker cp")
    assert ran.codes == ["shell-missing"]
    till.shop.invoke("shell", "till", "gone").failed(2, "gone", "no running container")
    till.shop.invoke("shell", "till").failed(2, "name one of its services")
