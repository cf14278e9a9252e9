"""Send hostile documents to the running svc-rag-indexer: each is read or refused with a reason."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import openpyxl
import pptx
import pytest
import requests
from docx.oxml.ns import qn

from slipway.testing.plugin import Container, Stack

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="1g")]

#: PARSE_SECONDS is 30. An answer also waits for the parsers' turns.
SECONDS = 60
#: A probe is answered within this time, whatever the parsers do.
PROBE_SECONDS = 2.0


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def edited(data: bytes, part: str, edit: Callable[[bytes], bytes]) -> bytes:
    """Return an Office file in which one part was changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, edit(content) if name == part else content)
    return buffer.getvalue()


def a_sheet(*rows: list[str]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    return saved(book)


def a_cell_at(place: str) -> bytes:
    return edited(
        a_sheet(["x"]), "xl/worksheets/sheet1.xml", lambda part: part.replace(b'"A1"', b'"' + place.encode() + b'"')
    )


def a_row_number(number: int) -> bytes:
    return edited(a_sheet(["x"]), "xl/worksheets/sheet1.xml", lambda part: part.replace(b'r="1"', b'r="%d"' % number))


def a_table_of_columns(columns: int) -> bytes:
    document = docx.Document()
    cell = document.add_table(rows=1, cols=1).cell(0, 0)
    cell.text = "x"
    cell._tc.get_or_add_tcPr().get_or_add_gridSpan().set(qn("w:val"), str(columns))
    return saved(document)


def a_document_of(paragraph: bytes, number: int) -> bytes:
    return edited(
        saved(docx.Document()),
        "word/document.xml",
        lambda part: part.replace(b"<w:body>", b"<w:body>" + paragraph * number),
    )


def a_slide_of(paragraph: bytes, number: int) -> bytes:
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[1]).placeholders[1].text = "x"
    return edited(
        saved(deck),
        "ppt/slides/slide1.xml",
        lambda part: part.replace(b"</p:txBody>", paragraph * number + b"</p:txBody>", 1),
    )


LONG = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
#: Name → the file's name, its bytes, and the status and words of the answer.
FILES: dict[str, tuple[str, Callable[[], bytes], int, str]] = {
    "a heading of blanks": ("a.md", lambda: b"# x" + b" " * 400_000 + b"y\ntext", 201, ""),
    "a heading of hashes": ("a.md", lambda: b"# " + b"# " * 200_000 + b"y\ntext", 201, ""),
    "fences": ("a.md", lambda: b"```\n~~~\n" * 200_000, 422, "MAX_PASSAGES"),
    "blanks between elements": ("a.html", lambda: b"<b> </b>" * 250_000, 422, "no text"),
    "broken comments": ("a.html", lambda: b"<!-" * 300_000 + b"x", 0, ""),
    "open angles": ("a.html", lambda: b"<a " * 300_000, 0, ""),
    "a page without end": ("a.html", lambda: b"<script>" + b"</" * 500_000, 0, ""),
    "a string in many cells": ("a.xlsx", lambda: a_sheet(*[["s" * 30_000] * 100] * 333), 422, "PARSE_"),
    "a cell at the far end": ("a.xlsx", lambda: a_cell_at("XFD1048576"), 422, "PARSE_"),
    "a row at a billion": ("a.xlsx", lambda: a_row_number(10**9), 422, "PARSE_"),
    "two billion columns": ("a.docx", lambda: a_table_of_columns(2_000_000_000), 422, "PARSE_"),
    "three million columns": ("a.docx", lambda: a_table_of_columns(3_000_000), 422, "PARSE_"),
    "many paragraphs": ("a.docx", lambda: a_document_of(LONG, 1_000_000), 422, "PARSE_"),
    "more than it may unpack": ("a.docx", lambda: a_document_of(LONG, 3_500_000), 422, "unpacks to"),
    "many paragraphs on a slide": (
        "a.pptx",
        lambda: a_slide_of(b"<a:p><a:r><a:t>a</a:t></a:r></a:p>", 1_000_000),
        422,
        "PARSE_",
    ),
    "text of 25 MB": ("a.txt", lambda: b"word " * 4_900_000, 422, "MAX_PASSAGES"),
    "a path as name": ("../../../etc/passwd.txt", lambda: b"text", 201, '"passwd.txt"'),
}
BODIES: dict[str, tuple[bytes, int, str]] = {
    "numbers of 25 MB": (b'{"id": "x", "text": "y", "more": [' + b"1," * 12_000_000 + b"1]}", 0, ""),
    "many lists": (b'{"id": "x", "text": "y", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "body"),
    "many pages": (
        b'{"id": "x", "pages": [' + b'{"number": 1, "text": "a"},' * 400_000 + b'{"number": 1, "text": "a"}]}',
        422,
        "MAX_PASSAGES",
    ),
    "half a surrogate pair": (b'{"id": "x", "text": "\\ud800"}', 422, "body"),
    "not a number": (b'{"id": "x", "text": NaN}', 422, "body"),
}


def post(container: Container, **sent: Any) -> requests.Response:
    return requests.post(f"{container.url}/documents", timeout=2 * SECONDS, **sent)


def expect_answer(container: Container, status: int, said: str, **sent: Any) -> None:
    """Check the answer, and that probes are quick meanwhile. ``status`` 0 allows 201 and 422."""
    over, slowest = threading.Event(), [0.0]

    def probe() -> None:
        while not over.wait(0.2):
            began = time.monotonic()
            assert requests.get(f"{container.url}/ready", timeout=30).status_code == 200
            slowest[0] = max(slowest[0], time.monotonic() - began)

    probing = threading.Thread(target=probe)
    probing.start()
    began = time.monotonic()
    try:
        answer = post(container, **sent)
    finally:
        seconds = time.monotonic() - began
        over.set()
        probing.join()
    print(f"{answer.status_code} after {seconds:.1f} s, slowest probe {slowest[0]:.2f} s: {answer.text[:160]}")
    assert answer.status_code in ((status,) if status else (201, 422)), answer.text[:500]
    assert said in answer.text and seconds < SECONDS
    assert slowest[0] < PROBE_SECONDS


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_costs_its_own_request_alone(container: Container, name: str) -> None:
    file, made, status, said = FILES[name]
    expect_answer(container, status, said, files={"file": (file, made())})
    assert post(container, json={"id": "note", "text": "The service goes on."}).status_code == 201


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_costs_its_own_request_alone(container: Container, name: str) -> None:
    body, status, said = BODIES[name]
    expect_answer(container, status, said, data=body, headers={"Content-Type": "application/json"})
    assert post(container, json={"id": "note", "text": "The service goes on."}).status_code == 201


def test_a_note_does_not_wait_for_a_book(container: Container) -> None:
    """The book has about 1,500 passages, which take half a minute. The note waits for a few batches."""
    book = {"id": "book", "text": "A sentence of the book has about fifty characters. " * 19_000}
    with_book = threading.Thread(target=lambda: post(container, json=book))
    with_book.start()
    time.sleep(3)
    began = time.monotonic()
    assert post(container, json={"id": "note", "text": "A short note."}).status_code == 201
    seconds = time.monotonic() - began
    assert with_book.is_alive(), "the book is not embedded yet"
    with_book.join()
    print(f"the note took {seconds:.1f} s")
    assert seconds < 5


def test_a_full_disk_is_a_503_until_there_is_room(stack: Stack) -> None:
    """Docker gives /dev/shm 64 MB."""
    indexer = stack.start("svc-rag-indexer", env={"DATA_DIR": "/dev/shm"}, memory="1g")
    assert post(indexer, json={"id": "before", "text": "There is room."}).status_code == 201
    fill = "import os\nwith open('/dev/shm/filler', 'wb', 0) as file:\n    while file.write(bytes(4096)): pass"
    assert "No space left" in indexer.exec("python", "-c", fill).output
    answer = post(indexer, json={"id": "during", "text": "There is none. " * 400})
    assert (answer.status_code, "the disk of the index is full" in answer.text) == (503, True), answer.text
    ready = requests.get(f"{indexer.url}/ready", timeout=10)
    assert (ready.status_code, ready.json()["failures"]) == (503, ["room"])
    assert indexer.exec("rm", "/dev/shm/filler").exit_code == 0
    assert post(indexer, json={"id": "after", "text": "There is room again."}).status_code == 201
    listed = requests.get(f"{indexer.url}/documents", timeout=10).json()["documents"]
    assert [entry["id"] for entry in listed] == ["after", "before"]
