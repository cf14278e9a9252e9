"""Read the pages of an image file as grey pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from ocrkit.kinds import Kind
from ocrkit.prepare import Picture, Prepared, prepare
from ocrkit.unreadable import Unreadable

_FORMATS = (Kind.PNG, Kind.JPEG, Kind.TIFF)


def count_pages(data: bytes) -> int:
    """Return the number of pages of a PNG, JPEG or TIFF. Raises Unreadable."""
    with _opened(data) as image:
        return int(getattr(image, "n_frames", 1))


def picture_of(data: bytes, number: int, pixels: int) -> Picture:
    """Return page ``number``, from 1, of a PNG, JPEG or TIFF: grey, height × width.

    Raises Unreadable when the file is broken, or the page has more than ``pixels`` pixels. Its size is checked before
    it is decompressed.
    """
    with _opened(data) as image:
        image.seek(number - 1)
        if image.width * image.height > pixels:
            raise Unreadable(f"{image.width} × {image.height} pixels, at most {pixels} are read")
        ImageOps.exif_transpose(image, in_place=True)
        return on_white(image)


def prepared_page(data: bytes, number: int, pixels: int, turns: int) -> Prepared:
    """Return page ``number`` of an image file, turned counter-clockwise by quarters, and prepared for tesseract."""
    return prepare(picture_of(data, number, pixels), turns)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise Unreadable("a page has too many pixels") from error
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        # Pillow's readers raise exceptions of many kinds: struct.error, TypeError and IndexError, too.
        raise Unreadable("the image is broken") from error


def on_white(image: Image.Image) -> Picture:
    """Return the picture in grey, height × width. Transparent parts become white, like paper."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"), dtype=np.uint8)
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    paper = Image.new("L", layer.size, "white")
    paper.paste(layer.convert("L"), mask=layer.getchannel("A"))
    return np.asarray(paper, dtype=np.uint8)
