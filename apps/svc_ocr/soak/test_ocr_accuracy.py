"""Measure the errors per character of the running svc-ocr, on pages that are drawn or real, and spoiled.

The limits are a little above the measured rates. A change of the preparation that costs accuracy exceeds one of them.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from slipway.testing.plugin import Container

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="2g")]

PROSE = """\
The harbour lay quiet under a grey morning, and the first boats had not yet come in. Martha Quill counted the crates
on the quay: seventeen of apples, nine of pears, and four that carried no label. She wrote each number in her book,
drew a line beneath it, and waited for the bell. At half past six the "Evening Star" rounded the point, her sails
patched and her deck crowded with baskets. "You are late," said Martha. "We had no wind until three," the captain
answered, "and then we had too much of it." He handed her a folded paper: invoice 2041 for 318.50 euros, payable within
30 days. She read it twice. The price of a crate had risen by 12 % since March, and the fee for the mooring was new.
Behind her the market began to stir. Carts rattled over the stones, a dog barked, and somewhere a window opened. It
would be a long day, she thought, but a good one; the fog was lifting, and beyond the breakwater the sea shone like
polished tin. She signed the paper, kept the copy, and walked back along the wall to where the others were waiting.
"""


def page(dpi: int) -> Image.Image:
    """Return an A4 page with the prose at 11 points, and a heading."""
    width, height = round(8.27 * dpi), round(11.69 * dpi)
    image = Image.new("L", (width, height), 255)
    font = ImageFont.load_default(11 * dpi / 72)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines()):
        draw.text((dpi, dpi + row * 15 * dpi / 72), line, fill=0, font=font)
    return image


def lines() -> list[str]:
    return textwrap.wrap(" ".join(PROSE.split()), 72)


def specked(share: float) -> Callable[[Image.Image], Image.Image]:
    """Return a function that turns a share of the pixels black or white."""

    def spoiled(image: Image.Image) -> Image.Image:
        generator, pixels = np.random.default_rng(7), np.asarray(image).copy()
        chosen = generator.random(pixels.shape) < share
        pixels[chosen] = generator.choice([0, 255], int(chosen.sum()))
        return Image.fromarray(pixels)

    return spoiled


def noisy(image: Image.Image) -> Image.Image:
    generator, pixels = np.random.default_rng(7), np.asarray(image).astype(float)
    return Image.fromarray(np.clip(pixels + generator.normal(0, 25, pixels.shape), 0, 255).astype(np.uint8))


def shaded(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).astype(float)
    return Image.fromarray((pixels * np.linspace(1, 0.35, pixels.shape[1])).astype(np.uint8))


def compressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=20)
    return Image.open(buffer).convert("L")


def turned(degrees: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.rotate(degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)


#: Name → how a page is spoiled, and the highest share of wrong characters at 150, 200 and 300 dpi.
SPOILED: dict[str, tuple[Callable[[Image.Image], Image.Image], tuple[float, float, float]]] = {
    "clean": (lambda image: image, (0.01, 0.01, 0.01)),
    "specks": (specked(0.01), (0.02, 0.02, 0.02)),
    "specks-and-noise": (lambda image: noisy(specked(0.01)(image)), (0.05, 0.03, 0.02)),
    "turned-2": (turned(2), (0.01, 0.01, 0.01)),
    "turned-minus-5": (turned(-5), (0.01, 0.01, 0.01)),
    "turned-90": (turned(90), (0.01, 0.01, 0.01)),
    "turned-180": (turned(180), (0.01, 0.01, 0.01)),
    "turned-270": (turned(270), (0.01, 0.01, 0.01)),
    "turned-88": (turned(88), (0.02, 0.02, 0.02)),
    "blurred": (lambda image: image.filter(ImageFilter.GaussianBlur(1.2)), (0.05, 0.02, 0.01)),
    "compressed": (compressed, (0.02, 0.01, 0.01)),
    "shadow": (shaded, (0.01, 0.01, 0.01)),
}


#: Pages of manuals that three programs typeset. Their text layers are the truth. LICENCES.md names their origin.
REAL = sorted((Path(__file__).parent / "real").glob("*.pdf"))

#: Name → how a real page is spoiled, and the highest mean share of wrong characters at 150, 200 and 300 dpi.
SPOILED_REAL: dict[str, tuple[Callable[[Image.Image], Image.Image], tuple[float, float, float]]] = {
    "clean": (lambda image: image, (0.013, 0.01, 0.01)),
    "specks-and-noise": (lambda image: noisy(specked(0.01)(image)), (0.022, 0.021, 0.016)),
    "turned-minus-5-and-noise": (lambda image: noisy(turned(-5)(image)), (0.017, 0.014, 0.013)),
    "blurred": (lambda image: image.filter(ImageFilter.GaussianBlur(1.2)), (0.026, 0.015, 0.013)),
}

#: Typefaces draw these alike, and tesseract writes the plain ones.
_PLAIN = str.maketrans("‘’“”–—", "''\"\"--")


def plain(text: str) -> str:
    """Return the text without ligatures and typographic quotes, with one blank between words."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN).split())


def distance(left: str, right: str) -> int:
    """Return the number of characters to insert, delete or replace (Levenshtein)."""
    row = list(range(len(right) + 1))
    for place, letter in enumerate(left, start=1):
        before, row[0] = row[0], place
        for column, other in enumerate(right, start=1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (letter != other))
    return row[-1]


def read(container: Container, image: Image.Image) -> tuple[str, float]:
    """Return the text that the service reads, and its confidence."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    reading = container.post("/read", files={"file": ("page.png", buffer.getvalue())}, timeout=120).json()
    return plain(reading["text"]), reading["confidence"]


@pytest.mark.parametrize("place", range(3), ids=["150dpi", "200dpi", "300dpi"])
@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_page_is_read_with_few_wrong_characters(container: Container, name: str, place: int) -> None:
    spoil, most = SPOILED[name]
    text, confidence = read(container, spoil(page((150, 200, 300)[place])))
    expected = " ".join(lines())
    wrong = distance(text, expected) / len(expected)
    print(f"{name}: {wrong:.1%} wrong, confidence {confidence}")
    assert wrong <= most[place]


@pytest.mark.parametrize("place", range(3), ids=["150dpi", "200dpi", "300dpi"])
@pytest.mark.parametrize("name", SPOILED_REAL)
def test_pages_of_real_documents_are_read_with_few_wrong_characters(
    container: Container, name: str, place: int
) -> None:
    spoil, most = SPOILED_REAL[name]
    wrong: dict[str, float] = {}
    for path in REAL:
        with pymupdf.open(path) as document:
            for one in document:
                drawn = one.get_pixmap(dpi=(150, 200, 300)[place], colorspace=pymupdf.csGRAY)
                expected = plain(one.get_text())
                text, _ = read(container, spoil(Image.frombytes("L", (drawn.width, drawn.height), drawn.samples)))
                wrong[f"{path.stem} {one.number}"] = distance(text, expected) / len(expected)
    mean = sum(wrong.values()) / len(wrong)
    print(f"{name}: {mean:.2%} wrong", {page: f"{share:.2%}" for page, share in wrong.items()})
    assert len(wrong) == 5 and mean <= most[place]


def test_the_measure_counts_each_wrong_character() -> None:
    assert (distance("kitten", "sitting"), distance("", "abc"), distance("abc", "abc")) == (3, 3, 0)
