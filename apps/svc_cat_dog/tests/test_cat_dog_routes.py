"""Test the routes without a server, without torch and without Redis."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from svc_cat_dog.answers import Answer, Store
from svc_cat_dog.main import Settings, create
from svc_cat_dog.pictures import Pixels

from tests.services.described import DescribedClient


class Bright:
    """A classifier that takes every bright picture for a cat."""

    model = "bright"
    card: Mapping[str, str] = {"accuracy": "0.5000"}

    def __init__(self) -> None:
        self.classified = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def classify(self, pixels: Pixels) -> Answer:
        self.classified += 1
        assert self.go_on.wait(10)
        return Answer.of(float(np.mean(pixels)) / 255)


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.closed = False

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self.kept[key] = value

    async def aclose(self) -> None:
        self.closed = True


class Down(Memory):
    async def get(self, key: str) -> bytes | None:
        raise ConnectionRefusedError

    async def set(self, key: str, value: bytes) -> None:
        raise ConnectionRefusedError


def picture(brightness: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 40), brightness).save(buffer, "PNG")
    return buffer.getvalue()


def service(classifier: Bright | None = None, store: Store | None = None, **settings: float) -> FastAPI:
    return create(Settings.model_validate(settings), classifier or Bright(), store or Memory())


def send(client: DescribedClient, data: bytes) -> Any:
    return client.post("/classify", files={"file": ("a.png", data)})


def test_a_picture_is_classified_once() -> None:
    classifier, store = Bright(), Memory()
    with DescribedClient(service(classifier, store)) as client:
        first, second = send(client, picture(204)).json(), send(client, picture(204)).json()
    assert first == {
        "label": "cat",
        "confidence": 0.8,
        "probabilities": {"cat": 0.8, "dog": 0.2},
        "digest": first["digest"],
        "model": "bright",
        "cached": False,
    }
    assert second == first | {"cached": True}
    assert classifier.classified == 1 and store.closed


def test_two_pictures_have_two_answers() -> None:
    with DescribedClient(service()) as client:
        labels = [send(client, picture(brightness)).json()["label"] for brightness in (250, 5, 250)]
    assert labels == ["cat", "dog", "cat"]


def test_a_store_that_is_down_changes_no_answer_and_not_the_readiness() -> None:
    with DescribedClient(service(store=Down())) as client:
        told = [send(client, picture(204)).json() for _ in range(3)]
        ready = client.get("/ready")
    assert [(one["label"], one["confidence"], one["cached"]) for one in told] == [("cat", 0.8, False)] * 3
    assert ready.status_code == 200


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"GIF89a", 415, "not a JPEG or PNG"),
        (b"\x89PNG\r\n\x1a\n", 422, "the PNG is broken"),
        (b"x" * 20_001, 413, "MAX_BYTES"),
        (b"", 422, "empty"),
        (picture(1)[:60], 422, "broken"),
    ],
)
def test_a_file_is_refused_with_its_reason(data: bytes, status: int, said: str) -> None:
    with DescribedClient(service(max_bytes=20_000)) as client:
        answer = send(client, data)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    with DescribedClient(service(max_pixels=1000)) as client:
        answer = send(client, picture(1))
    assert (answer.status_code, "MAX_PIXELS" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("body", [{"json": {"file": "x"}}, {"data": {"file": "x"}}, {"content": picture(1)}])
def test_another_body_than_a_form_with_a_file_is_refused(body: dict[str, object]) -> None:
    with DescribedClient(service()) as client:
        assert client.post("/classify", **body).status_code in (415, 422)  # type: ignore[arg-type]


def test_the_model_describes_itself() -> None:
    with DescribedClient(service()) as client:
        assert client.get("/model").json() == {"model": "bright", "accuracy": "0.5000"}


def test_requests_without_a_place_are_refused_immediately() -> None:
    async def sent() -> list[int]:
        transport = httpx.ASGITransport(service(classifier, max_requests=3))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:

            async def one(brightness: int) -> int:
                return (await client.post("/classify", files={"file": ("a", picture(brightness))})).status_code

            tasks = [asyncio.ensure_future(one(brightness)) for brightness in range(6)]
            while sum(task.done() for task in tasks) < 3:
                await asyncio.sleep(0.01)
            classifier.go_on.set()
            return list(await asyncio.gather(*tasks))

    classifier = Bright()
    classifier.go_on.clear()
    assert sorted(asyncio.run(sent())) == [200] * 3 + [503] * 3


def test_an_upload_that_stalls_is_ended() -> None:
    async def sent() -> int:
        async def stalling() -> AsyncIterator[bytes]:
            yield b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
            await asyncio.sleep(60)

        transport = httpx.ASGITransport(service(body_seconds=0.05))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            kind = {"content-type": "multipart/form-data; boundary=b"}
            return (await client.post("/classify", content=stalling(), headers=kind)).status_code

    assert asyncio.run(sent()) == 408
