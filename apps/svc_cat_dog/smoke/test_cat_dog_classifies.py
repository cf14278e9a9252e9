"""Test the built image of svc-cat-dog alone: it classifies, without Redis, as well as its model card states."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

SAMPLE = Path(__file__).parents[1] / "svc_cat_dog_training/held-out-sample.png"


def held_out() -> list[tuple[str, bytes]]:
    """Return the label of each held-out picture, and the picture as PNG."""
    with Image.open(SAMPLE) as sheet:
        tiles = [
            sheet.crop((x, y, x + 32, y + 32)) for y in range(0, sheet.height, 32) for x in range(0, sheet.width, 32)
        ]
    labels = ["cat"] * (len(tiles) // 2) + ["dog"] * (len(tiles) // 2)
    return [(label, encoded(tile)) for label, tile in zip(labels, tiles, strict=True)]


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def classify(container: Any, data: bytes) -> Any:
    return container.post("/classify", files={"file": ("picture", data)})


def test_it_reaches_the_accuracy_that_its_card_states(container: Any) -> None:
    stated = container.get("/model").json()
    answers = [(label, classify(container, data).json()) for label, data in held_out()]
    right = sum(label == answer["label"] for label, answer in answers)
    assert len(answers) == int(stated["sample"])
    # A single picture may be as probably a cat as a dog, and another processor may round differently.
    assert abs(right / len(answers) - float(stated["sample_accuracy"])) <= 1 / len(answers)


def test_it_runs_as_myuser(container: Any) -> None:
    assert container.exec("id", "-un").output.strip() == "myuser"
    assert container.exec("id", "-u").output.strip() == "10001"
    assert container.exec("touch", "/app/x").exit_code != 0


def test_a_photograph_s_size_and_form_do_not_matter(container: Any) -> None:
    label, data = held_out()[0]
    small = Image.open(io.BytesIO(data))
    large = small.resize((1600, 1600), Image.Resampling.BICUBIC)
    cats = [
        classify(container, encoded(image, form)).json()["probabilities"]["cat"]
        for image, form in ((small, "PNG"), (large, "PNG"), (large, "JPEG"))
    ]
    assert max(cats) - min(cats) < 0.1, (label, cats)


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"PK\x03\x04", 415, "not a JPEG or PNG"),
        (b"\x89PNG\r\n\x1a\n", 422, "broken"),
        (encoded(Image.new("1", (30_000, 30_000))), 422, "MAX_PIXELS"),
        (bytes(8_000_001), 413, "MAX_BYTES"),
    ],
    ids=["a zip archive", "an empty PNG", "too many pixels", "too many bytes"],
)
def test_a_file_is_refused_with_its_reason(container: Any, data: bytes, status: int, said: str) -> None:
    answer = classify(container, data)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
