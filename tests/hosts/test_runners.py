"""A command that starts before its input is known: it runs once, or ends without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.streams import OnLine
from slipway.hosts.runner import ShouldStop, run
from slipway.hosts.runners import RunAhead
from tests.hosts.test_runner import ends

pytestmark = pytest.mark.process


class Place:
    """A folder, a command that notes each of its starts there, and the commands that ``run`` got."""

    def __init__(self, folder: Path) -> None:
        self.starts = folder / "starts"
        self.left: list[Command] = []
        self.shown: list[str] = []
        self.ahead = RunAhead(self.run, self.shown.append)

    def run(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result:
        self.left.append(command)
        return run(command, on_line, None, should_stop)

    def __call__(self, command: Command, on_line: OnLine | None = None, *, over: bool = False) -> Result:
        return self.ahead(command, on_line, should_stop=lambda: over)

    def command(self, stdin: bytes = b"", *, then: str = "cat; cat >&2", env: str = "") -> Command:
        return Command(("sh", "-c", f"echo $$ >> {self.starts}; {then}"), env={"A": env}, stdin=stdin)

    def started(self) -> list[int]:
        """Wait for the first start, and return the process of each."""
        deadline = time.monotonic() + 5
        while not self.starts.exists() or not self.starts.read_text().endswith("\n"):
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.01)
        return [int(line) for line in self.starts.read_text().split()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_it_gets_its_input_when_it_is_run(place: Place) -> None:
    place.ahead.start(place.command())
    place.started()
    data = b"x" * 300_000
    result = place(place.command(data))
    assert (result.exit_code, result.stdout, len(place.started())) == (0, data.decode(), 1)
    assert (place.left, place.shown) == ([], [f"$ {place.command()}"])
    assert place(place.command(b"again")).stdout == "again", "only one waited"
    assert (len(place.started()), len(place.left)) == (2, 1)


def test_its_lines_exit_code_and_end_are_those_of_any_command(place: Place) -> None:
    command = place.command(then="cat >&2; exit 3")
    place.ahead.start(command)
    lines: list[str] = []
    assert place(place.command(b"one\ntwo\n", then="cat >&2; exit 3"), lines.append).exit_code == 3
    assert lines == ["one", "two"]
    endless = place.command(then="cat; exec sleep 60")
    place.ahead.start(endless)
    assert place(endless, over=True).exit_code == -signal.SIGINT
    assert place.left == []


def test_another_command_ends_it(place: Place) -> None:
    place.ahead.start(place.command())
    (pid,) = place.started()
    assert place(place.command(b"other", env="1")).stdout == "other"
    assert ends(pid) and len(place.left) == 1


def test_one_that_ended_by_itself_runs_again(place: Place) -> None:
    once = f"[ $(wc -l < {place.starts}) -gt 1 ] || exit 1; cat"
    place.ahead.start(place.command(then=once))
    (pid,) = place.started()
    assert ends(pid)
    assert place(place.command(b"data", then=once)).stdout == "data"


def test_closing_ends_it_before_the_time_to_cancel_is_over(place: Place) -> None:
    """Also a program that ignores SIGINT: it gets the end of its input first, as buildx needs it."""
    for then in ("cat", "trap '' INT; cat"):
        place.ahead.start(place.command(then=then))
        pid = place.started()[-1]
        began = time.monotonic()
        place.ahead.close()
        place.ahead.close()
        assert ends(pid) and time.monotonic() - began < 4
        place.starts.unlink()
    assert place.left == []


def test_one_that_cannot_start_fails_when_it_is_run(place: Place) -> None:
    absent = Command(("no-such-program",))
    place.ahead.start(absent)
    result = place(absent)
    assert (result.exit_code, result.stderr) == (127, "no-such-program: not found")


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path, place: Place) -> None:
    script = f"""
from slipway.core.command import Command
from slipway.hosts.runner import run
from slipway.hosts.runners import RunAhead
import time
RunAhead(run).start(Command({place.command().argv!r}))
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        (pid,) = place.started()
        os.kill(parent.pid, signal.SIGKILL)
    assert ends(pid)
