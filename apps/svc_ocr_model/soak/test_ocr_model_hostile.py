"""Send hostile requests to the running svc-ocr-model: each gets an answer with a reason, and the service lives on."""

from __future__ import annotations

import base64
import io
import json
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from slipway.testing.plugin import Container

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="2g", env={"BODY_SECONDS": "5"})]

INFER = "/v2/models/ocr-model/infer"
#: The largest request within the limits takes this many seconds: ten pages of noise.
SECONDS = 300


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str = "L") -> Image.Image:
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(width * height * len(mode)))


def checkerboard(width: int, height: int) -> Image.Image:
    return (
        Image.frombytes("L", (2, 2), b"\x00\xff\xff\x00")
        .resize((2, 2))
        .resize((width, height), Image.Resampling.NEAREST)
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, depth: int = 1, color: int = 0, data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def tiff(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    """Return a TIFF of one directory: tag, type, count, value of each entry, and where the next directory is."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", after)


def tiff_of(width: int, height: int, *, strip: int = 1 << 30, compression: int = 1, after: int = 0) -> bytes:
    return tiff(
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, strip), after=after,
    )  # fmt: skip


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def bomb(kind: bytes) -> bytes:
    """Return a chunk whose text or profile has 200 MB."""
    return chunk(kind, b"a\x00\x00" + zlib.compress(bytes(200_000_000)))


def broken(form: str, seed: int) -> Callable[[], bytes]:
    """Return a function that makes a file with twenty random bytes after its first 16."""

    def made() -> bytes:
        chosen, changed = random.Random(seed), bytearray(encoded(lines(300, 300), form))
        for _ in range(20):
            changed[chosen.randrange(16, len(changed))] = chosen.randrange(256)
        return bytes(changed)

    return made


def lines(width: int = 1240, height: int = 1754) -> Image.Image:
    image = Image.new("L", (width, height), 255)
    for row in range(0, height, 16):
        ImageDraw.Draw(image).text((5, row), "lorem ipsum dolor sit amet " * 8, fill=0)
    return image


BLANK = Image.new("1", (60, 60), 1)
FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "zip": lambda: b"PK\x03\x04",
    "pdf": lambda: b"%PDF-1.7",
    "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "png-signature-alone": lambda: b"\x89PNG\r\n\x1a\n",
    "png-of-900-megapixels": lambda: png(30_000, 30_000),
    "png-of-2-to-the-31": lambda: png((1 << 31) - 1, (1 << 31) - 1),
    "png-of-no-pixels": lambda: png(0, 0),
    "png-of-too-much-data": lambda: png(8, 8, data=bytes(300_000_000)),
    "png-of-too-little-data": lambda: png(6000, 6000, data=b"\x00"),
    "png-text-bomb": lambda: png(8, 8, bomb(b"zTXt"), data=bytes(16)),
    "png-profile-bomb": lambda: png(8, 8, bomb(b"iCCP"), data=bytes(16)),
    "png-palette-missing": lambda: png(8, 8, depth=8, color=3, data=bytes(72)),
    "png-unknown-colour": lambda: png(8, 8, depth=8, color=5, data=bytes(72)),
    "png-wrong-checksum": lambda: png(8, 8, data=bytes(16))[:-20] + bytes(20),
    "png-many-frames": lambda: encoded(lines(80, 80), save_all=True, append_images=[noise(80, 80)] * 50),
    "png-cut": lambda: cut(encoded(lines())),
    "png-one-pixel": lambda: encoded(Image.new("L", (1, 1))),
    "png-long": lambda: encoded(Image.new("L", (40_000, 10), 255)),
    "png-tall": lambda: encoded(Image.new("L", (10, 100_000), 255)),
    "png-till-roll": lambda: encoded(lines(400, 20_000)),
    "png-black": lambda: encoded(Image.new("L", (5000, 7000))),
    "png-transparent": lambda: encoded(Image.new("RGBA", (5000, 7000))),
    "png-checkerboard": lambda: encoded(checkerboard(6000, 6000)),
    "png-noise": lambda: encoded(noise(3000, 3000)),
    "png-crowded": lambda: encoded(lines(4000, 5000)),
    "png-of-40-megapixels": lambda: encoded(lines(5000, 8000)),
    "jpeg-signature-alone": lambda: b"\xff\xd8\xff\xe0",
    "jpeg-of-4-gigapixels": lambda: b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + bytes(50),
    "jpeg-cut": lambda: cut(encoded(lines(), "JPEG")),
    "jpeg-of-ink": lambda: encoded(Image.new("CMYK", (800, 800)), "JPEG"),
    "jpeg-progressive": lambda: encoded(noise(3000, 3000), "JPEG", progressive=True),
    "jpeg-endless-markers": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 2_000_000,
    "tiff-signature-alone": lambda: b"II*\x00",
    "tiff-loop": lambda: tiff_of(8, 8, after=8),
    "tiff-far-strip": lambda: tiff_of(5000, 5000),
    "tiff-of-4-gigapixels": lambda: tiff_of(65_000, 65_000),
    "tiff-of-no-pixels": lambda: tiff_of(0, 0),
    "tiff-unknown-compression": lambda: tiff_of(8, 8, compression=9999),
    "tiff-broken-lzw": lambda: tiff_of(800, 800, strip=100, compression=5),
    "tiff-broken-jpeg": lambda: tiff_of(800, 800, strip=100, compression=7),
    "tiff-many-values": lambda: tiff((256, 4, 1 << 30, 8)),
    "tiff-unknown-types": lambda: tiff((256, 99, 1, 8), (257, 0, 0, 0)),
    "tiff-of-11-pages": lambda: encoded(BLANK, "TIFF", save_all=True, append_images=[BLANK] * 10),
    "tiff-of-5000-pages": lambda: encoded(BLANK, "TIFF", save_all=True, append_images=[BLANK] * 4999),
    "tiff-of-ten-large-pages": lambda: encoded(
        Image.new("1", (6000, 6600), 1), "TIFF", save_all=True, compression="group4",
        append_images=[Image.new("1", (6000, 6600), 1)] * 9,
    ),
    "tiff-floats": lambda: encoded(Image.new("F", (80, 80), float("nan")), "TIFF"),
}  # fmt: skip
FILES |= {f"{form}-broken-{seed}": broken(form, seed) for form in ("PNG", "TIFF", "JPEG") for seed in range(5)}


def body(**changes: object) -> bytes:
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["AAAA"]}
    inputs = changes.pop("inputs", [image | dict(changes.pop("image", {}))])  # type: ignore[call-overload]
    return json.dumps({"inputs": inputs} | changes).encode()


BODIES: dict[str, Callable[[], bytes]] = {
    "spaces": lambda: b" " * 13_000_000,
    "deep-arrays": lambda: b"[" * 1_000_000,
    "deep-data": lambda: body().replace(b'"AAAA"', b"[" * 900 + b"]" * 900),
    "deep-objects": lambda: b'{"a":' * 1_000_000,
    "zeros": lambda: body().replace(b'"AAAA"', b"0," * 6_000_000 + b"0"),
    "empty-texts": lambda: body(image={"shape": [3_000_000]}).replace(b'"AAAA"', b'"",' * 2_999_999 + b'""'),
    "huge-number": lambda: body(image={"shape": [10**400]}),
    "huge-exponent": lambda: body().replace(b"[1]", b"[1e400]"),
    "huge-shape": lambda: body(image={"shape": [1 << 62] * 8}),
    "many-keys": lambda: b'{"inputs": [], ' + b",".join(b'"k%d": 0' % i for i in range(800_000)) + b"}",
    "many-inputs": lambda: body(inputs=[{}] * 1_000_000),
    "many-outputs": lambda: body(outputs=[{"name": "text"}] * 100_000),
    "long-id": lambda: body(id="x" * 5_000_000),
    "long-name": lambda: body(image={"name": "x" * 5_000_000}),
    "long-base64": lambda: body(image={"data": ["A" * 13_000_000]}),
    "blanks-as-base64": lambda: body(image={"data": [" " * 13_000_000]}),
    "half-a-pair": lambda: b'{"id": "\\ud800", "inputs": []}',
    "not-utf-8": lambda: b'{"id": "\xff", "inputs": []}',
    "byte-order-mark": lambda: b"\xef\xbb\xbf" + body(),
    "null": lambda: b"null",
}

HEAD = f"POST {INFER} HTTP/1.1\r\nHost: a\r\n".encode()
RAW: dict[str, bytes] = {
    "length-doubled": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    "length-negative": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "length-and-chunks": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunk-of-no-size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "chunk-of-2-to-the-63": HEAD + b"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n{}",
    "stalled": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "long-header": HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "no-such-method": b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}


@pytest.fixture(autouse=True)
def _lives_on(container: Container) -> Iterator[None]:
    """After each request the service is ready, quickly, in the same process."""
    before = container.state
    yield
    began = time.monotonic()
    assert container.get("/ready").status_code == 200
    assert time.monotonic() - began < 2
    assert container.state.running and not container.state.oom_killed and not before.oom_killed


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_image_gets_its_answer(container: Container, name: str) -> None:
    data = base64.b64encode(FILES[name]()).decode()
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [data]}
    began = time.monotonic()
    answer = container.post(INFER, json={"inputs": [image]}, timeout=SECONDS)
    print(f"{name}: {answer.status_code} in {time.monotonic() - began:.1f} s {answer.text[:100]}")
    assert answer.status_code in (200, 413, 422), answer.text[:500]
    assert answer.status_code == 200 or answer.json().keys() == {"error"}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(container: Container, name: str) -> None:
    began = time.monotonic()
    answer = container.post(INFER, data=BODIES[name]())
    print(f"{name}: {answer.status_code} in {time.monotonic() - began:.1f} s {answer.text[:100]}")
    assert answer.status_code in (400, 422), answer.text[:500]
    assert answer.json().keys() == {"error"} and len(answer.text) < 3000
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", RAW)
def test_hostile_bytes_end_the_connection(container: Container, name: str) -> None:
    """h11 answers some of these before the service sees them. BODY_SECONDS ends a body that stalls."""
    host, _, port = container.address(8080).partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(RAW[name])
        first = connection.recv(4096)
    assert first.startswith(b"HTTP/1.1 4"), first
    assert name != "stalled" or b"408" in first


def test_a_chunked_body_is_counted(container: Container) -> None:
    answer = container.post(INFER, data=iter([bytes(1_000_000)] * 50))
    assert (answer.status_code, "a body has at most" in answer.json()["error"]) == (413, True)
