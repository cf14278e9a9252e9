"""Test ``POST /read`` without a server and without tesseract.

The tests cover text layers, and the decisions before a page is read.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import pymupdf
import pytest
from fastapi.testclient import TestClient
from svc_ocr.main import Settings, create


def client(language: str = "eng") -> TestClient:
    settings = Settings(max_bytes=100_000, max_pages=2, language=language)
    return TestClient(create(settings, installed=lambda: ["deu", "eng"]))


def pdf(*texts: str) -> bytes:
    document = pymupdf.open()
    for text in texts:
        document.new_page().insert_text((72, 72), text)
    data: bytes = document.tobytes()
    return data


def test_a_pdf_with_its_own_text_is_not_guessed_at() -> None:
    text = "The quick brown fox jumps over the lazy dog"
    reading = client().post("/read", files={"file": ("a.pdf", pdf(text))}).json()
    [page] = reading["pages"]
    assert (page["source"], page["text"], reading["confidence"]) == ("text", text, 100)


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"PK\x03\x04 a zip archive", 415, "PNG, JPEG, TIFF or PDF"),
        (b"\x89PNG\r\n\x1a\n", 422, "the image is broken"),
        (b"%PDF-1.7 and then nothing", 422, "broken"),
        (pdf("one", "two", "three"), 422, "3 pages, at most 2"),
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
