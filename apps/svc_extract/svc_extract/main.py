"""``POST /extract``: text in, findings out."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import HTTPException
from pydantic import BaseModel, StrictStr

from servicekit.app import create_app
from servicekit.settings import from_environment
from svc_extract.extract import extract


@dataclass(frozen=True)
class Settings:
    max_characters: int = 1_000_000


class Document(BaseModel):
    text: StrictStr


settings = from_environment(Settings)
app = create_app("svc-extract")


@app.post("/extract")
def extract_findings(document: Document) -> dict[str, object]:
    """``{"findings": [{kind, value, text, start, end, …}, …]}``, sorted by position."""
    if not document.text.strip():
        raise HTTPException(422, "the text is empty")
    if len(document.text) > settings.max_characters:
        raise HTTPException(413, f"the text has more than {settings.max_characters} characters (MAX_CHARACTERS)")
    return {"findings": [finding.as_json() for finding in extract(document.text)]}
