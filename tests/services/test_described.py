"""The client of the route tests notices an answer that the OpenAPI document does not describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from servicekit.app import create_app
from servicekit.problems import refusals
from tests.services.described import DescribedClient

APPS = Path(__file__).parents[2] / "apps"


class Pear(BaseModel):
    kind: str
    grams: int | None = None


def answering(answer: Response | None, **options: Any) -> DescribedClient:
    """Return a client of a service that answers this. Its document says that it answers a pear."""
    app = create_app("svc-pears")

    @app.get("/pear", response_model=Pear, **options)
    def pear() -> Response:
        if answer is None:
            raise HTTPException(404, "it is eaten")
        return answer

    return DescribedClient(app)


def test_answers_of_the_described_shape_pass() -> None:
    assert answering(JSONResponse({"kind": "Conference"})).get("/pear").status_code == 200
    assert answering(JSONResponse({"kind": "Conference", "grams": 180})).head("/pear").status_code == 200
    assert answering(None, responses=refusals(404)).get("/pear").status_code == 404


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (JSONResponse({"kind": "Conference", "colour": "green"}), "'colour' was unexpected"),
        (JSONResponse({"grams": 180}), "'kind' is a required property"),
        (JSONResponse({"kind": "Conference", "grams": "180"}), r"\$.grams: '180' is not valid"),
        (JSONResponse({"kind": "Conference"}, 201), "201 is not one of 200, default"),
        (Response("Conference", media_type="text/plain"), "is text/plain, not one of application/json"),
        (None, "404 is not one of 200, default"),
    ],
    ids=["field", "missing", "type", "status", "media-type", "refusal"],
)
def test_an_answer_that_is_not_described_fails_its_test(answer: Response | None, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        answering(answer).request("get", "/pear")


def test_a_document_whose_answer_has_any_fields_is_refused() -> None:
    app = create_app("svc-pears")

    @app.get("/pears")
    def pears() -> dict[str, object]:
        return {}

    with pytest.raises(AssertionError, match="get /pears: 200 is application/json of any fields"):
        DescribedClient(app)


def test_the_answers_that_all_services_give_are_described() -> None:
    def refused() -> None:
        raise ConnectionError

    for checks, status in (({}, 200), ({"store": refused}, 503)):
        client = DescribedClient(create_app("svc-x", checks=checks))
        assert [client.get(path).status_code for path in ("/live", "/metrics", "/ready")] == [200, 200, status]


def test_every_test_of_routes_compares_answers_with_the_document() -> None:
    unchecked = [path.name for path in APPS.glob("*/tests/*.py") if "testclient" in path.read_text("utf-8")]
    assert unchecked == []
    assert len([path for path in APPS.glob("*/tests/*.py") if "DescribedClient" in path.read_text("utf-8")]) >= 11
