"""The one way in which a file is uploaded."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from servicekit.app import create_app
from servicekit.upload import ENVELOPE, clean_name, describe_body, receive_upload

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
ODD_FORM = {"Content-Type": "multipart/form-data; boundary=b; boundary*=\"'"}


def service(max_bytes: int = 1000) -> FastAPI:
    app = create_app("svc-x", max_body=max_bytes + ENVELOPE)

    @app.post("/", openapi_extra=describe_body(("title",)))
    async def take(request: Request) -> dict[str, object]:
        async with receive_upload(request, max_bytes) as upload:
            read = await upload.read()
        closed = upload.file.closed
        described = {"name": upload.name, "type": upload.media_type, "fields": dict(upload.fields)}
        return described | {"size": upload.size, "bytes": read.decode(), "closed": closed}

    return app


@pytest.fixture
def client() -> TestClient:
    return TestClient(service())


def test_a_file_comes_with_its_name_type_and_fields(client: TestClient) -> None:
    answer = client.post("/", files={"file": ("ä.txt", b"hello", "text/plain")}, data={"title": "Hi"})
    assert answer.json() == {
        "name": "ä.txt",
        "type": "text/plain",
        "size": 5,
        "bytes": "hello",
        "fields": {"title": "Hi"},
        "closed": True,
    }


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"content": b"x"}, 415, "send multipart/form-data"),
        ({"json": {}}, 415, "send multipart/form-data"),
        ({"files": {"other": ("a", b"x")}}, 422, "the field 'file' has no file"),
        ({"data": {"file": "text"}, "files": {"other": ("a", b"x")}}, 422, "the field 'file' has no file"),
        ({"files": {"file": ("a", b"")}}, 422, "the file is empty"),
        ({"files": {"file": ("a", b"x" * 1001)}}, 413, "a file has at most 1000 bytes (MAX_BYTES)"),
        ({"files": {"file": ("a", b"x" * 200_000)}}, 413, "a body has at most 66536 bytes"),
        ({"content": iter([HEAD, *[b"x" * 100_000] * 3]), "headers": FORM}, 413, "a body has at most 66536 bytes"),
        ({"files": {"file": ("a", b"x")}, "data": {"title": "x" * 5000}}, 400, "exceeded"),
        ({"content": b"x", "headers": FORM}, 400, ""),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
        (
            {"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=b; boundary*=\"'"}},
            422,
            "cut off",
        ),
    ],
)
def test_a_bad_upload_is_refused_with_its_reason(
    client: TestClient, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/", **sent)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"hello", HEAD + b"hello\r\n--b", HEAD + b"\r\n--b--"[:-2], b""])
def test_a_form_that_is_cut_off_is_said_to_be(client: TestClient, sent: bytes) -> None:
    answer = client.post("/", content=sent, headers=FORM)
    assert (answer.status_code, answer.json()["detail"]) == (422, "the form is cut off"), answer.text


def test_a_media_type_has_no_case(client: TestClient) -> None:
    body = HEAD + b"hello\r\n--b--\r\n"
    answer = client.post("/", content=body, headers={"Content-Type": "Multipart/Form-Data; boundary=b"})
    assert (answer.status_code, answer.json()["bytes"]) == (200, "hello")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\scan.pdf", "scan.pdf"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("a\r\nSet-Cookie: x\x00.pdf", "aSet-Cookie: x.pdf"),
        ("x" * 300, "x" * 200),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 198),
        ("folder/", ""),
        (None, ""),
    ],
)
def test_names_are_cleaned(sent: str | None, kept: str) -> None:
    assert clean_name(sent) == kept


def test_a_chunked_body_needs_no_length(client: TestClient) -> None:
    answer = client.post("/", content=iter([HEAD, b"hello", b"\r\n--b--\r\n"]), headers=FORM)
    assert answer.json()["bytes"] == "hello"


def test_openapi_describes_the_form(client: TestClient) -> None:
    body = client.get("/openapi.json").json()["paths"]["/"]["post"]["requestBody"]
    assert body["content"]["multipart/form-data"]["schema"]["properties"].keys() == {"file", "title"}
