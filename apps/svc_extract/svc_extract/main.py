"""Serve ``POST /extract``: text in, findings out."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, PositiveInt, StrictStr

from servicekit.app import create_app
from servicekit.problems import refusals
from servicekit.settings import ServiceSettings, load
from svc_extract.extract import TooMany, extract
from svc_extract.findings import Findings


class Settings(ServiceSettings):
    max_characters: PositiveInt = 1_000_000
    max_findings: PositiveInt = 10_000


class Document(BaseModel):
    text: StrictStr


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service with these settings."""
    app = create_app("svc-extract")

    @app.post("/extract", responses=refusals(408, 413, 415, 422), response_model_exclude_none=True)
    def extract_findings(document: Document) -> Findings:
        """Return the findings, sorted by position."""
        if not document.text.strip():
            raise HTTPException(422, "the text is empty")
        if len(document.text) > settings.max_characters:
            raise HTTPException(413, f"the text has more than {settings.max_characters} characters (MAX_CHARACTERS)")
        try:
            return Findings(extract(document.text, settings.max_findings))
        except TooMany as error:
            raise HTTPException(422, str(error)) from error

    return app
