"""The model card states what the file of the weights states, and the weights are small and hold no code."""

from __future__ import annotations

import json
import re
from pathlib import Path

from PIL import Image

SERVICE = Path(__file__).parents[1]
WEIGHTS = SERVICE / "svc_cat_dog/weights/cat-dog.safetensors"
CARD = (SERVICE / "svc_cat_dog/weights/MODEL_CARD.md").read_text("utf-8")


def header() -> dict[str, dict[str, str]]:
    """Return the header of the safetensors file: its length in 8 bytes, then JSON."""
    with WEIGHTS.open("rb") as file:
        read: dict[str, dict[str, str]] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return read


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000


def test_the_card_states_the_measured_figures() -> None:
    stated = header()["__metadata__"]
    accuracy, sample = (f"{100 * float(stated[name]):g} %" for name in ("accuracy", "sample_accuracy"))
    assert f"**{accuracy}** of the {int(stated['held_out']):,} held-out pictures" in CARD
    assert f"{sample} of the {stated['sample']} pictures in `held-out-sample.png`" in CARD
    assert f"{int(stated['parameters']):,} parameters" in CARD
    assert stated["data"].rpartition(" ")[2] in CARD


def test_the_card_links_its_data() -> None:
    assert re.search(r"CIFAR-10.*Krizhevsky", CARD, re.DOTALL)


def test_the_sample_holds_as_many_cats_as_dogs() -> None:
    with Image.open(SERVICE / "svc_cat_dog_training/held-out-sample.png") as sample:
        assert sample.size == (20 * 32, 10 * 32)
