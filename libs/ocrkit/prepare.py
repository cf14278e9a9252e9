"""Make a page's picture easy to read: grey, upright, large enough, black on white.

The functions are pure: an array in, an array out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocrkit.words import Affine, quarter_turned

Picture = NDArray[np.uint8]

#: In pixels. Tesseract reads best when capital letters are 20–40 pixels tall, so smaller pictures are enlarged.
_SHORT_SIDE = 1200
_LARGEST_SCALE = 3.0
#: Tesseract refuses a picture with a longer side, and OpenCV cannot turn one.
_LONGEST_SIDE = 32_000
#: Bounds time and memory, whatever the picture's shape. An A4 page has 8.7 million pixels at 300 dpi.
_MOST_PIXELS = 16_000_000
_STEEPEST = 8.0
_NOT_WORTH_TURNING = 0.1
_SKETCH_SIDE = 800
#: In pixels, odd: wide enough that the paper outweighs a stroke, and narrow enough to follow a shadow.
_PAPER_AROUND = 75
#: A speck is darker than each of its neighbours by more than this.
_STARK = 60
_MANY_SPECKS = 1 / 1000
#: In pixels: the short side of a page at 300 dpi is longer, and that of a page at 200 dpi is shorter.
_FINE = 2000


@dataclass(frozen=True)
class Prepared:
    """Hold the picture that tesseract reads, as a grey Netpbm file, which costs no compression.

    ``to_page`` maps its pixels to those of the page. ``width`` and ``height`` are the page's.
    """

    pgm: bytes
    to_page: Affine
    width: int
    height: int


def prepare(page: Picture, turns: int = 0) -> Prepared:
    """Return the grey ``page``, height × width of 8 bits, prepared for tesseract.

    The page is first turned counter-clockwise by ``turns`` quarters.
    """
    grey = _without_specks(_dark_on_light(np.ascontiguousarray(np.rot90(page, turns))))
    skew = skew_of(grey)
    height, width = grey.shape
    scale = scale_of(width, height)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), skew, scale)
    turn[:, 2] += ((scale - 1) * width / 2, (scale - 1) * height / 2)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    upright = cv2.warpAffine(grey, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    to_turned = Affine(*map(float, cv2.invertAffineTransform(turn).ravel()))
    to_page = quarter_turned(turns, page.shape[1], page.shape[0]).after(to_turned)
    return Prepared(_as_pgm(_black_on_white(upright)), to_page, page.shape[1], page.shape[0])


def scale_of(width: int, height: int) -> float:
    """Return the factor by which a picture is enlarged, or made smaller, before tesseract reads it."""
    wanted = min(max(_SHORT_SIDE / min(height, width), 1.0), _LARGEST_SCALE)
    return min(wanted, _LONGEST_SIDE / max(height, width), math.sqrt(_MOST_PIXELS / (height * width)))


def skew_of(grey: Picture) -> float:
    """Return the degrees to turn ``grey`` counter-clockwise until its lines are level.

    The result is 0 when the lines are almost level, and at most about 9 in either direction. Lines are level when the
    ink per row changes most from row to row (Postl's projection profile).
    """
    shrink = min(1.0, _SKETCH_SIDE / max(grey.shape))
    height, width = (max(round(side * shrink), 1) for side in grey.shape)
    sketch = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    _, ink = cv2.threshold(sketch, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    best = _sharpest(ink, np.arange(-_STEEPEST, _STEEPEST + 1, 1.0))
    best = _sharpest(ink, np.arange(best - 0.9, best + 0.95, 0.1))
    if abs(best) < _NOT_WORTH_TURNING or _sharpness(ink, best) <= 1.02 * _sharpness(ink, 0.0):
        return 0.0
    return best


def _sharpest(ink: cv2.typing.MatLike, angles: NDArray[np.float64]) -> float:
    return float(max(angles, key=lambda angle: _sharpness(ink, float(angle))))


def _sharpness(ink: cv2.typing.MatLike, angle: float) -> float:
    height, width = ink.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    rows = cv2.warpAffine(ink, turn, (width, height), flags=cv2.INTER_NEAREST).sum(axis=1, dtype=np.float64)
    return float(np.square(np.diff(rows)).sum())


def _dark_on_light(grey: Picture) -> Picture:
    """Invert a picture of light text on black. The median tells, because most of a page is paper."""
    return grey if float(np.median(grey)) >= 96 else np.subtract(255, grey, dtype=np.uint8)


def _without_specks(grey: Picture) -> Picture:
    """Replace dark pixels that touch no other dark pixel, when there are many of them: dust, or a bad scanner.

    A median filter removes more of them. Below 300 dpi it also removes the thin strokes of real typefaces, so only the
    specks are replaced there. The smallest letters have dots of a single pixel, but fewer of them.
    """
    around = np.ones((3, 3), np.uint8)
    around[1, 1] = 0
    specks = cv2.subtract(cv2.erode(grey, around), grey) > _STARK
    if np.count_nonzero(specks) < _MANY_SPECKS * grey.size:
        return grey
    calm = cv2.medianBlur(grey, 3).astype(np.uint8)
    return calm if min(grey.shape) >= _FINE else np.where(specks, calm, grey)


def _black_on_white(grey: cv2.typing.MatLike) -> Picture:
    """Return the picture in black on white, also when the paper is darker towards an edge.

    Each pixel is compared with its surroundings.
    """
    paper = cv2.medianBlur(cv2.dilate(grey, np.ones((7, 7), np.uint8)), _PAPER_AROUND)
    flat = cv2.divide(grey, np.maximum(paper, 1), scale=255)
    _, binary = cv2.threshold(flat, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return binary.astype(np.uint8)


def _as_pgm(picture: Picture) -> bytes:
    height, width = picture.shape
    return b"P5 %d %d 255\n" % (width, height) + picture.tobytes()
