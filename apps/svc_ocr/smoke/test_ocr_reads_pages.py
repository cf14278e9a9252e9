"""Test that the built image of svc-ocr reads the text of pages that these tests draw."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

LINES = ("Invoice 2041 for Harbour Lane", "Seven crates of green apples", "Total due: 318 euros")


def page(*lines: str, turned: float = 0.0) -> Image.Image:
    """Return a white A4 page at 150 dpi with ``lines`` in black, turned counter-clockwise by degrees."""
    image = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((120, 200 + 90 * row), line, fill="black", font=ImageFont.load_default(44))
    return image.rotate(turned, fillcolor="white", resample=Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def read(container: Any, data: bytes, **query: str) -> Any:
    return container.post("/read", files={"file": ("page", data)}, params=query, timeout=60)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_drawn_page_is_read_back(container: Any, form: str) -> None:
    answer = read(container, encoded(page(*LINES), form))
    assert answer.status_code == 200, answer.text
    reading = answer.json()
    assert reading["text"].split() == " ".join(LINES).split()
    assert reading["confidence"] > 80
    [only] = reading["pages"]
    assert (only["number"], only["width"], only["height"], only["source"]) == (1, 1240, 1754, "ocr")


def test_words_carry_boxes_around_their_ink(container: Any) -> None:
    [only] = read(container, encoded(page(*LINES), "PNG")).json()["pages"]
    [invoice] = [word for word in only["words"] if word["text"] == "Invoice"]
    x, y, width, height = invoice["box"]
    assert abs(x - 120) < 12 and 195 < y < 225
    assert 100 < width < 220 and 20 < height < 60
    assert invoice["confidence"] > 80


def test_a_slanted_page_is_levelled_and_its_boxes_stay_on_the_slant(container: Any) -> None:
    level = read(container, encoded(page(*LINES), "PNG")).json()["pages"][0]["words"]
    [slanted] = read(container, encoded(page(*LINES, turned=4.0), "PNG")).json()["pages"]
    assert slanted["text"].split() == " ".join(LINES).split()
    first, last = slanted["words"][0]["box"], slanted["words"][4]["box"]
    assert last[1] < first[1] - 20, "turned counter-clockwise, a line climbs to the right"
    assert abs(level[4]["box"][1] - level[0]["box"][1]) < 20


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_was_scanned_sideways_or_upside_down_is_read(container: Any, quarters: int) -> None:
    image = page(*LINES).rotate(90 * quarters, expand=True)
    [only] = read(container, encoded(image, "PNG")).json()["pages"]
    assert only["text"].split() == " ".join(LINES).split()
    assert (only["width"], only["height"]) == image.size
    x, y, width, height = only["words"][0]["box"]
    inked = ImageOps.invert(image.convert("L")).crop((x, y, x + width, y + height)).getbbox()
    assert inked and inked[2] - inked[0] > 0.8 * width and inked[3] - inked[1] > 0.8 * height, "the box is around ink"


def test_pages_on_grey_paper_or_transparency_are_read(container: Any) -> None:
    shaded = page(*LINES).convert("L").point(lambda value: 90 + value * 90 // 255)
    assert "green apples" in read(container, encoded(shaded, "PNG")).json()["text"]
    clear = Image.new("RGBA", (1240, 400), (0, 0, 0, 0))
    ImageDraw.Draw(clear).text((100, 150), LINES[1], fill=(0, 0, 0, 255), font=ImageFont.load_default(44))
    assert "green apples" in read(container, encoded(clear, "PNG")).json()["text"]


def test_a_scanned_pdf_of_two_pages(container: Any) -> None:
    scans = encoded(page(LINES[0]), "PDF", resolution=150, save_all=True, append_images=[page(LINES[1])])
    reading = read(container, scans).json()
    assert [(entry["number"], entry["source"], entry["unit"]) for entry in reading["pages"]] == [
        (1, "ocr", "pt"),
        (2, "ocr", "pt"),
    ]
    assert reading["text"].split("\f") == [LINES[0], LINES[1]]
    assert read(container, scans, pages="2").json()["text"] == LINES[1]
    assert reading["pages"][0]["width"] == pytest.approx(595, abs=2)
    x, y, *_ = reading["pages"][0]["words"][0]["box"]
    assert (x, y) == (pytest.approx(120 * 72 / 150, abs=6), pytest.approx(205 * 72 / 150, abs=8))


def test_a_pdf_with_its_own_text_is_not_guessed_at(container: Any) -> None:
    reading = read(container, pdf_with_text("The quick brown fox jumps over the lazy dog")).json()
    [only] = reading["pages"]
    assert only["source"] == "text"
    assert only["text"] == "The quick brown fox jumps over the lazy dog"
    assert reading["confidence"] == 100


def test_other_files_are_refused_with_their_reason(container: Any) -> None:
    wrong_type = read(container, b"PK\x03\x04 a zip archive")
    assert (wrong_type.status_code, "PNG, JPEG, TIFF or PDF" in wrong_type.text) == (415, True)
    broken_image = read(container, encoded(page(*LINES), "PNG")[:900])
    assert (broken_image.status_code, "broken" in broken_image.text) == (422, True)
    broken_pdf = read(container, b"%PDF-1.7 and then nothing")
    assert (broken_pdf.status_code, "broken" in broken_pdf.text) == (422, True)
    assert container.post("/read", files={"other": b"x"}).status_code == 422


def test_too_large_and_too_many(container: Any) -> None:
    assert read(container, b"\x89PNG\r\n\x1a\n" + bytes(25_100_000)).status_code == 413
    blank = Image.new("1", (60, 60), 1)
    many = read(container, encoded(blank, "TIFF", save_all=True, append_images=[blank] * 50))
    assert (many.status_code, "51 pages" in many.text) == (422, True)


def test_languages_are_those_installed(container: Any) -> None:
    german = encoded(page("Guten Morgen Hamburg"), "PNG")
    for lang in ("deu", "deu+eng"):
        assert read(container, german, lang=lang).json()["text"] == "Guten Morgen Hamburg"
    unknown = read(container, encoded(page("x"), "PNG"), lang="xyz")
    assert (unknown.status_code, "deu, eng" in unknown.text) == (422, True)


def pdf_with_text(text: str) -> bytes:
    """Return a PDF of one A4 page with ``text`` in Helvetica."""
    stream = f"BT /F1 14 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
        + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    )
