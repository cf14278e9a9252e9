"""Turn an uploaded file into the small square picture that the network sees.

The work for a file is bounded before it begins: by the pixels in its header, by its parts, and by the scans of a
progressive JPEG.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from svc_cat_dog.structure import MOST_PARTS, Kind, structure_of

#: Side of the network's picture, in pixels.
SIDE = 32
#: The network's picture: SIDE × SIDE × RGB.
Pixels: TypeAlias = npt.NDArray[np.uint8]

_SMALLEST_SIDE = 16
#: Cameras and editors write at most about a dozen scans.
_MOST_SCANS = 64


class UnknownKind(Exception):
    """Report a file that is neither a JPEG nor a PNG."""


class Unreadable(Exception):
    """Report a JPEG or PNG that is broken, or too much work. The message names the cause."""


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a picture.

    ``pixels``: width × height. ``painted``: the pixels of all scans of a progressive JPEG together.
    """

    pixels: int
    painted: int


def read_picture(data: bytes, limits: Limits) -> Pixels:
    """Return the middle of the picture, upright, on white, in SIDE × SIDE pixels. Raises UnknownKind or Unreadable."""
    structure = structure_of(data)
    if structure is None:
        raise UnknownKind("the file is not a JPEG or PNG")
    if structure.parts > MOST_PARTS or structure.scans > _MOST_SCANS:
        raise Unreadable(f"the {structure.kind} consists of too many parts")
    try:
        with Image.open(io.BytesIO(data), formats=[structure.kind]) as image:
            _check_size(image.width, image.height, structure.scans, limits)
            if structure.kind is Kind.JPEG:
                image.draft("RGB", (4 * SIDE, 4 * SIDE))  # the decoder scales the picture down, which saves memory
            return _reduced(image)
    except Unreadable:
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable(f"the picture has more than {limits.pixels} pixels (MAX_PIXELS)") from error
    except Exception as error:  # for a broken file Pillow raises almost any exception, an AssertionError included
        raise Unreadable(f"the {structure.kind} is broken") from error


def _check_size(width: int, height: int, scans: int, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise Unreadable(f"the picture has {width} × {height}, so more than {limits.pixels} pixels (MAX_PIXELS)")
    if min(width, height) < _SMALLEST_SIDE:
        raise Unreadable(f"the picture has {width} × {height} pixels, and each side needs {_SMALLEST_SIDE}")
    if width * height * scans > limits.painted:
        raise Unreadable(f"the JPEG paints its {width} × {height} pixels {scans} times: too much work")


def _reduced(image: Image.Image) -> Pixels:
    """Return the network's picture. Only the first steps work on all pixels, so that no large copies exist."""
    direct = _averageable(image)
    small = direct.reduce(max(1, min(direct.size) // (8 * SIDE)))
    upright = _opaque(ImageOps.exif_transpose(small))
    return np.asarray(ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)


def _averageable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode whose values are brightnesses of 8 bits, not indexes of a palette."""
    if image.mode.startswith("I"):
        brightness = np.asarray(image)
        return Image.fromarray((brightness >> 8).astype(np.uint8))
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _opaque(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, its transparent parts on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
