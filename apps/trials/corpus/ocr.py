"""Try svc-ocr: PDFs that make their reader work for hours, broken page trees, and pictures of odd shapes."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw, ImageFont

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Trial
from apps.trials.inputs.http import upload_door, wire

#: Shorter than in production, so that the trial of a file without an end is short.
LIMITS = {"PARSE_SECONDS": "12", "PAGE_SECONDS": "30"}
FONT = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
FACE = ImageFont.load_default(40)
READ, READ_OR_REFUSED = {200}, {200, 422}


def pdf(*objects: str | bytes) -> bytes:
    """Return a PDF of these objects, numbered from 1. The first one is the catalogue."""
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content if isinstance(content, bytes) else content.encode())
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table) + end


def stream(data: bytes, head: str = "") -> bytes:
    packed = zlib.compress(data)
    return b"<< %s /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (head.encode(), len(packed), packed)


def page(content: bytes, *more: bytes, box: str = "0 0 595 842", resources: str = FONT) -> bytes:
    """Return a PDF of one page. ``more`` are the objects from 5 on, which its resources name."""
    kind = f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R /Resources << {resources} >> >>"
    tree = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf("<< /Type /Catalog /Pages 2 0 R >>", tree, kind, stream(content), *more)


def nested(depth: int, innermost: bytes) -> bytes:
    """Return a page that draws a form ten times, which draws another one ten times, and so on."""
    head = "/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << %s >>"
    outer = [stream(b"/X Do " * 10, head % f"/XObject << /X {6 + level} 0 R >>") for level in range(depth - 1)]
    return page(b"/X Do", *outer, stream(innermost, head % FONT), resources="/XObject << /X 5 0 R >>")


def tree(kids: str, count: int) -> bytes:
    leaf = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
    return pdf("<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>", leaf)


def picture(width: int, height: int, mode: str = "L", form: str = "PNG") -> bytes:
    """Return a white picture with a few lines."""
    drawn = Image.new(mode, (width, height), "white")
    for row in range(0, height, max(height // 5, 1)):
        ImageDraw.Draw(drawn).text((5, row), "lorem ipsum dolor sit amet", fill="black", font=FACE)
    return encoded(drawn, form)


def encoded(drawn: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    drawn.save(buffer, form)
    return buffer.getvalue()


def large_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says it has this size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk


def looped_tiff() -> bytes:
    """Return a TIFF whose second directory is its first one."""
    entries = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 64)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", 8)


def sheet(number: int) -> bytes:
    """Return an A4 page at 150 dpi with 20 lines."""
    drawn = Image.new("L", (1240, 1754), 255)
    font = ImageFont.load_default(24)
    for row in range(20):
        line = f"Line {row} of letter {number} says that the crates are ready."
        ImageDraw.Draw(drawn).text((100, 100 + 38 * row), line, fill=0, font=font)
    return encoded(drawn)


def read(data: bytes, query: str = "") -> Request:
    return Request("/read" + query, files={"file": ("a", data)})


TRIAL = Trial(
    image="svc-ocr",
    env=LIMITS,
    request=lambda number: read(sheet(number)),
    clients=4,
    largest=Largest(lambda number: read(picture(5000, 7990 + number, "RGBA"))),
    hostile={
        **wire("/read"),
        **upload_door("/read"),
        "pdf: an empty page of 14 m": Hostile(lambda: read(page(b"", box="0 0 40000 72")), READ, 60),
        "pdf: a page of 50 km": Hostile(lambda: read(page(b"", box="0 0 150000000 150000000"))),
        "pdf: 10¹² drawings in 3 KB": Hostile(lambda: read(nested(12, b"0 0 m")), seconds=40),
        "pdf: 10¹² words in 3 KB": Hostile(lambda: read(nested(12, b"BT /F 9 Tf (ha) Tj ET")), seconds=40),
        "pdf: a million words in 2 KB": Hostile(lambda: read(nested(6, b"BT /F 9 Tf (ha) Tj ET")), seconds=40),
        "pdf: nine million words": Hostile(lambda: read(page(b"BT /F 9 Tf " + b"(h)Tj " * 9_000_000)), seconds=40),
        "pdf: 400 MB of blanks": Hostile(lambda: read(page(b" " * 400_000_000)), READ_OR_REFUSED, 60),
        "pdf: a count that lies": Hostile(lambda: read(tree("3 0 R", 40))),
        "pdf: one page 51 times": Hostile(lambda: read(tree("3 0 R " * 51, 51))),
        "pdf: a tree in a circle": Hostile(lambda: read(tree("2 0 R", 2))),
        "pdf: a negative count": Hostile(lambda: read(tree("3 0 R", -1)), READ_OR_REFUSED),
        "pdf: a header alone": Hostile(lambda: read(b"%PDF-1.7")),
        "pdf: a table without an end": Hostile(lambda: read(b"%PDF-1.7\n" + b"xref\n0 999999999\n" * 100_000)),
        "pdf: a page that it has not": Hostile(lambda: read(tree("3 0 R", 1), "?pages=2")),
        "pages of no number": Hostile(lambda: read(tree("3 0 R", 1), "?pages=one")),
        "pages beyond all numbers": Hostile(lambda: read(tree("3 0 R", 1), "?pages=1-99999999999999999999")),
        "a language that is a file": Hostile(lambda: read(tree("3 0 R", 1), "?lang=../../etc/passwd")),
        "image: 900 Mpx in 33 bytes": Hostile(lambda: read(large_header(30_000, 30_000))),
        "image: 40 Mpx, see-through": Hostile(lambda: read(picture(5000, 8000, "RGBA")), READ, 60),
        "image: a letter at 600 dpi": Hostile(lambda: read(picture(5100, 6600)), READ, 60),
        "image: a till roll": Hostile(lambda: read(picture(400, 20_000)), READ_OR_REFUSED, 60),
        "image: 40000 × 10": Hostile(lambda: read(picture(40_000, 10)), READ),
        "image: 10 × 100000": Hostile(lambda: read(picture(10, 100_000)), READ),
        "image: one pixel": Hostile(lambda: read(encoded(Image.new("L", (1, 1)))), READ),
        "image: noise": Hostile(lambda: read(encoded(Image.effect_noise((1000, 1000), 100))), READ_OR_REFUSED, 120),
        "image: a TIFF in a circle": Hostile(lambda: read(looped_tiff()), READ_OR_REFUSED),
        "image: cut off": Hostile(lambda: read(picture(1000, 1000)[:2000])),
    },
)
