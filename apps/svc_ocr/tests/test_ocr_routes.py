"""Test ``POST /read`` without a server and without tesseract.

The tests cover text layers, and the decisions before a page is read.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import pymupdf
import pytest
from svc_ocr.main import Settings, create

from servicekit.parsers import parse_here
from tests.services.described import DescribedClient


def client(language: str = "eng") -> DescribedClient:
    settings = Settings(max_bytes=100_000, max_pages=2, max_words=20, language=language)
    return DescribedClient(create(settings, parse_here, ["deu", "eng"]))


def pdf(*texts: str) -> bytes:
    document = pymupdf.open()
    for text in texts:
        document.new_page().insert_text((72, 72), text)
    data: bytes = document.tobytes()
    return data


def page_tree(kids: str, count: int, box: str = "0 0 100 100") -> bytes:
    """Return a PDF whose page tree has these kids and says this count. Its page is empty."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] >>",
    ]
    body = "".join(f"{number} 0 obj {text} endobj\n" for number, text in enumerate(objects, start=1))
    return f"%PDF-1.4\n{body}trailer << /Size 4 /Root 1 0 R >>\n%%EOF\n".encode()


def test_a_pdf_with_its_own_text_is_not_guessed_at() -> None:
    text = "The quick brown fox jumps over the lazy dog"
    reading = client().post("/read", files={"file": ("a.pdf", pdf(text))}).json()
    [page] = reading["pages"]
    assert (page["source"], page["text"], reading["confidence"]) == ("text", text, 100)


def test_chosen_pages_of_a_long_pdf_are_read() -> None:
    long = pdf(*(f"This is page {number} of a long document" for number in range(1, 6)))
    for chosen, numbers in {"2-3": [2, 3], "5": [5], "4-9": [4, 5]}.items():
        pages = client().post("/read", params={"pages": chosen}, files={"file": ("a.pdf", long)}).json()["pages"]
        assert [page["number"] for page in pages] == numbers
        assert [page["text"] for page in pages] == [f"This is page {number} of a long document" for number in numbers]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [("1-3", "3 pages, at most 2 are read"), ("6", "the file has 5 pages, and no page 6"), ("3-1", "such as 1-50")],
)
def test_pages_that_cannot_be_read_are_refused(chosen: str, said: str) -> None:
    long = pdf(*(f"This is page {number} of a long document" for number in range(1, 6)))
    answer = client().post("/read", params={"pages": chosen}, files={"file": ("a.pdf", long)})
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"PK\x03\x04 a zip archive", 415, "PNG, JPEG, TIFF or PDF"),
        (b"\x89PNG\r\n\x1a\n", 422, "the image is broken"),
        (b"%PDF-1.7 and then nothing", 422, "broken"),
        (pdf("one", "two", "three"), 422, "3 pages, at most 2"),
        (pdf("a " * 21), 422, "page 1 has 21 words, at most 20 are read (MAX_WORDS)"),
        (page_tree(kids="3 0 R " * 51, count=51), 422, "broken"),
        (page_tree(kids="3 0 R", count=2), 422, "broken"),
        (page_tree(kids="2 0 R", count=2), 422, "broken"),
        (page_tree(kids="3 0 R", count=-1), 422, "broken"),
        (page_tree(kids="3 0 R", count=1, box="0 0 1000000 1000000"), 422, "pixels at 1 dpi"),
        (b"x" * 100_001, 413, "MAX_BYTES"),
        (b"", 422, "empty"),
    ],
)
def test_an_unreadable_file_is_refused_with_its_reason(data: bytes, status: int, said: str) -> None:
    answer = client().post("/read", files={"file": ("a", data)})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_language_that_is_not_installed_is_refused() -> None:
    answer = client().post("/read", params={"lang": "eng+xyz"}, files={"file": ("a", b"x")})
    assert (answer.status_code, "'xyz' is not installed; deu, eng are" in answer.json()["detail"]) == (422, True)


def test_it_is_ready_when_tesseract_knows_its_language() -> None:
    assert client().get("/ready").status_code == 200
    assert client("fra").get("/ready").json()["failures"] == ["tesseract"]
