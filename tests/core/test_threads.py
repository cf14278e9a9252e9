"""Concurrent work: its order, its first failure, and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from graphlib import CycleError

import pytest

from slipway.core.threads import map_concurrently, map_in_dependency_order, start_in_thread


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_concurrently(lambda number: number * number, range(50), at_once=7) == [
        number * number for number in range(50)
    ]


def test_start_in_thread_gives_the_result_when_it_is_asked_for() -> None:
    begun, enough = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert enough.wait(5)
        return "done"

    result = start_in_thread(work)
    assert begun.wait(5) and not result.done()
    enough.set()
    assert result.result(5) == "done"
    with pytest.raises(ZeroDivisionError):
        start_in_thread(lambda: 1 // 0).result(5)


def test_no_items_give_no_results() -> None:
    assert map_concurrently(lambda item: item, [], at_once=3) == []


def test_map_concurrently_keeps_its_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    map_concurrently(work, range(20), at_once=4)
    assert 1 < most <= 4


def test_map_concurrently_raises_the_first_failure_and_starts_no_more() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("second")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="second"):
        map_concurrently(work, range(100), at_once=2)
    time.sleep(0.2)
    assert len(begun) < 10


@pytest.mark.process
def test_ctrl_c_does_not_wait_for_the_threads() -> None:
    code = (
        "import time\n"
        "from slipway.core.threads import map_concurrently\n"
        "print('on', flush=True)\n"
        "map_concurrently(time.sleep, [60], at_once=1)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=5)
        assert child.returncode == -signal.SIGINT


def test_a_name_comes_after_all_that_it_depends_on() -> None:
    graph = {"ml": ["runtime"], "ocr": ["ml"], "forms": ["runtime", "elsewhere"], "runtime": []}
    order: list[str] = []

    def work(name: str) -> str:
        order.append(name)
        return name.upper()

    done = map_in_dependency_order(work, graph, at_once=3)
    assert done == {"ml": "ML", "ocr": "OCR", "forms": "FORMS", "runtime": "RUNTIME"}
    assert order[0] == "runtime" and order.index("ml") < order.index("ocr")
    assert map_in_dependency_order(str.upper, {}, at_once=3) == {}


def test_a_name_waits_only_for_its_dependencies() -> None:
    """``ml`` cannot end before ``forms`` has, and ``ocr``, which comes first, takes no place while it waits for it."""
    forms = threading.Event()

    def work(name: str) -> bool:
        if name == "forms":
            forms.set()
        return forms.wait(10) if name == "ml" else True

    graph = {"runtime": [], "ml": ["runtime"], "ocr": ["ml"], "rag": ["ml"], "forms": ["runtime"]}
    assert map_in_dependency_order(work, graph, at_once=2) == dict.fromkeys(graph, True)


def test_map_in_dependency_order_raises_the_first_failure_and_starts_no_more() -> None:
    begun: list[str] = []

    def work(name: str) -> None:
        begun.append(name)
        if name == "ml":
            raise ValueError(name)

    with pytest.raises(ValueError, match="ml"):
        map_in_dependency_order(work, {"ml": [], "ocr": ["ml"], "rag": ["ml"]}, at_once=2)
    assert begun == ["ml"]


def test_a_circle_is_refused_before_anything_starts() -> None:
    begun: list[str] = []
    with pytest.raises(CycleError):
        map_in_dependency_order(begun.append, {"ml": ["ocr"], "ocr": ["ml"], "forms": []}, at_once=2)
    assert begun == []
