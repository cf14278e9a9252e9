"""The answers that every service gives alike: life, readiness, errors, ids, limits."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel, StrictStr

from servicekit.app import Check, create_app

DSN = "bolt://graph:hunter2@db:7687 refused"


class Note(BaseModel):
    text: StrictStr


def refused() -> None:
    raise ConnectionError(DSN)


def service(checks: dict[str, Check] | None = None, max_body: int = 1000) -> FastAPI:
    app = create_app("svc-x", checks=checks, max_body=max_body)

    @app.post("/notes/{name}")
    def note(name: str, note: Note) -> dict[str, str]:
        logging.getLogger("svc-x.notes").warning("noted")
        return {"name": name, "text": note.text}

    @app.get("/broken")
    def broken() -> None:
        refused()

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    @app.get("/gone")
    def gone() -> None:
        raise HTTPException(410, "it is gone", headers={"Retry-After": "7"})

    return app


@pytest.fixture(autouse=True)
def _handlers_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn's and the root's handlers are as they were when a test ends."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("uvicorn"), "handlers", [])


@pytest.fixture
def client() -> TestClient:
    return asked()


def asked() -> TestClient:
    """A client of a service that logs to stdout as it is right now; pytest captures each phase of a test on its own."""
    return TestClient(service(), raise_server_exceptions=False)


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"logger": "svc-x' in line]


@pytest.mark.fault("X35")
@pytest.mark.parametrize("path", ["/ready", "/health"])
@pytest.mark.parametrize(
    ("checks", "status", "failures"),
    [({}, 200, []), ({"store": lambda: None}, 200, []), ({"store": refused, "disk": lambda: None}, 503, ["store"])],
)
def test_readiness_names_the_failed_check_and_the_log_its_cause(
    path: str, checks: dict[str, Check], status: int, failures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = TestClient(service(checks)).get(path)
    assert answer.status_code == status
    assert answer.json() == {"service": "svc-x", "ready": not failures, "failures": failures}
    told = logged(capsys)
    assert [entry["check"] for entry in told] == failures
    assert all(DSN in entry["exception"] for entry in told)


def test_a_service_without_its_stores_is_alive() -> None:
    answer = TestClient(service({"store": refused})).get("/live")
    assert (answer.status_code, answer.json()) == (200, {"service": "svc-x"})


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "said"),
    [
        ("GET", "/nowhere", {}, 404, "Not Found"),
        ("GET", "/notes/a", {}, 405, "Method Not Allowed"),
        ("GET", "/gone", {}, 410, "it is gone"),
        ("GET", "/broken", {}, 500, "internal error; the service's log has it"),
        ("POST", "/notes/a", {"json": {"txt": "x"}}, 422, "body.text: Field required"),
        ("POST", "/notes/a", {"json": {"text": 5}}, 422, "body.text: Input should be a valid string"),
        ("POST", "/notes/a", {"content": "x" * 1001}, 413, "a body has at most 1000 bytes"),
        ("POST", "/notes/a", {"content": iter([b"x" * 600, b"x" * 600])}, 413, "a body has at most 1000 bytes"),
    ],
)
def test_every_error_has_one_shape(
    client: TestClient, method: str, path: str, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = client.request(method, path, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert told.keys() == {"title", "status", "detail", "request_id"}
    assert (told["status"], told["detail"]) == (status, said)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert DSN not in answer.text


def test_a_refusal_keeps_its_headers(client: TestClient) -> None:
    assert client.get("/gone").headers["retry-after"] == "7"


def test_a_length_that_lies_passes_no_limit(client: TestClient) -> None:
    body = iter([b'{"text": "', b"x" * 2000, b'"}'])
    answer = client.post("/notes/a", content=body, headers={"Content-Length": "10", "Transfer-Encoding": "chunked"})
    assert answer.status_code == 413


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", r'"\ud800"', '"x', "[" * 300])
def test_a_body_that_is_not_json_is_refused_and_not_quoted(client: TestClient, text: str) -> None:
    answer = client.post("/notes/a", content=f'{{"text": {text}}}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("body.")
    assert "ud800" not in answer.text and "[[" not in answer.text


@pytest.mark.parametrize(("sent", "kept"), [("abc-1", True), ("", False), ("a b", False), ("x" * 65, False)])
def test_a_request_has_one_id_in_its_answer_and_in_all_its_log_lines(
    capsys: pytest.CaptureFixture[str], sent: str, kept: bool
) -> None:
    answer = asked().post("/notes/a", json={"text": "x"}, headers={"X-Request-ID": sent})
    given = answer.headers["x-request-id"]
    assert (given == sent) is kept
    lines = logged(capsys)
    assert [line["message"] for line in lines] == ["noted", "request"]
    assert {line["request_id"] for line in lines} == {given}
    assert (lines[1]["method"], lines[1]["path"], lines[1]["status"]) == ("POST", "/notes/{name}", 200)


def test_the_error_line_is_of_the_same_request(capsys: pytest.CaptureFixture[str]) -> None:
    given = asked().get("/broken").headers["x-request-id"]
    error, request = logged(capsys)
    assert (error["level"], error["request_id"], request["request_id"]) == ("error", given, given)
    assert DSN in error["exception"]


def test_a_request_that_the_end_of_the_service_cancels_is_a_503() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        scope = {"type": "http", "method": "GET", "path": "/slow", "query_string": b"", "headers": []}
        request = asyncio.ensure_future(service()(scope, receive, send))
        await asyncio.sleep(0.05)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(main())
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["detail"] == "the service stops"


def test_no_request_makes_a_new_label(client: TestClient) -> None:
    client.request("FROB", "/notes/a")
    client.request("GET", "/invented/by/a/client")
    page = client.get("/metrics").text
    assert 'method="other"' in page and 'path="unmatched"' in page
    assert "FROB" not in page and "invented" not in page


def test_openapi_describes_the_shape_of_errors(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    answers = api["paths"]["/notes/{name}"]["post"]["responses"]
    assert answers["422"]["content"].keys() == answers["default"]["content"].keys() == {"application/problem+json"}
    assert {"/live", "/ready", "/metrics"} < api["paths"].keys() and "/health" not in api["paths"]
