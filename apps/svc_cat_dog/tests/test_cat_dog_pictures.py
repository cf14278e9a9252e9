"""Test how files become the network's picture, and how broken and hostile ones are refused."""

# mypy: allow-untyped-calls
from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin
from svc_cat_dog.pictures import SIDE, Limits, UnknownKind, Unreadable, read_picture
from svc_cat_dog.structure import Kind, Structure, structure_of

LIMITS = Limits(pixels=4_000_000, painted=32_000_000)
PNG = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB", size: tuple[int, int] = (200, 200)) -> Image.Image:
    """A picture that is black on the left and white on the right."""
    image = Image.new("L", size, 0)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill=255)
    return image.convert(mode)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, rows: bytes = b"", *, before: bytes = b"", colour: int = 2) -> bytes:
    """A PNG whose header says anything."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg_with_scans(image: Image.Image, scans: int) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    data = encoded(image, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def jpeg_with_segments(count: int) -> bytes:
    data = encoded(halves(), "JPEG")
    return data[:2] + b"\xff\xe5\x00\x02" * count + data[2:]


def exif(image: Image.Image, orientation: int) -> bytes:
    tags = image.getexif()
    tags[0x0112] = orientation
    return encoded(image, "JPEG", exif=tags, quality=95)


class TestAPicture:
    @pytest.mark.parametrize(
        ("mode", "form"),
        [(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
        + [(mode, "JPEG") for mode in ("L", "RGB", "CMYK")],
    )
    def test_its_left_is_black_and_its_right_is_white(self, mode: str, form: str) -> None:
        image = halves("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else halves(mode)
        pixels = read_picture(encoded(image, form), LIMITS)
        assert pixels.shape == (SIDE, SIDE, 3) and pixels.dtype == np.uint8
        assert pixels[:, : SIDE // 2 - 1].max() < 8 and pixels[:, SIDE // 2 + 1 :].min() > 247

    def test_a_picture_of_the_network_s_size_is_not_changed(self) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        assert (read_picture(encoded(Image.fromarray(noise)), LIMITS) == noise).all()

    def test_the_middle_of_a_wide_picture_is_seen(self) -> None:
        image = Image.new("RGB", (900, 100), "white")
        image.paste((255, 0, 0), (400, 0, 500, 100))
        assert (read_picture(encoded(image), LIMITS) == (255, 0, 0)).all()

    def test_transparency_becomes_white(self) -> None:
        assert (read_picture(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0))), LIMITS) == 255).all()
        clear = Image.new("P", (50, 50), 0)
        clear.putpalette([0, 0, 0])
        assert (read_picture(encoded(clear, transparency=0), LIMITS) == 255).all()

    def test_a_turned_camera_s_picture_is_seen_upright(self) -> None:
        upright = read_picture(exif(halves(size=(400, 400)), orientation=3), LIMITS)
        assert upright[:, :10].min() > 240 and upright[:, -10:].max() < 15

    @pytest.mark.parametrize("size", [(16, 16), (17, 400), (2000, 2000)])
    def test_any_allowed_size_is_read(self, size: tuple[int, int]) -> None:
        for form in ("PNG", "JPEG"):
            assert read_picture(encoded(halves(size=size), form), LIMITS).shape == (SIDE, SIDE, 3)


WHOLE_PNG, WHOLE_JPEG = encoded(halves()), encoded(halves(), "JPEG")
NOT_PICTURES = {
    "nothing": b"",
    "text": b"cat",
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "a GIF": encoded(halves(), "GIF"),
    "a WebP": encoded(halves(), "WEBP"),
    "a TIFF": encoded(halves(), "TIFF"),
    "a BMP": encoded(halves(), "BMP"),
    "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a PDF": b"%PDF-1.7",
    "a PostScript file": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "a PNG after a blank": b" " + WHOLE_PNG,
    "half of PNG's signature": PNG[:4],
}
BROKEN = {
    "PNG's signature alone": PNG,
    "a PNG cut in its header": WHOLE_PNG[:20],
    "a PNG cut in its data": WHOLE_PNG[:-40],
    "a PNG without data": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)),
    "a PNG with a wrong checksum": WHOLE_PNG[:40] + bytes([WHOLE_PNG[40] ^ 255]) + WHOLE_PNG[41:],
    "a PNG of no width": png(0, 64),
    "a PNG of an unknown colour type": png(64, 64, colour=5),
    "a PNG whose data are not deflated": PNG
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", b"\x00" * 100),
    "a PNG chunk longer than the file": PNG + struct.pack(">I", 0x7FFFFFFF) + b"IHDR" + bytes(30),
    "a PNG chunk of negative length": PNG + b"\xff\xff\xff\xff" + b"IHDR" + bytes(30),
    "a palette PNG without palette": png(64, 64, bytes(65 * 64), colour=3),
    "a JPEG without its end": WHOLE_JPEG[:-2],
    "a JPEG cut in its header": WHOLE_JPEG[:30],
    "a JPEG cut in its data": WHOLE_JPEG[: len(WHOLE_JPEG) // 2],
    "JPEG's signature alone": b"\xff\xd8\xff",
    "a JPEG without a picture": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9",
    "a JPEG of zeros": b"\xff\xd8\xff" + bytes(10_000),
    "a JPEG of fill bytes": b"\xff\xd8" + b"\xff" * 10_000,
}
#: Faults that other programs forgive, too.
FORGIVEN = {
    "a PNG with too few rows": png(64, 64, bytes(64 * 3 + 1)),
    "a JPEG segment of no length": WHOLE_JPEG[:2] + b"\xff\xe1\x00\x00" + WHOLE_JPEG[2:],
    "a PNG with a zip archive behind it": WHOLE_PNG + b"PK\x03\x04" * 100,
}
TOO_MUCH = {
    "a PNG of 2 gigapixels in 100 bytes": (png(50_000, 50_000), "pixels"),
    "a PNG of the largest width": (png(2**31 - 1, 16), "pixels"),
    "a PNG just above the limit": (png(2001, 2000), "more than 4000000 pixels"),
    "a JPEG above the limit": (encoded(Image.new("L", (2100, 2000)), "JPEG"), "pixels"),
    "a JPEG whose header says 65,535 squared": (
        WHOLE_JPEG.replace(b"\xff\xc0\x00\x11\x08\x00\xc8\x00\xc8", b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff"),
        "pixels",
    ),
    "a picture of one pixel": (encoded(Image.new("RGB", (1, 1))), "each side needs 16"),
    "a line": (encoded(Image.new("RGB", (4000, 1))), "each side needs 16"),
    "a JPEG of 1,000 scans": (jpeg_with_scans(halves(), 1000), "too many parts"),
    "a large JPEG of 60 scans": (jpeg_with_scans(halves(size=(1500, 1500)), 50), "too much work"),
    "a JPEG of a million segments": (jpeg_with_segments(1_000_000), "too many parts"),
    "a PNG of half a million chunks": (png(64, 64, before=chunk(b"tEXt", b"") * 500_000), "too many parts"),
}


@pytest.mark.parametrize("data", NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_another_file_is_of_an_unknown_kind(data: bytes) -> None:
    with pytest.raises(UnknownKind, match="not a JPEG or PNG"):
        read_picture(data, LIMITS)


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="broken"):
        read_picture(data, LIMITS)


@pytest.mark.parametrize("data", FORGIVEN.values(), ids=FORGIVEN)
def test_a_small_fault_is_forgiven(data: bytes) -> None:
    assert read_picture(data, LIMITS).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(("data", "why"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_work_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_picture(data, LIMITS)


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_compressed_text_that_grows_a_thousandfold_costs_little(name: bytes) -> None:
    bomb = zlib.compress(bytes(100 << 20), 1)
    data = png(64, 64, bytes(64 * (64 * 3 + 1)), before=chunk(name, b"x\x00\x00" + bomb))
    tracemalloc.start()
    with contextlib.suppress(Unreadable):
        read_picture(data, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20


def test_a_text_of_a_picture_is_not_looked_at() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>" * 1000)
    assert read_picture(encoded(halves(), pnginfo=info), LIMITS).shape == (SIDE, SIDE, 3)


class TestTheStructure:
    def test_of_ordinary_pictures(self) -> None:
        assert structure_of(WHOLE_PNG) == Structure(Kind.PNG, parts=3)
        found = structure_of(encoded(halves("RGB"), "JPEG"))
        assert found and found.kind is Kind.JPEG and 5 < found.parts < 12 and found.scans == 1
        progressive = structure_of(encoded(halves("RGB"), "JPEG", progressive=True))
        assert progressive and progressive.scans == 10

    def test_parts_and_scans_are_counted(self) -> None:
        plain, longer = structure_of(WHOLE_JPEG), structure_of(jpeg_with_segments(500))
        assert plain and longer and (longer.parts, longer.scans) == (plain.parts + 500, 1)
        once, often = structure_of(jpeg_with_scans(halves(), 1)), structure_of(jpeg_with_scans(halves(), 100))
        assert once and often and often.scans == once.scans + 99

    @pytest.mark.parametrize("data", [WHOLE_JPEG, WHOLE_PNG], ids=["JPEG", "PNG"])
    def test_a_file_may_end_anywhere(self, data: bytes) -> None:
        whole = structure_of(data)
        assert whole
        for length in range(0, len(data), 7):
            found = structure_of(data[:length])
            assert found is None or found.parts <= whole.parts
