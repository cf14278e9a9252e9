"""Image files become pictures that tesseract can read, whatever their shape."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ocrkit.pictures import count_pages, picture_of
from ocrkit.prepare import Picture, Prepared, prepare, scale_of
from ocrkit.unreadable import Unreadable

PIXELS = 10_000


def encoded(image: Image.Image, form: str = "PNG", more: tuple[Image.Image, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, save_all=bool(more), append_images=more)
    return buffer.getvalue()


BLANK = Image.new("L", (60, 40), 255)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_page_is_read_as_grey(form: str) -> None:
    picture = picture_of(encoded(BLANK.convert("RGB"), form), 1, PIXELS)
    assert (picture.shape, picture.dtype.name, int(picture.min())) == ((40, 60), "uint8", 255)


def test_each_page_of_a_tiff_is_read() -> None:
    scan = encoded(BLANK, "TIFF", (Image.new("L", (50, 40), 0),))
    assert count_pages(scan) == 2
    assert [picture_of(scan, number, PIXELS).shape for number in (1, 2)] == [(40, 60), (40, 50)]


def test_transparent_parts_become_white() -> None:
    picture = picture_of(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0))), 1, PIXELS)
    assert int(picture.min()) == 255


def test_a_picture_that_its_camera_turned_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    BLANK.save(buffer, "JPEG", exif=exif)
    assert picture_of(buffer.getvalue(), 1, PIXELS).shape == (60, 40)


def test_a_picture_of_sixteen_bits_keeps_its_greys() -> None:
    picture = picture_of(encoded(Image.fromarray(np.full((20, 20), 0x8000, np.uint16))), 1, PIXELS)
    assert int(picture.max()) == 0x80


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encoded(Image.new("L", (101, 100))), "101 × 100 pixels, at most 10000 are read"),
        (encoded(BLANK)[:60], "the image is broken"),
        (encoded(Image.new("L", (30, 30)), "GIF"), "the image is broken"),
        (b"", "the image is broken"),
    ],
    ids=["pixels", "cut", "gif", "empty"],
)
def test_other_files_are_refused_with_their_reason(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        picture_of(data, 1, PIXELS)


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(600, 800, 2.0), (100, 100, 3.0), (2480, 3508, 1.0), (8000, 5000, 0.632), (40_000, 10, 0.8), (4000, 1, 3.0)],
)
def test_a_small_page_is_enlarged_and_no_page_becomes_too_large(width: int, height: int, scale: float) -> None:
    assert scale_of(width, height) == pytest.approx(scale, abs=0.001)


def read(prepared: Prepared) -> Picture:
    """Return the picture that tesseract reads."""
    with Image.open(io.BytesIO(prepared.pgm)) as image:
        return np.asarray(image, dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3000), (40_000, 10), (10, 40_000), (20_000, 20)])
def test_a_picture_of_any_shape_is_prepared(width: int, height: int) -> None:
    page = np.full((height, width), 255, np.uint8)
    page[: height // 2] = 0
    prepared = read(prepare(page))
    assert prepared.ndim == 2 and max(prepared.shape) <= 32_000


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_page_is_prepared_upright_and_its_points_are_found_again(turns: int) -> None:
    """Test a page with a black corner, of the size of the picture that tesseract reads."""
    page = np.full((1200, 1500), 255, np.uint8)
    page[100:200, 1100:1400] = 0
    prepared = prepare(np.rot90(page, -turns), turns)
    picture = read(prepared)
    assert picture.shape == page.shape
    assert int(picture[150, 1250]) == 0 and int(picture[600, 300]) == 255
    x, y = prepared.to_page.apply(1250, 150)
    assert int(np.rot90(page, -turns)[round(y), round(x)]) == 0
    assert (prepared.height, prepared.width) == np.rot90(page, -turns).shape


def text_like(specks: float) -> Picture:
    """Return a page with strokes of 2 pixels, and with so many of its pixels turned dark."""
    page = np.full((1200, 1200), 255, np.uint8)
    page[100:1100:20, 100:1100] = page[101:1101:20, 100:1100] = 0
    random = np.random.default_rng(1)
    page[random.random(page.shape) < specks] = 0
    return page


def test_specks_disappear_and_strokes_stay() -> None:
    clean, specked = read(prepare(text_like(0))), read(prepare(text_like(0.005)))
    assert int((clean == 0).sum()) == 100_000
    assert 99_500 < int((specked == 0).sum()) < 101_000, "7,200 specks are gone, and the ends of some strokes"


def test_a_few_dots_of_a_pixel_are_not_specks() -> None:
    assert int((read(prepare(text_like(0.0005))) == 0).sum()) > 100_500
