"""Several things at once, in order, the first failure told, and nothing waited for after Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from slipway.core.threads import ahead, along, each


def test_results_come_in_the_order_of_the_items() -> None:
    assert each(lambda number: number * number, range(50), at_once=7) == [number * number for number in range(50)]


def test_what_is_begun_ahead_is_had_when_asked_for() -> None:
    begun, enough = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert enough.wait(5)
        return "done"

    result = ahead(work)
    assert begun.wait(5) and not result.done()
    enough.set()
    assert result.result(5) == "done"
    with pytest.raises(ZeroDivisionError):
        ahead(lambda: 1 // 0).result(5)


def test_nothing_is_nothing() -> None:
    assert each(lambda item: item, [], at_once=3) == []


def test_so_many_at_once_and_no_more() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    each(work, range(20), at_once=4)
    assert 1 < most <= 4


def test_the_first_failure_is_raised_and_the_rest_never_begins() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("second")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="second"):
        each(work, range(100), at_once=2)
    time.sleep(0.2)
    assert len(begun) < 10


@pytest.mark.process
def test_ctrl_c_waits_for_no_thread() -> None:
    code = (
        "import time\nfrom slipway.core.threads import each\nprint('on', flush=True)\neach(time.sleep, [60], at_once=1)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=5)
        assert child.returncode == -signal.SIGINT


def test_along_a_graph_each_comes_after_what_it_stands_on() -> None:
    graph = {"ml": ["runtime"], "ocr": ["ml"], "forms": ["runtime", "elsewhere"], "runtime": []}
    order: list[str] = []

    def work(name: str) -> str:
        order.append(name)
        return name.upper()

    done = along(work, graph, at_once=3)
    assert done == {"ml": "ML", "ocr": "OCR", "forms": "FORMS", "runtime": "RUNTIME"}
    assert order[0] == "runtime" and order.index("ml") < order.index("ocr")
    assert along(str.upper, {}, at_once=3) == {}


def test_along_a_graph_nothing_waits_for_what_it_does_not_stand_on() -> None:
    """``ml`` cannot end before ``forms`` has, and ``ocr``, which comes first, takes no place while it waits for it."""
    forms = threading.Event()

    def work(name: str) -> bool:
        if name == "forms":
            forms.set()
        return forms.wait(10) if name == "ml" else True

    graph = {"runtime": [], "ml": ["runtime"], "ocr": ["ml"], "rag": ["ml"], "forms": ["runtime"]}
    assert along(work, graph, at_once=2) == dict.fromkeys(graph, True)


def test_along_a_graph_the_first_failure_is_told_and_nothing_more_begins() -> None:
    begun: list[str] = []

    def work(name: str) -> None:
        begun.append(name)
        if name == "ml":
            raise ValueError(name)

    with pytest.raises(ValueError, match="ml"):
        along(work, {"ml": [], "ocr": ["ml"], "rag": ["ml"]}, at_once=2)
    assert begun == ["ml"]
