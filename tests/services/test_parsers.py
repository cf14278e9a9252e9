"""A parser that runs away ends alone: its request is refused with the limit's name, and nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from servicekit.fork_server import RAISED, RETURNED
from servicekit.parsers import LimitExceeded, Limits, Parsers, ParserSettings, parse_here
from tests.services import jobs

pytestmark = pytest.mark.process
LIMITS = Limits(number=2, seconds=0.5, memory=100_000_000, answer=1000)


def with_parsers(use: Callable[[Parsers], Awaitable[Any]], limits: Limits = LIMITS) -> Any:
    """Return what ``use`` returns. The fork server runs meanwhile."""

    async def main() -> Any:
        parsers = Parsers(limits, ["tests.services.jobs"], raises=[ValueError])
        async with parsers.lifespan():
            return await use(parsers)

    return anyio.run(main)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Tell whether the process has ended; the tests' own init may not have asked for its exit status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_result_and_an_exception_come_back_with_the_place_in_the_child() -> None:
    async def use(parsers: Parsers) -> None:
        assert await parsers.run(jobs.boxes, 2) == jobs.boxes(2)
        without_annotations: Callable[..., Any] = divmod
        assert await parsers.run(without_annotations, 7, 2) == [3, 1]
        with pytest.raises(RuntimeError, match=r"tests\.services\.jobs\.Unheard: too late"):
            await parsers.run(jobs.raise_unheard, "too late")
        with pytest.raises(ValueError, match="no pages") as caught:
            await parsers.run(jobs.refuse, "no pages")
        assert "in refuse" in caught.value.__notes__[0]

    with_parsers(use)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ((jobs.run_away,), r"the file takes more than 0.5 s \(PARSE_SECONDS\)"),
        ((bytearray, 200_000_000), r"the file takes more than 100 MB of memory \(PARSE_MEMORY\)"),
        ((bytes, 1000), r"the answer has more than 0.001 MB \(PARSE_ANSWER\)"),
        ((json.loads, "[" * 100_000), "the file is nested too deeply"),
        ((os.abort,), "the file ended its parser: it is broken, or takes more than 100 MB"),
        ((os._exit, 0), "the file ended its parser"),
    ],
    ids=["seconds", "memory", "answer", "depth", "abort", "exit"],
)
def test_a_limit_costs_the_request_and_not_the_service(job: tuple[Any, ...], said: str) -> None:
    async def use(parsers: Parsers) -> None:
        with pytest.raises(LimitExceeded, match=said):
            await parsers.run(*job)
        assert await parsers.run(abs, -1) == 1

    with_parsers(use)


class Harm:
    """Make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_parser_that_was_taken_over_runs_nothing_in_the_service(tmp_path: Path) -> None:
    harmed = tmp_path / "harmed"
    pickled = pickle.dumps(Harm(harmed))
    pickle.loads(pickled)
    assert harmed.exists(), "the pickle would do harm"
    harmed.unlink()

    async def use(parsers: Parsers) -> None:
        for kind in (RETURNED, RAISED):
            for answer in (pickled, b'["7"', b'["no number"]', b"[1, 2]", b"{}", b"[" * 900, b"\xff", b""):
                with pytest.raises(LimitExceeded, match=r"the file ended its parser: it is broken$"):
                    await parsers.run(jobs.take_over, kind, answer)
        assert await parsers.run(jobs.take_over, RETURNED, b"[7]") == 7, "it can lie"

    with_parsers(use)
    assert not harmed.exists()


def test_no_job_sees_another_one() -> None:
    async def use(parsers: Parsers) -> None:
        assert [await parsers.run(jobs.remember, number) for number in (1, 2)] == [[1], [2]]

    with_parsers(use)


def test_no_more_jobs_run_than_the_limit_says() -> None:
    async def use(parsers: Parsers) -> float:
        started = time.monotonic()
        await asyncio.gather(*(parsers.run(time.sleep, 0.1) for _ in range(4)))
        return time.monotonic() - started

    assert with_parsers(use, Limits(number=2)) >= 0.2


def test_a_cancelled_job_ends_with_all_that_it_started(tmp_path: Path) -> None:
    async def use(parsers: Parsers) -> list[int]:
        job = asyncio.ensure_future(parsers.run(jobs.hang_with_a_grandchild, tmp_path / "pids"))
        while not (tmp_path / "pids").exists():
            await asyncio.sleep(0.01)
        child, server, grandchild = map(int, (tmp_path / "pids").read_text().split())
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        await asyncio.to_thread(wait_until, lambda: is_gone(child) and is_gone(grandchild))
        assert not is_gone(server)
        return [server]

    [server] = with_parsers(use, Limits(seconds=100))
    assert is_gone(server)


def test_a_service_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        f"from pathlib import Path; from tests.services import jobs; jobs.serve_a_hanging_job(Path({str(pids)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as service:
        wait_until(pids.exists)
        service.kill()
    started = list(map(int, pids.read_text().split()))
    wait_until(lambda: all(map(is_gone, started)))


def test_a_fork_server_that_ended_is_replaced() -> None:
    async def use(parsers: Parsers) -> None:
        first = await parsers.run(os.getppid)
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: is_gone(first))
        assert await parsers.run(os.getppid) != first

    with_parsers(use)


def test_without_processes_a_job_runs_here() -> None:
    assert asyncio.run(parse_here(divmod, 7, 2)) == (3, 1)


def test_limits_that_cannot_work_are_refused() -> None:
    assert ParserSettings().parsing == Limits()
    wrong = {"parsers": 0, "parse_seconds": -1, "parse_memory": 1000, "parse_answer": 0}
    with pytest.raises(ValidationError) as caught:
        ParserSettings.model_validate(wrong)
    assert [error["loc"] for error in caught.value.errors()] == [(name,) for name in wrong]
