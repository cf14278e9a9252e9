"""Test that the built image of svc-rag-indexer reads, cuts, embeds and keeps files that these tests make."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.oxml.ns import qn


def docx_file() -> bytes:
    document = docx.Document()
    document.add_heading("Returns", level=1)
    document.add_paragraph("Goods may be sent back within thirty days. The buyer pays the postage.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), ("zone", "fee", "A", "4"), strict=True):
        cell.text = text
    document.add_heading("Warranty", level=1)
    document.add_paragraph("Every machine carries a warranty of two years.")
    return saved(document)


def pptx_file() -> bytes:
    deck = pptx.Presentation()
    for title, body in (("Harvest", "Pears ripen in September."), ("Storage", "Keep pears at one degree.")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    deck.slides[1].notes_slide.notes_text_frame.text = "Mention the cellar."
    return saved(deck)


def xlsx_file() -> bytes:
    book = openpyxl.Workbook()
    prices: Any = book.active
    prices.title = "Prices"
    for row in (("part", "price"), ("bolt", 3), ("nut", None), ("washer", 1.5)):
        prices.append(row)
    book.create_sheet("Empty")
    return saved(book)


HTML = b"""<html><head><title>Opening hours</title><script>var hidden = 1;</script></head>
<body><p>We open at nine.</p><h2>Holidays</h2><p>Closed in August.</p></body></html>"""


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def empty_index(container: Any) -> Iterator[None]:
    for listed in container.get("/documents").json()["documents"]:
        assert container.delete(f"/documents/{listed['id']}").status_code == 204
    yield


def send(container: Any, name: str, data: bytes, **fields: str) -> Any:
    return container.post("/documents", files={"file": (name, data)}, data=fields, timeout=60)


def say(container: Any, id: str, text: str) -> Any:
    return container.post("/documents", json={"id": id, "title": id.title(), "text": text}, timeout=60)


def kept(container: Any) -> list[dict[str, Any]]:
    """Return every passage in the index, read inside the container by the code that both services share."""
    program = (
        "import dataclasses, json, pathlib; from ragkit.file_index import FileIndex; "
        "passages = FileIndex(pathlib.Path('/data')).changes(0).passages; "
        "print(json.dumps([dataclasses.asdict(passage) for passage in passages]))"
    )
    executed = container.exec("python", "-c", program)
    assert executed.exit_code == 0, executed.output
    passages: list[dict[str, Any]] = json.loads(executed.output.splitlines()[-1])
    return passages


def places(container: Any) -> list[tuple[str, str, str]]:
    return [(entry["place"]["kind"], entry["place"]["name"], entry["text"]) for entry in kept(container)]


def test_a_word_file_is_cut_at_its_headings(container: Any) -> None:
    answer = send(container, "terms.docx", docx_file(), title="Terms of sale")
    assert (answer.status_code, answer.json()["passages"]) == (201, 2), answer.text
    assert places(container) == [
        (
            "heading",
            "Returns",
            "Goods may be sent back within thirty days. The buyer pays the postage.\n\nzone | fee\nA | 4",
        ),
        ("heading", "Warranty", "Every machine carries a warranty of two years."),
    ]
    [listed] = container.get("/documents").json()["documents"]
    assert (listed["id"], listed["title"], listed["source"], listed["passages"]) == (
        "terms.docx",
        "Terms of sale",
        "terms.docx",
        2,
    )


def test_slides_keep_their_numbers_and_notes(container: Any) -> None:
    assert send(container, "fruit.pptx", pptx_file()).json()["passages"] == 2
    assert places(container) == [
        ("slide", "1", "Harvest\n\nPears ripen in September."),
        ("slide", "2", "Storage\n\nKeep pears at one degree.\n\nMention the cellar."),
    ]


def test_a_sheets_rows_carry_their_header(container: Any) -> None:
    assert send(container, "prices.xlsx", xlsx_file()).json()["passages"] == 1
    assert places(container) == [
        ("sheet", "Prices", "part | price\npart: bolt; price: 3\npart: nut\npart: washer; price: 1.5")
    ]


def test_html_is_read_without_its_scripts(container: Any) -> None:
    assert send(container, "hours.html", HTML).json()["title"] == "Opening hours"
    assert places(container) == [("document", "", "We open at nine."), ("heading", "Holidays", "Closed in August.")]


def test_long_text_becomes_overlapping_passages_with_their_offsets(container: Any) -> None:
    text = " ".join(f"Sentence number {number} says something of its own." for number in range(60))
    assert say(container, "long", text).json()["passages"] > 3
    passages = kept(container)
    assert all(text[entry["start"] : entry["end"]] == entry["text"] for entry in passages)
    assert passages[1]["start"] < passages[0]["end"]
    assert passages[-1]["end"] == len(text)


def test_the_same_id_again_replaces_and_delete_removes(container: Any) -> None:
    before = container.get("/stats").json()["generation"]
    say(container, "note", "The old wording.")
    say(container, "note", "The new wording.")
    say(container, "other", "Another document.")
    stats = container.get("/stats").json()
    assert (stats["documents"], stats["passages"], stats["generation"]) == (2, 2, before + 3)
    assert [entry["text"] for entry in kept(container)] == ["The new wording.", "Another document."]
    assert container.get("/documents/note").json()["characters"] == len("The new wording.")
    page = container.get("/documents", params={"limit": 1, "offset": 1}).json()
    assert (page["total"], [entry["id"] for entry in page["documents"]]) == (2, ["other"])
    assert container.delete("/documents/note").status_code == 204
    assert container.delete("/documents/note").status_code == 404
    assert container.get("/stats").json()["documents"] == 1


def test_the_index_survives_a_kill(container: Any) -> None:
    send(container, "terms.docx", docx_file())
    say(container, "note", "Written before the kill.")
    before = (container.get("/stats").json(), kept(container))
    container.kill()
    container.restart()
    assert (container.get("/stats").json(), kept(container)) == before
    assert say(container, "after", "Written after it.").status_code == 201
    stats = {name: number + 1 for name, number in before[0].items()}
    assert container.get("/stats").json() == stats


def test_a_file_that_runs_away_costs_its_own_request(container: Any) -> None:
    """The gap of 2,000,000,000 columns is 34 KB as a file."""
    document = docx.Document()
    table = document.add_table(rows=1, cols=1)
    table.cell(0, 0)._tc.get_or_add_tcPr().get_or_add_gridSpan().set(qn("w:val"), "2000000000")
    answer = send(container, "bomb.docx", saved(document))
    assert (answer.status_code, "PARSE_MEMORY" in answer.text) == (422, True), answer.text
    answer = send(container, "heading.md", b"# x" + b" " * 400_000 + b"y\ntext")
    assert answer.status_code == 201, answer.text
    assert say(container, "note", "The service goes on.").status_code == 201


def test_a_body_that_is_not_a_document_is_refused_with_its_reason(container: Any) -> None:
    for answer, status, reason in (
        (send(container, "tool.exe", b"MZ"), 415, "tool.exe"),
        (send(container, "broken.docx", b"no archive"), 422, "Office file"),
        (send(container, "half.xlsx", xlsx_file()[:2000]), 422, "half.xlsx"),
        (send(container, "latin.txt", b"Gr\xfc\xdfe"), 422, "byte 2"),
        (send(container, "empty.md", b"  \n"), 422, "no text"),
        (container.post("/documents", files={"other": b"x"}), 422, "'file'"),
        (container.post("/documents", data=b"{no json", headers={"Content-Type": "application/json"}), 422, "not JSON"),
        (container.post("/documents", data=b'{"id": "x", "text": "y"}'), 415, "application/json"),
        (say(container, " ", "text"), 422, "id"),
        (send(container, "large.txt", b"x" * 25_100_000), 413, "at most"),
    ):
        assert (answer.status_code, reason in answer.text) == (status, True), answer.text
    assert container.get("/stats").json()["documents"] == 0


def test_qdrant_in_place_of_the_files_keeps_the_same_contract(container: Any) -> None:
    """Test inside the image the index that QDRANT_URL selects, with the client's own in-memory Qdrant."""
    program = """
import numpy as np
from qdrant_client import QdrantClient
from ragkit.passages import Document, Passage, Place, Section, Stats
from ragkit.qdrant_index import QdrantIndex

index = QdrantIndex(QdrantClient(":memory:"), "passages")
assert (index.generation(), index.documents(9), index.changes(0).passages) == (0, [], ())
assert index.remove("none") is False

def keep(id, *texts):
    place = Place("heading", "H")
    document = Document(id, id.title(), "", (Section(place, " ".join(texts)),))
    vectors = np.eye(384, dtype=np.float32)[[len(text) for text in texts]]
    index.replace(document, [Passage(id, id.title(), "", place, 0, len(text), text) for text in texts], vectors)

keep("a", "one", "three")
keep("b", "seventeen")
keep("a", "three")
assert index.stats() == Stats(2, 2, 3), index.stats()
changes = index.changes(0)
assert sorted(passage.text for passage in changes.passages) == ["seventeen", "three"]
nearest = index.nearest()
nearest.append(changes.ids, changes.vectors)
[(slot, score)] = nearest.best(np.eye(384, dtype=np.float32)[5], 1, np.ones(2, dtype=bool))
assert changes.passages[slot].text == "three" and changes.passages[slot].place == Place("heading", "H")
assert abs(score - 1) < 1e-5
assert index.remove("a") is True and index.generation() == 4
assert [listed.id for listed in index.documents(9)] == ["b"]
"""
    executed = container.exec("python", "-W", "ignore", "-c", program)
    assert executed.exit_code == 0, executed.output
