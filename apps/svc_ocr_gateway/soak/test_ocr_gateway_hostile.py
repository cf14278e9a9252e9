"""Send hostile uploads to the running gateway: each gets an answer with a reason, and the gateway lives on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from slipway.testing.plugin import Container

pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="512m", env={"BODY_SECONDS": "5"})]

PNG = b"\x89PNG\r\n\x1a\n"
FORM = "multipart/form-data; boundary=b"


def part(data: bytes, name: str = "file", file: str = "a.png", more: str = "") -> bytes:
    return (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n{more}\r\n'.encode()
        + data
        + b"\r\n"
    )


def field(data: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + data + b"\r\n"


END = b"--b--\r\n"
#: Name → the body and its Content-Type, and the statuses that may answer it. 502: the gateway alone has no model.
UPLOADS: dict[str, tuple[Callable[[], bytes], str, set[int]]] = {
    "nothing": (lambda: b"", FORM, {400, 422}),
    "end-alone": (lambda: END, FORM, {400, 422}),
    "no-end": (lambda: part(PNG), FORM, {400, 422, 502}),
    "no-boundary": (lambda: part(PNG) + END, "multipart/form-data", {400}),
    "another-boundary": (lambda: part(PNG) + END, "multipart/form-data; boundary=c", {400, 422}),
    "empty-boundary": (lambda: part(PNG) + END, "multipart/form-data; boundary=", {400, 422}),
    "long-boundary": (lambda: part(PNG) + END, "multipart/form-data; boundary=" + "b" * 5000, {400, 422}),
    "json": (lambda: b"{}", "application/json", {415}),
    "form": (lambda: b"file=a", "application/x-www-form-urlencoded", {415}),
    "no-type": (lambda: PNG, "", {415}),
    "capitals": (lambda: part(PNG) + END, "Multipart/Form-Data; boundary=b", {502}),
    "another-field": (lambda: part(PNG, "image") + END, FORM, {422}),
    "no-field-name": (lambda: part(PNG, "") + END, FORM, {400, 422}),
    "text-field": (lambda: field(b"x") + END, FORM, {422}),
    "no-disposition": (lambda: b"--b\r\n\r\nx\r\n" + END, FORM, {400, 422}),
    "two-files": (lambda: part(PNG) * 2 + END, FORM, {400}),
    "thousand-files": (lambda: part(PNG) * 1000 + END, FORM, {400}),
    "thousand-fields": (lambda: field(b"x") * 1000 + END, FORM, {400}),
    "long-field": (lambda: field(b"x" * 60_000) + END, FORM, {400}),
    "empty-file": (lambda: part(b"") + END, FORM, {422}),
    "path-as-name": (lambda: part(PNG, file="../../etc/passwd") + END, FORM, {502}),
    "zero-in-name": (lambda: part(PNG, file="a\0b") + END, FORM, {400, 502}),
    "long-name": (lambda: part(PNG, file="x" * 60_000) + END, FORM, {400, 502}),
    "long-part-header": (lambda: part(PNG, more="X: " + "x" * 60_000 + "\r\n") + END, FORM, {400, 502}),
    "many-part-headers": (lambda: part(PNG, more="X: x\r\n" * 5000) + END, FORM, {400, 502}),
    "unknown-charset": (lambda: part(PNG) + END, FORM + "; charset=nothing", {400, 502}),
    "base64-transfer": (lambda: part(b"iVBORw0KGgo=", more="Content-Transfer-Encoding: base64\r\n") + END, FORM, {415}),
    "type-that-lies": (lambda: part(b"GIF89a", more="Content-Type: image/png\r\n") + END, FORM, {415}),
    "zip": (lambda: part(b"PK\x03\x04") + END, FORM, {415}),
    "pdf": (lambda: part(b"%PDF-1.7") + END, FORM, {415}),
    "gif": (lambda: part(b"GIF89a") + END, FORM, {415}),
    "webp": (lambda: part(b"RIFF\x00\x00\x00\x00WEBP") + END, FORM, {415}),
    "svg": (lambda: part(b"<svg/>") + END, FORM, {415}),
    "heic": (lambda: part(b"\x00\x00\x00\x18ftypheic") + END, FORM, {415}),
    "program": (lambda: part(b"\x7fELF") + END, FORM, {415}),
    "text": (lambda: part(b"hello") + END, FORM, {415}),
    "one-byte": (lambda: part(b"\x89") + END, FORM, {415}),
    "signature-alone": (lambda: part(PNG) + END, FORM, {502}),
    "signature-late": (lambda: part(b" " + PNG) + END, FORM, {415}),
    "largest": (lambda: part(PNG + bytes(9_999_992)) + END, FORM, {502}),
    "one-byte-too-large": (lambda: part(PNG + bytes(9_999_993)) + END, FORM, {413}),
    "form-too-large": (lambda: part(PNG + bytes(20_000_000)) + END, FORM, {413}),
    "end-too-late": (lambda: part(PNG) + END + bytes(1_000_000), FORM, {400, 502}),
}  # fmt: skip

HEAD = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
RAW: dict[str, bytes] = {
    "length-doubled": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length-negative": HEAD + b"Content-Length: -1\r\n\r\n",
    "length-of-a-gigabyte": HEAD + b"Content-Length: 1000000000\r\n\r\n" + part(PNG),
    "length-and-chunks": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n--\r\n0\r\n\r\n",
    "chunk-of-no-size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "stalled-head": HEAD + b"Content-Length: 1000\r\n\r\n",
    "stalled-part": HEAD + b"Content-Length: 1000\r\n\r\n" + part(PNG)[:60],
    "long-header": HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "two-types": HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "no-such-method": b"FROB /read HTTP/1.1\r\nHost: a\r\n\r\n",
    "get": b"GET /read HTTP/1.1\r\nHost: a\r\n\r\n",
    "another-path": b"POST /../read HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "zero-in-path": b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "long-path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}


@pytest.fixture(autouse=True)
def _lives_on(container: Container) -> Iterator[None]:
    """After each request the gateway is ready, quickly, in the same process."""
    yield
    began = time.monotonic()
    assert container.get("/ready").status_code == 200
    assert time.monotonic() - began < 2
    assert container.state.running and not container.state.oom_killed


@pytest.mark.parametrize("name", UPLOADS)
def test_a_hostile_upload_gets_its_answer(container: Container, name: str) -> None:
    made, kind, statuses = UPLOADS[name]
    began = time.monotonic()
    answer = container.post("/read", data=made(), headers={"Content-Type": kind} if kind else {})
    print(f"{name}: {answer.status_code} in {time.monotonic() - began:.1f} s {answer.text[:150]}")
    assert answer.status_code in statuses, answer.text[:500]
    assert answer.json()["detail"] and len(answer.text) < 1000
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("name", RAW)
def test_hostile_bytes_end_the_connection(container: Container, name: str) -> None:
    """h11 answers some of these before the gateway sees them. BODY_SECONDS ends a body that stalls."""
    host, _, port = container.address(8001).partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(RAW[name])
        first = connection.recv(4096)
    assert first.startswith(b"HTTP/1.1 4"), first
    assert not name.startswith("stalled") or b"408" in first


def test_a_chunked_body_is_counted(container: Container) -> None:
    pieces = iter([part(PNG)[:-2], *[bytes(1_000_000)] * 50])
    answer = container.post("/read", data=pieces, headers={"Content-Type": FORM})
    assert (answer.status_code, "a body has at most" in answer.json()["detail"]) == (413, True)
