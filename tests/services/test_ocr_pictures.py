"""Image files become pictures that tesseract can read, whatever their shape."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ocrkit.pictures import Limits, pictures_of
from ocrkit.prepare import prepare, scale_of
from ocrkit.unreadable import Unreadable

LIMITS = Limits(pages=2, pixels=10_000)


def encoded(image: Image.Image, form: str = "PNG", more: tuple[Image.Image, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, save_all=bool(more), append_images=more)
    return buffer.getvalue()


BLANK = Image.new("L", (60, 40), 255)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_page_is_read_as_rgb(form: str) -> None:
    [picture] = pictures_of(encoded(BLANK, form), LIMITS)
    assert (picture.shape, picture.dtype.name, int(picture.min())) == ((40, 60, 3), "uint8", 255)


def test_each_page_of_a_tiff_is_read() -> None:
    assert len(list(pictures_of(encoded(BLANK, "TIFF", (BLANK,)), LIMITS))) == 2


def test_transparent_parts_become_white() -> None:
    [picture] = pictures_of(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0))), LIMITS)
    assert int(picture.min()) == 255


def test_a_picture_of_sixteen_bits_keeps_its_greys() -> None:
    [picture] = pictures_of(encoded(Image.fromarray(np.full((20, 20), 0x8000, np.uint16))), LIMITS)
    assert int(picture.max()) == 0x80


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encoded(BLANK, "TIFF", (BLANK, BLANK)), "3 pages, at most 2 are read"),
        (encoded(Image.new("L", (101, 100))), "page 1 has 101 × 100 pixels, at most 10000 are read"),
        (encoded(BLANK)[:60], "the image is broken"),
        (encoded(Image.new("L", (30, 30)), "GIF"), "the image is broken"),
        (b"", "the image is broken"),
    ],
    ids=["pages", "pixels", "cut", "gif", "empty"],
)
def test_other_files_are_refused_with_their_reason(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        list(pictures_of(data, LIMITS))


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(600, 800, 2.0), (100, 100, 3.0), (2480, 3508, 1.0), (8000, 5000, 0.632), (40_000, 10, 0.8), (4000, 1, 3.0)],
)
def test_a_small_page_is_enlarged_and_no_page_becomes_too_large(width: int, height: int, scale: float) -> None:
    assert scale_of(width, height) == pytest.approx(scale, abs=0.001)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3000), (40_000, 10), (10, 40_000), (20_000, 20)])
def test_a_picture_of_any_shape_is_prepared(width: int, height: int) -> None:
    page = np.full((height, width, 3), 255, np.uint8)
    page[: height // 2] = 0
    prepared = prepare(page).picture
    assert prepared.ndim == 2 and max(prepared.shape) <= 32_000
