"""Test ocr-inference as a system: an upload is read, and the gateway survives the death of its model service."""

from __future__ import annotations

import io
from typing import Any

import requests
from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import RunningSystem

GATEWAY, MODEL = "ocr-gateway", "ocr-model-service"
LINES = ("Invoice 2041 for Harbour Lane", "Seven crates of green apples")
SECONDS = 60


def page() -> bytes:
    """Return a white page at 150 dpi with the lines in black, as PNG."""
    image = Image.new("L", (1240, 400), 255)
    for row, line in enumerate(LINES):
        ImageDraw.Draw(image).text((120, 100 + 90 * row), line, fill=0, font=ImageFont.load_default(44))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def upload(system: RunningSystem) -> Any:
    return requests.post(f"{system.url(GATEWAY)}/read", files={"file": ("page.png", page())}, timeout=SECONDS)


def test_the_gateway_finds_the_model_service_by_its_default_name(system: RunningSystem) -> None:
    answer = upload(system)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].split() == " ".join(LINES).split()


def test_the_model_service_answers_where_the_table_says(system: RunningSystem) -> None:
    model = requests.get(f"{system.url(MODEL)}/v2/models/ocr-model", timeout=SECONDS).json()
    assert (model["name"], model["versions"]) == ("ocr-model", ["1"])
    assert len(system.urls[MODEL]) == 2, "REST and gRPC"


def test_a_killed_model_service_is_a_502_until_it_is_back(system: RunningSystem) -> None:
    model = system.service(MODEL)
    model.kill()
    down = upload(system)
    assert (down.status_code, "cannot be reached" in down.json()["detail"]) == (502, True)
    assert requests.get(f"{system.url(GATEWAY)}/ready", timeout=SECONDS).status_code == 200
    model.start()
    model.wait_until_healthy()
    assert upload(system).status_code == 200
