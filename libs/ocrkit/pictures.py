"""Read the pages of an image file as pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, ImageSequence

from ocrkit.kinds import Kind
from ocrkit.prepare import Picture
from ocrkit.unreadable import Unreadable

_FORMATS = (Kind.PNG, Kind.JPEG, Kind.TIFF)


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a file: pages, and pixels of each page."""

    pages: int
    pixels: int


def pictures_of(data: bytes, limits: Limits) -> Iterator[Picture]:
    """Yield each page of a PNG, JPEG or TIFF as RGB, height × width × 3.

    Raises Unreadable when the file is broken, or has more or larger pages than ``limits`` allow. The size of a page is
    checked before the page is decompressed.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            allow_pages(getattr(image, "n_frames", 1), limits.pages)
            for number, frame in enumerate(ImageSequence.Iterator(image), start=1):
                if frame.width * frame.height > limits.pixels:
                    size = f"{frame.width} × {frame.height} pixels"
                    raise Unreadable(f"page {number} has {size}, at most {limits.pixels} are read")
                yield on_white(ImageOps.exif_transpose(frame))
    except Image.DecompressionBombError as error:
        raise Unreadable(f"a page has more than {limits.pixels} pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unreadable("the image is broken") from error


def allow_pages(count: int, most: int) -> None:
    """Raise Unreadable for more than ``most`` pages."""
    if count > most:
        raise Unreadable(f"{count} pages, at most {most} are read")


def on_white(image: Image.Image) -> Picture:
    """Return the picture as RGB, height × width × 3. Transparent parts become white, like paper."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
