"""Store documents in a running svc-kg that already has a hundred thousand, and send it texts that state too much."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from slipway.testing.plugin import Container

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="512m")]

STORED, WRITERS, SECONDS = 100_000, 4, 60

#: Stores documents of about 1 KB, whose names are shared by a few others. It does so in one transaction.
FILL = """
import sqlite3, sys
def rows(number):
    document, people = f"old-{number}", [f"person:ada-{(number * 7 + one) % 40000}" for one in range(6)]
    firms = [f"organisation:firm-{(number * 3 + one) % 20000}-gmbh" for one in range(4)]
    sentence = "Ada works for Firm GmbH and lives in Berlin. " * 2
    entities = [(key, key.split(":")[0], key.split(":")[1], key.split(":")[1]) for key in people + firms]
    mentions = [(document, key, place * 40, place * 40 + 20, 0, 90) for place, (key, *_) in enumerate(entities)]
    relations = [(document, p, "WORKS_FOR", f, 0, 90, sentence, None) for p, f in zip(people, firms)]
    return document, entities, mentions, relations
with sqlite3.connect("/data/graph.sqlite", timeout=300) as database:
    for number in range(int(sys.argv[1])):
        document, entities, mentions, relations = rows(number)
        database.execute("INSERT INTO document VALUES (?)", (document,))
        database.executemany("INSERT INTO entity VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", entities)
        database.executemany("INSERT INTO mention VALUES (?, ?, ?, ?, ?, ?)", mentions)
        database.executemany("INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?)", relations)
"""


def text(number: int) -> str:
    """Return a document of about 1 KB: some names are its own, and most are those of other documents."""
    sentences = [
        f"Ada {spelled(number * 7 + one)} works for Firm {spelled(number * 3 + one)} GmbH. "
        f"Firm {spelled(number * 3 + one)} GmbH is based in Berlin. "
        for one in range(8)
    ]
    return "".join(sentences) + f"Eve {spelled(number)} founded Own {spelled(number)} Ltd."


def spelled(number: int) -> str:
    return "N" + "".join(chr(ord("a") + int(digit)) for digit in str(number % 40_000))


def test_four_writers_store_documents_quickly_beside_a_hundred_thousand(container: Container) -> None:
    filled = container.exec("python", "-c", FILL, str(STORED))
    assert filled.exit_code == 0, filled.output
    url, numbers, ended = container.url, itertools.count(), threading.Event()

    def write() -> list[float]:
        times = []
        with requests.Session() as session:
            while not ended.is_set():
                number, began = next(numbers), time.monotonic()
                reply = session.post(f"{url}/documents", json={"id": f"new-{number % 5000}", "text": text(number)})
                assert reply.status_code == 200, reply.text
                times.append(time.monotonic() - began)
        return times

    def probe() -> list[float]:
        times = []
        while not ended.wait(0.2):
            began = time.monotonic()
            assert requests.get(f"{url}/ready", timeout=10).status_code == 200
            times.append(time.monotonic() - began)
        return times

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        writing, probing = [pool.submit(write) for _ in range(WRITERS)], pool.submit(probe)
        time.sleep(SECONDS)
        ended.set()
    times = sorted(seconds for writer in writing for seconds in writer.result())
    p99 = statistics.quantiles(times, n=100)[-1]
    rate, median, slowest = len(times) / SECONDS, statistics.median(times), max(probing.result())
    print(f"{rate:.0f} puts/s, p50 {median:.3f} s, p99 {p99:.3f} s; slowest probe {slowest:.3f} s")
    assert rate >= 150 and p99 < 0.3 and slowest < 1


def test_a_text_that_states_hundreds_of_relations_a_sentence_is_refused(container: Container) -> None:
    people = ", ".join(f"Ab{spelled(one)} Cd" for one in range(20))
    firms = ", ".join(f"Ef{spelled(one)} GmbH" for one in range(20))
    sentence = f"{people} founded {firms}. "
    body = {"id": "list", "text": sentence * (1_000_000 // len(sentence))}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: requests.post(f"{container.url}/documents", json=body, timeout=60), range(4)))
    assert {answer.status_code for answer in answers} == {422}
    assert all("MAX_RELATIONS" in answer.json()["detail"] for answer in answers)
    assert container.state.running and not container.state.oom_killed
