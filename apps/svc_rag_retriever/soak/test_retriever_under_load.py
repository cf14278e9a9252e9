"""Measure searches alone and while a client indexes, and the memory. ``pytest -s`` prints the table.

The passages are random words with the frequencies of a language (Zipf), and their vectors are random. The questions are
embedded by the model. Searches alone and beside a client that indexes take turns, so that other load on the machine
concerns both.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests

from slipway.testing.plugin import Container, Stack

pytestmark = pytest.mark.soak

CLIENTS, ROUNDS, SECONDS = 4, 6, 6
#: In seconds: no probe takes longer. The health check gives up after 4 s.
PROBE_SECONDS = 2.0

FILL = """
import pathlib, sys
import numpy as np
from ragkit.file_index import FileIndex
from ragkit.passages import Document, Passage, Place, Section

number, rng, place = int(sys.argv[1]), np.random.default_rng(1), Place("document")
words = np.array([f"w{rank:x}" for rank in range(60_000)])
share = 1 / np.arange(1, len(words) + 1)
index = FileIndex(pathlib.Path("/data"))
for first in range(0, number, 2500):
    texts = [" ".join(rng.choice(words, 110, p=share / share.sum())) for _ in range(min(2500, number - first))]
    vectors = rng.normal(size=(len(texts), 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    id = f"book {first}"
    passages = [Passage(id, id, "", place, 0, len(text), text) for text in texts]
    index.replace(Document(id, id, "", (Section(place, ""),)), passages, vectors)
"""
MEMORY = """
import pathlib
sizes = [line.split() for path in pathlib.Path("/proc").glob("[0-9]*/status") for line in path.read_text().splitlines()]
print(max(int(words[1]) for words in sizes if words and words[0] == "VmHWM:") // 1024)
"""


@dataclass
class Seen:
    """Keep the seconds of each answer, and the statuses other than those expected."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    def note(self, began: float, answer: requests.Response) -> None:
        self.seconds.append(time.monotonic() - began)
        if not answer.ok:
            self.wrong.append(answer.status_code)

    def told(self) -> str:
        ordered = sorted(self.seconds)
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        return f"{len(ordered) / ROUNDS / SECONDS:.1f}/s, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


@contextmanager
def repeated(work: Callable[[int, int], None], clients: int = 1, pause: float = 0.0) -> Iterator[None]:
    """Call ``work`` with the client's number and a count, again and again, while the context is open."""
    over = threading.Event()

    def client(number: int) -> None:
        count = 0
        while not over.is_set():
            work(number, count)
            count += 1
            over.wait(pause)

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(client, number) for number in range(clients)]
        try:
            yield
        finally:
            over.set()
    for one in running:
        one.result()


def searched(retriever: Container, seen: Seen) -> Callable[[int, int], None]:
    url = f"{retriever.url}/search"

    def search(number: int, count: int) -> None:
        query = f"w{(number * 977 + count * 13) % 5000:x} and w{count % 300:x} w{count % 40:x}"
        began = time.monotonic()
        seen.note(began, requests.post(url, json={"query": query}, timeout=120))

    return search


@pytest.mark.parametrize("passages", [5_000, 50_000])
def test_searches_keep_half_of_their_rate_while_a_client_indexes(stack: Stack, passages: int) -> None:
    indexer = stack.start("svc-rag-indexer", volumes={"index": "/data"}, memory="2g")
    retriever = stack.start("svc-rag-retriever", volumes={"index": "/data"}, memory="2g")
    filled = indexer.exec("python", "-c", FILL, str(passages))
    assert filled.exit_code == 0, filled.output
    give_up = time.monotonic() + 300
    while requests.get(f"{retriever.url}/stats", timeout=300).json()["passages"] < passages:
        assert time.monotonic() < give_up, "the retriever does not take the index in"
        time.sleep(0.2)

    alone, beside, indexed, probed = Seen(), Seen(), Seen(), Seen()
    with repeated(searched(retriever, Seen())):
        time.sleep(2)

    def index(number: int, count: int) -> None:
        note = {"id": f"note {count % 50}", "text": f"This is the wording {count} of a short note about w{count:x}."}
        began = time.monotonic()
        indexed.note(began, requests.post(f"{indexer.url}/documents", json=note, timeout=120))

    def probe(number: int, count: int) -> None:
        began = time.monotonic()
        probed.note(began, requests.get(f"{retriever.url}/ready", timeout=120))

    for _ in range(ROUNDS):
        with repeated(searched(retriever, alone), CLIENTS):
            time.sleep(SECONDS)
        with repeated(index), repeated(probe, pause=0.5), repeated(searched(retriever, beside), CLIENTS):
            time.sleep(SECONDS)
    memory = retriever.exec("python", "-c", MEMORY).output.strip()
    print(f"\n{passages} passages: searches alone {alone.told()}; beside indexing {beside.told()}")
    print(f"  indexed {indexed.told()}; probes p50 and slowest ", end="")
    print(f"{statistics.median(probed.seconds) * 1000:.0f} and {max(probed.seconds) * 1000:.0f} ms; peak {memory} MB")
    assert not (alone.wrong + beside.wrong + indexed.wrong + probed.wrong)
    assert len(beside.seconds) * 2 >= len(alone.seconds)
    assert max(probed.seconds) < PROBE_SECONDS
