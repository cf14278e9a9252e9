"""Measure how long a note waits beside a book, and fill the disk of the index."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from slipway.testing.plugin import Container, Stack

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="2g")]


def post(container: Container, **document: Any) -> requests.Response:
    return requests.post(f"{container.url}/documents", json=document, timeout=900)


def test_a_note_does_not_wait_for_a_book(container: Container) -> None:
    """The book has about 350 passages, which take seven seconds or more. The note waits for a few batches."""
    answers: list[requests.Response] = []
    text = "A sentence of the book has about fifty characters. " * 4_500
    book = threading.Thread(target=lambda: answers.append(post(container, id="book", text=text)))
    began = time.monotonic()
    book.start()
    time.sleep(2)
    noted = time.monotonic()
    assert post(container, id="note", text="A short note.").status_code == 201
    seconds = time.monotonic() - noted
    assert book.is_alive(), "the book was embedded before the note came"
    book.join()
    whole = time.monotonic() - began
    print(f"\nthe note took {seconds:.1f} s, the book of {answers[0].json()['passages']} passages {whole:.1f} s")
    assert seconds < whole / 4


def test_a_full_disk_is_a_503_until_there_is_room(stack: Stack) -> None:
    """Docker gives /dev/shm 64 MB."""
    indexer = stack.start("svc-rag-indexer", env={"DATA_DIR": "/dev/shm"}, memory="2g")
    assert post(indexer, id="before", text="There is room.").status_code == 201
    fill = "import os\nwith open('/dev/shm/filler', 'wb', 0) as file:\n    while file.write(bytes(4096)): pass"
    assert "No space left" in indexer.exec("python", "-c", fill).output
    answer = post(indexer, id="during", text="There is none. " * 400)
    assert (answer.status_code, "the disk of the index is full" in answer.text) == (503, True), answer.text
    ready = requests.get(f"{indexer.url}/ready", timeout=10)
    assert (ready.status_code, ready.json()["failures"]) == (503, ["room"])
    assert indexer.exec("rm", "/dev/shm/filler").exit_code == 0
    assert post(indexer, id="after", text="There is room again.").status_code == 201
    listed = requests.get(f"{indexer.url}/documents", timeout=10).json()["documents"]
    assert [entry["id"] for entry in listed] == ["after", "before"]
