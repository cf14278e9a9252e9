"""Serve forms over HTTP: list them, fill one, and render the page to sign."""

from __future__ import annotations

import logging
from typing import Any, Literal

import anyio.to_thread
import orjson
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, PositiveFloat, ValidationError

from servicekit.app import create_app
from servicekit.places import RETRY_AFTER
from servicekit.problems import describe, refusals
from servicekit.settings import HttpUrl, ServiceSettings, load
from svc_forms.answers import Unfillable
from svc_forms.definitions import Form, load_forms
from svc_forms.extraction import Extraction, ExtractionFailed
from svc_forms.fill import FilledForm, Filling, fill
from svc_forms.render import render_html, render_text
from svc_forms.requests import FINDINGS, MOST_FOUND, Found, Request, candidates

log = logging.getLogger("svc-forms")

_REFUSALS = refusals(404, 408, 413, 415, 422, 502, 503, 504)
_PLAIN: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Settings(ServiceSettings):
    extract_url: HttpUrl = ""
    extract_seconds: PositiveFloat = 30


class ListedForm(BaseModel):
    id: str
    title: str


class FormList(BaseModel):
    forms: list[ListedForm]


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service. Raises ValueError when the catalogue has mistakes."""
    forms = load_forms()
    extraction = Extraction(settings.extract_url, settings.extract_seconds)
    app = create_app("svc-forms")

    def form(form_id: str) -> Form:
        if form_id not in forms:
            raise HTTPException(404, f"form '{form_id}' not found; known: {', '.join(forms)}")
        return forms[form_id]

    @app.get("/forms")
    def list_forms() -> FormList:
        return FormList(forms=[ListedForm(id=form.id, title=form.title) for form in forms.values()])

    @app.get("/forms/{form_id}", responses=refusals(404))
    def get_form(form_id: str) -> Form:
        return form(form_id)

    @app.post("/forms/{form_id}/fill", response_model=FilledForm, responses=_REFUSALS)
    async def fill_form(form_id: str, request: Request) -> Response:
        """Return values with their sources, missing required fields, conflicts, and invalid findings."""
        filling = await _filled(form(form_id), request, extraction)
        answer = await anyio.to_thread.run_sync(lambda: orjson.dumps(filling.as_json()))
        return Response(answer, media_type="application/json")

    @app.post("/forms/{form_id}/render", response_class=HTMLResponse, responses=_PLAIN | _REFUSALS)
    async def render_form(form_id: str, request: Request, format: Literal["html", "text"] = "html") -> Response:
        """Return the filled form as an HTML page or as plain text."""
        filling = await _filled(form(form_id), request, extraction)
        if format == "text":
            text = await anyio.to_thread.run_sync(render_text, filling)
            return Response(text, media_type="text/plain; charset=utf-8")
        page = await anyio.to_thread.run_sync(render_html, filling)
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(page, media_type="text/html; charset=utf-8", headers=policy)

    return app


async def _filled(form: Form, request: Request, extraction: Extraction) -> Filling:
    found = request.fields
    if found is None and request.text:
        found = await _ask(extraction, request.text)
    if found is None and not request.answers:
        raise HTTPException(422, "send 'fields', 'text' or 'answers'")
    return await anyio.to_thread.run_sync(_fill, form, found or [], request)


def _fill(form: Form, found: list[Found], request: Request) -> Filling:
    for place, entry in enumerate(found):
        if request.text and request.text[entry.start : entry.end] != entry.text:
            raise HTTPException(422, f"fields[{place}]: its text is not at {entry.start}:{entry.end}")
    try:
        return fill(form, candidates(found), request.text, request.answers)
    except Unfillable as error:
        raise HTTPException(422, str(error)) from error


async def _ask(extraction: Extraction, text: str) -> list[Found]:
    """Return svc-extract's findings in ``text``, as many as a request may send by itself."""
    if not extraction.url:
        raise HTTPException(422, "EXTRACT_URL is not set, so text cannot be read here: send 'fields'")
    try:
        findings = await extraction(text)
        if len(findings) > MOST_FOUND:
            raise HTTPException(422, f"the text has {len(findings)} findings; a form is filled from {MOST_FOUND}")
        return await anyio.to_thread.run_sync(FINDINGS.validate_python, findings)
    except ExtractionFailed as error:
        log.exception("no findings")
        headers = {"Retry-After": str(RETRY_AFTER)} if error.status == 503 else None
        raise HTTPException(error.status, str(error), headers) from error
    except ValidationError as error:
        log.error("findings of another shape", extra={"mistakes": describe(error.errors(include_input=False))})
        raise HTTPException(502, "EXTRACT_URL answered findings of another shape") from error
