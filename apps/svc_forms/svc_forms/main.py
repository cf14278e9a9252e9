"""Serve forms over HTTP: list them, fill one, and render the page to sign."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Literal

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field, PositiveFloat, ValidationError, model_validator

from servicekit.app import create_app
from servicekit.settings import ServiceSettings, load
from svc_forms.definitions import Form, load_forms
from svc_forms.extraction import ExtractionFailed, extract
from svc_forms.fill import Candidate, Filling, Unfillable, fill
from svc_forms.render import render_html, render_text

log = logging.getLogger("svc-forms")


class Settings(ServiceSettings):
    extract_url: str = ""
    extract_seconds: PositiveFloat = 30


class Found(BaseModel):
    """A finding, as svc-extract answers it."""

    kind: str
    value: str = Field(max_length=500)
    text: str = Field(max_length=500)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    valid: bool = True
    alternatives: list[str] = []

    @model_validator(mode="after")
    def an_amount_is_a_number(self) -> Found:
        if self.kind == "amount" and not re.fullmatch(r"-?\d+(\.\d+)?", self.value):
            raise ValueError(f"'{self.value}' is not a decimal number")
        return self

    def as_candidate(self) -> Candidate:
        return Candidate(**self.model_dump() | {"alternatives": tuple(self.alternatives)})


class Request(BaseModel):
    """``fields`` as svc-extract found them, or the ``text`` to ask it about; both, for the cues in the text."""

    fields: list[Found] | None = Field(default=None, max_length=10_000)
    text: str = Field(default="", max_length=1_000_000)
    answers: dict[str, str] = {}


#: Returns svc-extract's findings in a text.
Ask = Callable[[str], list[Found]]


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service. Raises ValueError when the catalogue has mistakes."""
    forms = load_forms()
    app = create_app("svc-forms")

    def form(form_id: str) -> Form:
        if form_id not in forms:
            raise HTTPException(404, f"form '{form_id}' not found; known: {', '.join(forms)}")
        return forms[form_id]

    def ask(text: str) -> list[Found]:
        return _ask_extract(settings, text)

    @app.get("/forms")
    def list_forms() -> dict[str, object]:
        return {"forms": [{"id": form.id, "title": form.title} for form in forms.values()]}

    @app.get("/forms/{form_id}")
    def get_form(form_id: str) -> dict[str, object]:
        return form(form_id).as_json()

    @app.post("/forms/{form_id}/fill")
    def fill_form(form_id: str, request: Request) -> dict[str, object]:
        """Values with their sources, missing required fields, conflicts, and what was refused as invalid."""
        return _fill(form(form_id), request, ask).as_json()

    @app.post("/forms/{form_id}/render")
    def render_form(form_id: str, request: Request, format: Literal["html", "text"] = "html") -> Response:
        """Return the filled form as an HTML page or as plain text."""
        filling = _fill(form(form_id), request, ask)
        if format == "text":
            return Response(render_text(filling), media_type="text/plain; charset=utf-8")
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(render_html(filling), media_type="text/html; charset=utf-8", headers=policy)

    return app


def _fill(form: Form, request: Request, ask: Ask) -> Filling:
    found = request.fields
    if found is None and request.text:
        found = ask(request.text)
    if found is None and not request.answers:
        raise HTTPException(422, "send 'fields', 'text' or 'answers'")
    for place, entry in enumerate(found or []):
        if request.text and request.text[entry.start : entry.end] != entry.text:
            raise HTTPException(422, f"fields[{place}]: '{entry.text}' is not at {entry.start}:{entry.end}")
    try:
        return fill(form, [entry.as_candidate() for entry in found or []], request.text, request.answers)
    except Unfillable as error:
        raise HTTPException(422, str(error)) from error


def _ask_extract(settings: Settings, text: str) -> list[Found]:
    if not settings.extract_url:
        raise HTTPException(422, "EXTRACT_URL is not set, so text cannot be read here: send 'fields'")
    try:
        findings = extract(settings.extract_url, text, timeout=settings.extract_seconds)
        return [Found.model_validate(finding) for finding in findings]
    except ExtractionFailed as error:
        log.exception("no findings")
        raise HTTPException(502, str(error)) from error
    except ValidationError as error:
        log.exception("findings of another shape")
        raise HTTPException(502, "EXTRACT_URL answered findings of another shape") from error
