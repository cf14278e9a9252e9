"""Test that the running gateway answers the text of an image, and that it survives its model service."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import Container, Stack

LINES = ("Invoice 2041 for Harbour Lane", "Seven crates of green apples")
URL = "http://svc-ocr-model:8080/v2/models/ocr-model/infer"


def page(*lines: str) -> bytes:
    """Return a white page at 150 dpi with ``lines`` in black, as PNG."""
    image = Image.new("L", (1240, 400), 255)
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((120, 100 + 90 * row), line, fill=0, font=ImageFont.load_default(44))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read(gateway: Container, data: bytes) -> Any:
    return gateway.post("/read", files={"file": ("page.png", data, "image/png")})


def test_a_gateway_without_its_model_service_is_alive_and_says_why(container: Container) -> None:
    assert container.get("/ready").status_code == 200
    answer = read(container, page(*LINES))
    told = "the model service cannot be reached: ConnectError"
    assert (answer.status_code, answer.json()["detail"]) == (502, told)


def test_a_file_is_checked_before_the_model_service_is_asked(container: Container) -> None:
    assert read(container, b"PK\x03\x04 a zip archive").status_code == 415
    assert read(container, b"").status_code == 422
    assert read(container, page(*LINES)[:8] + bytes(10_000_001)).status_code == 413


def test_the_model_service_reads_the_image_of_an_upload(stack: Stack) -> None:
    model = stack.start("svc-ocr-model")
    gateway = stack.start("svc-ocr-gateway", env={"KSERVE_URL": URL})
    answer = read(gateway, page(*LINES))
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].split() == " ".join(LINES).split()
    assert 80 < answer.json()["confidence"] <= 100

    broken = read(gateway, page(*LINES)[:900])
    assert (broken.status_code, broken.json()["detail"]) == (422, "image 0: the image is broken")

    model.stop()
    down = read(gateway, page(*LINES))
    assert (down.status_code, "cannot be reached" in down.json()["detail"]) == (502, True)


def test_a_slow_model_service_is_a_504_and_a_wrong_one_a_502(stack: Stack) -> None:
    stack.start("svc-ocr-model")
    hurried = stack.start("svc-ocr-gateway", env={"KSERVE_URL": URL, "KSERVE_SECONDS": "0.05"})
    slow = read(hurried, page(*LINES))
    told = "the model service did not answer within 0.05 s"
    assert (slow.status_code, slow.json()["detail"]) == (504, told)

    mistaken = stack.start("svc-ocr-gateway", env={"KSERVE_URL": URL.replace("ocr-model/", "other/")})
    wrong = read(mistaken, page(*LINES))
    assert (wrong.status_code, wrong.json()["detail"]) == (502, "the model service answered 404")
