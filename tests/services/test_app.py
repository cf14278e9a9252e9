"""The answers that every service gives alike: life, readiness, errors, ids, limits."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel, StrictStr

from servicekit.app import create_app
from servicekit.bodies import BodyLimit
from servicekit.checks import Check, Checks, check_room
from servicekit.paging import AskedPage
from servicekit.parsers import LimitExceeded
from servicekit.places import Busy
from servicekit.requestid import note

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

    @app.post("/busy")
    async def busy() -> None:
        raise Busy("all 3 places are taken; try again in 5 s")

    @app.post("/heavy")
    async def heavy() -> None:
        raise LimitExceeded("the file takes more than 5 s (PARSE_SECONDS)")

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


def test_a_store_that_hangs_costs_a_probe_the_deadline_and_holds_one_thread() -> None:
    started, end = [], threading.Event()

    def hangs() -> None:
        started.append("check")
        end.wait(10)

    async def main() -> list[list[str]]:
        checks = Checks({"deaf": hangs, "disk": lambda: None}, logging.getLogger("svc-x"), seconds=0.05)
        try:
            return [*await asyncio.gather(checks.failures(), checks.failures()), await checks.failures()]
        finally:
            end.set()

    assert asyncio.run(main()) == [["deaf"]] * 3
    assert started == ["check"]


def test_a_check_that_failed_once_is_run_again() -> None:
    causes = [ConnectionError(DSN)]

    def fails_once() -> None:
        if causes:
            raise causes.pop()

    client = TestClient(service({"store": fails_once}))
    assert [client.get("/ready").status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("needed", "said"), [(1 << 62, "the disk is full"), (0, None)])
def test_a_full_disk_is_seen_without_a_write(tmp_path: Path, needed: int, said: str | None) -> None:
    changed = tmp_path.stat().st_mtime_ns
    if said:
        with pytest.raises(OSError, match=said):
            check_room(tmp_path, needed)
    else:
        check_room(tmp_path, needed)
    assert tmp_path.stat().st_mtime_ns == changed


def test_a_folder_that_is_gone_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        check_room(tmp_path / "gone")


def test_head_is_answered_as_get_without_the_body(capsys: pytest.CaptureFixture[str]) -> None:
    client = asked()
    for path in ("/live", "/ready", "/metrics", "/openapi.json"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
    assert client.head("/notes/a").status_code == 405
    refused = logged(capsys)[-1]
    assert (refused["method"], refused["status"]) == ("HEAD", 405)


def test_a_head_of_a_long_answer_ends_at_its_first_piece() -> None:
    sent: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            sent.append(number)
            yield b"x" * 1000

    app = service()
    app.get("/long")(lambda: StreamingResponse(pieces()))
    assert TestClient(app).head("/long").content == b""
    assert len(sent) < 5


def test_a_page_is_bounded_on_every_list() -> None:
    app = service()

    @app.get("/list")
    def listed(page: AskedPage) -> list[int]:
        return [page.limit, page.offset]

    client = TestClient(app)
    assert [client.get(path).json() for path in ("/list", "/list?limit=5&offset=7")] == [[100, 0], [5, 7]]
    for wrong in ("limit=0", "limit=1001", "limit=x", "offset=-1", f"offset={2**63}"):
        assert client.get(f"/list?{wrong}").status_code == 422


def test_a_body_that_stalls_is_a_408() -> None:
    async def stalls() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.sleep(10)

    async def main(**limits: float) -> httpx.Response:
        app = BodyLimit(service(), 1000, **limits)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.post("/notes/a", content=stalls(), headers={"Content-Type": "application/json"})

    for limits in ({"max_seconds": 0.05}, {"max_pause": 0.05}):
        answer = asyncio.run(main(**limits))
        assert answer.status_code == 408


def test_a_client_that_announces_too_much_and_sends_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service reads on for a moment, so that a client that sends sees the 413. This one never sends."""
    monkeypatch.setattr("servicekit.bodies._DRAIN_PAUSE", 0.05)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(10)
        yield b""

    async def main() -> httpx.Response:
        app = BodyLimit(service(), 1000)
        headers = {"Content-Type": "application/json", "Content-Length": "99999999999999999999"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await asyncio.wait_for(client.post("/notes/a", content=nothing(), headers=headers), 5)

    assert asyncio.run(main()).status_code == 413


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
        ("POST", "/busy", {"content": "x" * 1000}, 503, "all 3 places are taken; try again in 5 s"),
        ("POST", "/busy", {"content": iter([b"x" * 600] * 2)}, 503, "all 3 places are taken; try again in 5 s"),
        ("POST", "/heavy", {}, 422, "the file takes more than 5 s (PARSE_SECONDS)"),
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
    assert client.post("/busy").headers["retry-after"] == "5"


@pytest.mark.parametrize("kind", ["text/csv", "text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_than_json_is_a_415(client: TestClient, kind: str) -> None:
    answer = client.post("/notes/one", content=b'{"text": "x"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["detail"]) == (415, "send application/json")
    kind = "Application/Merge-Patch+JSON; charset=utf-8"
    assert client.post("/notes/one", content=b'{"text": "x"}', headers={"Content-Type": kind}).status_code == 200


def test_no_page_of_a_service_loads_scripts_of_others(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 200]


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


@pytest.mark.parametrize(
    ("trace", "id"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("4bf92f3577b34da6a3ce929d0e0e4736", None),
    ],
)
def test_without_its_own_id_a_request_has_that_of_its_trace(client: TestClient, trace: str, id: str | None) -> None:
    given = client.get("/live", headers={"traceparent": trace}).headers["x-request-id"]
    assert (given == id) if id else (given not in trace)
    both = client.get("/live", headers={"traceparent": trace, "X-Request-ID": "abc-1"})
    assert both.headers["x-request-id"] == "abc-1"


def test_a_log_line_has_the_facts_that_its_route_noted(capsys: pytest.CaptureFixture[str]) -> None:
    app = service()

    @app.get("/documents/{id}")
    def found(id: str) -> None:
        note(document=id)

    client = TestClient(app)
    for id in ("a", "b"):
        client.get(f"/documents/{id}")
    assert [line["document"] for line in logged(capsys)] == ["a", "b"]


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
    assert answers.keys() == {"200", "default"}
    assert answers["default"]["content"].keys() == {"application/problem+json"}
    assert {"/live", "/ready", "/metrics"} < api["paths"].keys() and "/health" not in api["paths"]


def test_openapi_has_the_version_that_the_deployment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICE_VERSION", raising=False)
    assert service().version == "unversioned"
    monkeypatch.setenv("SERVICE_VERSION", "v1.2.3")
    assert service().version == "v1.2.3"
