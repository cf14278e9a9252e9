"""Make images that are broken, lie about themselves, or cost their reader much memory or time."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFont

PNG = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str = "L") -> Image.Image:
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(width * height * len(mode)))


def checkerboard(width: int, height: int) -> Image.Image:
    return Image.frombytes("L", (2, 2), b"\x00\xff\xff\x00").resize((width, height), Image.Resampling.NEAREST)


def lines(width: int = 600, height: int = 600, text: str = "lorem ipsum dolor sit amet") -> Image.Image:
    """Return a white image with a few lines."""
    image = Image.new("L", (width, height), 255)
    for row in range(0, height, max(height // 5, 1)):
        ImageDraw.Draw(image).text((5, row), text, fill=0, font=ImageFont.load_default(30))
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, depth: int = 1, color: int = 0, data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return PNG + head + b"".join(more) + chunk(b"IDAT", zlib.compress(data, 1)) + chunk(b"IEND", b"")


def tiff(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    """Return a TIFF of one directory: tag, type, count, value of each entry, and where the next directory is."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", after)


def tiff_of(width: int, height: int, *, strip: int = 1 << 30, compression: int = 1, after: int = 0) -> bytes:
    return tiff(
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, strip), after=after,
    )  # fmt: skip


def bomb(kind: bytes) -> bytes:
    """Return a chunk whose text or profile has 200 MB."""
    return chunk(kind, b"a\x00\x00" + zlib.compress(bytes(200_000_000), 1))


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def scans(width: int, height: int, number: int) -> bytes:
    """Return a progressive JPEG that paints its pixels again and again."""
    whole = encoded(Image.new("L", (width, height), 200), "JPEG", progressive=True)
    first = whole.index(b"\xff\xda")
    second = whole.find(b"\xff\xda", first + 2)
    return whole[:first] + whole[first:second] * number + whole[second:]


def broken(form: str, seed: int) -> Callable[[], bytes]:
    """Return a function that makes a file with twenty random bytes after its first 16."""

    def made() -> bytes:
        chosen, changed = random.Random(seed), bytearray(encoded(lines(300, 300), form))
        for _ in range(20):
            changed[chosen.randrange(16, len(changed))] = chosen.randrange(256)
        return bytes(changed)

    return made


def pages(number: int, side: int = 60) -> bytes:
    page = Image.new("1", (side, side), 1)
    return encoded(page, "TIFF", save_all=True, append_images=[page] * (number - 1), compression="group4")


#: Files of other kinds, which a service may tell by their first bytes.
NOT_IMAGES: dict[str, bytes] = {
    "ZIP": b"PK\x03\x04",
    "PDF": b"%PDF-1.7",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "GIF": b"GIF89a",
    "WebP": b"RIFF\x00\x00\x00\x00WEBP",
    "HEIC": b"\x00\x00\x00\x18ftypheic",
    "a program": b"\x7fELF",
    "a text": b"hello",
    "one byte": b"\x89",
    "a PNG after a blank": b" " + PNG,
}
PNGS: dict[str, Callable[[], bytes]] = {
    "PNG: its first bytes alone": lambda: PNG,
    "PNG: 900 Mpx in its head": lambda: png(30_000, 30_000),
    "PNG: 2³¹ pixels wide and high": lambda: png((1 << 31) - 1, (1 << 31) - 1),
    "PNG: no pixels": lambda: png(0, 0),
    "PNG: 300 MB for 64 pixels": lambda: png(8, 8, data=bytes(300_000_000)),
    "PNG: one byte for 36 Mpx": lambda: png(6000, 6000, data=b"\x00"),
    "PNG: a text of 200 MB": lambda: png(80, 80, bomb(b"zTXt"), data=bytes(880)),
    "PNG: a profile of 200 MB": lambda: png(80, 80, bomb(b"iCCP"), data=bytes(880)),
    "PNG: 200,000 empty parts": lambda: png(80, 80, chunk(b"teXt", b"") * 200_000, data=bytes(880)),
    "PNG: no palette": lambda: png(80, 80, depth=8, color=3, data=bytes(6480)),
    "PNG: an unknown colour": lambda: png(80, 80, depth=8, color=5, data=bytes(6480)),
    "PNG: a wrong checksum": lambda: png(80, 80, data=bytes(880))[:-20] + bytes(20),
    "PNG: 51 frames": lambda: encoded(lines(80, 80), save_all=True, append_images=[noise(80, 80)] * 50),
    "PNG: cut": lambda: cut(encoded(lines())),
    "PNG: one pixel": lambda: encoded(Image.new("L", (1, 1))),
    "PNG: 40000 × 10": lambda: encoded(Image.new("L", (40_000, 10), 255)),
    "PNG: 10 × 100000": lambda: encoded(Image.new("L", (10, 100_000), 255)),
    "PNG: 10 Mpx, black": lambda: encoded(Image.new("L", (2500, 4000))),
    "PNG: 10 Mpx, transparent": lambda: encoded(Image.new("RGBA", (2500, 4000)), compress_level=1),
    "PNG: 16 bits": lambda: encoded(Image.new("I;16", (500, 500), 60_000)),
    "PNG: noise": lambda: encoded(noise(500, 500), compress_level=1),
}
JPEGS: dict[str, Callable[[], bytes]] = {
    "JPEG: its first bytes alone": lambda: b"\xff\xd8\xff\xe0",
    "JPEG: 4 Gpx in its head": lambda: b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + bytes(50),
    "JPEG: cut": lambda: cut(encoded(lines(), "JPEG")),
    "JPEG: CMYK": lambda: encoded(Image.new("CMYK", (800, 800)), "JPEG"),
    "JPEG: progressive noise": lambda: encoded(noise(800, 800), "JPEG", progressive=True),
    "JPEG: 4 Mpx in 100 scans": lambda: scans(2000, 2000, 100),
    "JPEG: half a million markers": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000,
}
TIFFS: dict[str, Callable[[], bytes]] = {
    "TIFF: its first bytes alone": lambda: b"II*\x00",
    "TIFF: its second page is its first": lambda: tiff_of(80, 80, after=8),
    "TIFF: a strip far outside": lambda: tiff_of(5000, 5000),
    "TIFF: 4 Gpx": lambda: tiff_of(65_000, 65_000),
    "TIFF: no pixels": lambda: tiff_of(0, 0),
    "TIFF: an unknown compression": lambda: tiff_of(80, 80, compression=9999),
    "TIFF: broken LZW": lambda: tiff_of(800, 800, strip=100, compression=5),
    "TIFF: a broken JPEG": lambda: tiff_of(800, 800, strip=100, compression=7),
    "TIFF: 2³⁰ widths": lambda: tiff((256, 4, 1 << 30, 8)),
    "TIFF: unknown types": lambda: tiff((256, 99, 1, 8), (257, 0, 0, 0)),
    "TIFF: 11 pages": lambda: pages(11),
    "TIFF: 1,000 pages": lambda: pages(1000),
    "TIFF: ten pages of 4 Mpx": lambda: pages(10, 2000),
    "TIFF: no numbers": lambda: encoded(Image.new("F", (80, 80), float("nan")), "TIFF"),
}
BROKEN: dict[str, Callable[[], bytes]] = {
    f"{form}: twenty other bytes, {seed}": broken(form, seed) for form in ("PNG", "JPEG", "TIFF") for seed in range(3)
}
IMAGES = PNGS | JPEGS | TIFFS | BROKEN
