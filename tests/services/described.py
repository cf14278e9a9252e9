"""Ask a service without a server, and hold each of its answers to its OpenAPI document.

    client = DescribedClient(create(Settings()))

A test that asks with this client fails when the document does not describe the status, the media type or a field of an
answer, or when an answer misses a field that the document requires. A page that is not in the document is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from openapi_schema_validator import OAS31Validator


class DescribedClient(TestClient):
    """Ask ``app`` as TestClient does. Raises AssertionError for an answer that its document does not describe."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        super().__init__(app, **options)
        self._description = description_of(app)

    def request(self, *arguments: Any, **options: Any) -> Any:
        answer = super().request(*arguments, **options)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        content = answer.json() if _is_json(kind) and answer.content else answer.content
        self._description.check(answer.request.method, answer.request.url.path, answer.status_code, kind, content)
        return answer


class Description:
    """Compare answers with the OpenAPI document of ``app``. Raises AssertionError when it leaves an answer open."""

    def __init__(self, app: FastAPI) -> None:
        document = app.openapi()
        self._places = [(route.path_regex, route.path_format) for route in _routes(app)]
        self._paths = document["paths"]
        self._components = _closed(document["components"])
        for path, operations in self._paths.items():
            for method, operation in operations.items():
                for status, kind, schema in _good_answers(operation):
                    assert _names_its_fields(schema), f"{method} {path}: {status} is {kind} of any fields"

    def check(self, method: str, path: str, status: int, kind: str, content: Any) -> None:
        """Raise AssertionError, with the reason, when the document does not describe this answer."""
        operation = self._operation(path, "get" if method == "HEAD" else method.lower())
        if operation is None:
            return
        where, responses = f"{method} {path}: {status}", operation["responses"]
        described = responses.get("default" if status == HTTPStatus.INTERNAL_SERVER_ERROR else str(status))
        assert described, f"{where} is not one of {', '.join(responses)}"
        if not content:
            return
        kinds: Mapping[str, Any] = described.get("content", {})
        assert kind in kinds or "*/*" in kinds, f"{where} is {kind}, not one of {', '.join(kinds) or 'no type'}"
        if _is_json(kind) and kind in kinds:
            schema = _closed(kinds[kind]["schema"]) | {"components": self._components}
            for mistake in OAS31Validator(schema).iter_errors(content):
                raise AssertionError(f"{where}: {mistake.json_path}: {mistake.message}")

    def _operation(self, path: str, method: str) -> Any:
        places = [place for regex, place in self._places if regex.match(path) and method in self._paths[place]]
        return self._paths[places[0]][method] if places else None


def description_of(app: FastAPI) -> Description:
    """Return the description of ``app``. Apps with the same routes share one, because making it takes 10 ms."""
    routes = [(route.unique_id, str(route.response_model), tuple(route.responses)) for route in _routes(app)]
    return _described(_Served(app.title, tuple(routes), app))


@dataclass(frozen=True)
class _Served:
    name: str
    routes: tuple[object, ...]
    app: FastAPI = field(compare=False)


@cache
def _described(served: _Served) -> Description:
    return Description(served.app)


def _routes(app: FastAPI) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]


def _good_answers(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield status, media type and schema of each JSON answer that is not an error."""
    for status, described in operation["responses"].items():
        for kind, content in described.get("content", {}).items():
            if status.startswith("2") and _is_json(kind):
                yield status, kind, content.get("schema", {})


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _names_its_fields(schema: Mapping[str, Any]) -> bool:
    return "$ref" in schema or "properties" in schema or schema.get("type") not in (None, "object")


def _closed(node: Any) -> Any:
    """Return the schema, in which no object has a field without a description."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    return {"additionalProperties": False} | closed if isinstance(node.get("properties"), dict) else closed
