"""The logs of twenty services that together write 10,000 lines a second: how late a follower shows a line."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from slipway.compose.running_file import project_name
from slipway.config.settings import load
from tests.bench import targets
from tests.bench.measure import FailedError, Place, end, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.systems import FILE
from tests.rig.stacks import ROOT

_SERVICES, _LINES = 20, 10_000
#: Seconds of a follower's start, which do not count, and of its measurement.
_START, _MEASURED = 5.0, 10.0
#: Writes lines of a number, the time of this machine's monotonic clock, and sixty letters.
_WRITER = """\
import sys, time
began, written = time.monotonic(), 0
while True:
    now = time.monotonic()
    due = int((now - began) * {rate})
    sys.stdout.write("".join(f"{{number}} {{now:.4f}} {letters}\\n" for number in range(written, due)))
    sys.stdout.flush()
    written = due
    time.sleep(0.05)
"""


def followed(field: Field) -> Iterator[Series]:
    """One system; both followers read it in turn, and see every line."""
    field.say(f"logs of {_SERVICES} services, {_LINES} lines/s, {field.rounds} rounds")
    tree = field.tree("logs", 1)
    PEERS[0].prepare(tree)
    writer = _WRITER.format(rate=_LINES // _SERVICES, letters="x" * 60).replace("$", "$$")
    one = {"image": load(ROOT)["PYTHON_IMAGE"], "command": ["python3", "-c", writer], "init": True}
    tree.write(FILE, json.dumps({"services": {f"writer-{number:02}": one for number in range(_SERVICES)}}))
    place, project = field.place(tree), project_name(str(tree.root.resolve()), "bench")
    compose = ("docker", "compose", "--project-name", project, "--file", FILE)
    ways = {
        SLIPWAY: partial(_follow, slipway("logs", "bench", "--follow", "--tail", "1"), place),
        targets.COMPOSE_LOGS: partial(_follow, (*compose, "logs", "--follow", "--tail", "1"), place),
    }
    measure(slipway("up", "bench"), place)
    try:
        for name, samples in field.in_turn(ways, field.rounds).items():
            yield Series("logs", targets.LOGS, _SERVICES, name, samples)
    finally:
        measure(slipway("down", "bench"), place)


def _follow(argv: Sequence[str], place: Place, turn: int) -> Sample:
    """Return the greatest delay of a line, and the processor time and memory of the follower."""
    with place.log.open("wb") as log, subprocess.Popen(
        argv, cwd=place.folder, env=place.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=log, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            pieces = _read(process, _START + _MEASURED)
            spent, memory = _used(process.pid)
        finally:
            end(process)
    return Sample(round(greatest_delay(pieces, " ".join(argv)), 4), round(spent, 4), memory)


def _read(process: subprocess.Popen[bytes], seconds: float) -> list[tuple[float, bytes]]:
    """Return what the process writes meanwhile, each piece with the time of its arrival."""
    assert process.stdout
    pieces, over = [], time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            if not (piece := os.read(process.stdout.fileno(), 1 << 20)):
                raise FailedError(f"{process.args!r} ended")
            pieces.append((time.monotonic(), piece))
    return pieces


def greatest_delay(pieces: Sequence[tuple[float, bytes]], who: str, rate: float = _LINES) -> float:
    """Return the greatest delay of a line that arrived after the start.

    Raises FailedError for a missing line, and for fewer than nine tenths of ``rate`` lines in a second.
    """
    counted = pieces[0][0] + _START
    numbers: dict[str, int] = {}
    delays: list[float] = []
    rest = b""
    for arrived, piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            prefix, number, written, _ = line.decode().rsplit(" ", 3)
            last = numbers.setdefault(prefix, int(number) - 1)
            if int(number) != last + 1:
                raise FailedError(f"{who}: {prefix} {number} follows {last}")
            numbers[prefix] = int(number)
            if arrived >= counted:
                delays.append(arrived - float(written))
    if len(delays) < 0.9 * rate * (pieces[-1][0] - counted):
        raise FailedError(f"{who}: only {len(delays)} lines in {_MEASURED:.0f} s")
    return max(delays)


def _used(pid: int) -> tuple[float, int]:
    """Return the processor time and the greatest resident size of a process and its children."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    family = [pid, *(int(child) for thread in threads for child in thread.read_text().split())]
    spent, memory = 0, 0
    for one in family:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
        status = Path(f"/proc/{one}/status").read_text()
        memory += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024
    return spent / os.sysconf("SC_CLK_TCK"), memory
