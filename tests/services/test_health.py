"""``/health`` and errors of a service: clients get names, the log gets reasons."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.routing import APIRoute

from servicekit.app import Check, create_app

DSN = "bolt://graph:hunter2@db:7687 refused"


def refused() -> None:
    raise ConnectionError(DSN)


@pytest.fixture(autouse=True)
def _handlers_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn's and the root's handlers are as they were when a test ends."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("uvicorn"), "handlers", [])


def health(app: FastAPI) -> tuple[int, Any]:
    endpoint: Callable[[Response], Any] = next(
        route.endpoint for route in app.routes if isinstance(route, APIRoute) and route.path == "/health"
    )
    response = Response()
    answer = endpoint(response)
    return response.status_code, answer


@pytest.mark.fault("X35")
@pytest.mark.parametrize(
    ("checks", "status", "failures"),
    [({}, 200, []), ({"store": lambda: None}, 200, []), ({"store": refused, "disk": lambda: None}, 503, ["store"])],
)
def test_health_names_what_fails_and_the_log_says_why(
    checks: dict[str, Check], status: int, failures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = health(create_app("svc-x", checks=checks))
    assert (code, answer) == (status, {"service": "svc-x", "healthy": not failures, "failures": failures})
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["check"] for entry in logged] == failures
    assert all(DSN in entry["exception"] for entry in logged)
