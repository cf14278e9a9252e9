"""Read what a client sends into a document and its passages, with the reader for its file type.

These functions run in a child process with limits on time and memory (``servicekit.parsers``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from ragkit.chunking import SIZE, cut
from ragkit.passages import Document, Passage, Place, Section
from svc_rag_indexer.office import read_docx, read_pptx, read_xlsx, unpacks_safely
from svc_rag_indexer.text import Unreadable, pages_of, read_html, read_markdown, read_text

Reader = Callable[[bytes], tuple[str, list[Section]]]
Cut = tuple[Document, list[Passage]]

_READERS: dict[str, Reader] = {
    ".txt": lambda data: ("", read_text(data)),
    ".md": lambda data: ("", read_markdown(data)),
    ".html": read_html,
    ".htm": read_html,
}
_OFFICE: dict[str, Reader] = {".docx": read_docx, ".pptx": read_pptx, ".xlsx": read_xlsx}

SUFFIXES = (*_READERS, *_OFFICE)

#: In characters. A heading is repeated in each of its passages.
_LONGEST_NAME = 300


class Named(BaseModel):
    """Hold the id and the title of a document."""

    id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class Page(BaseModel):
    """A page, as svc-ocr answers it."""

    number: Annotated[int, Field(ge=1, le=1_000_000)]
    text: str


class Sent(Named):
    """A document sent as JSON: its text, or its pages. Form feeds in the text separate pages, too."""

    source: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = ""
    text: str = ""
    pages: list[Page] = []


class Invalid(Exception):
    """Report JSON that is not a document. The argument lists pydantic's mistakes, without the input."""


def suffix_of(name: str) -> str | None:
    """Return the file type that ``name`` ends in, or None when no reader knows it."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else None


def cut_file(named: Named, name: str, data: bytes, max_passages: int) -> Cut:
    """Return the document in a file whose ``name`` ends in one of SUFFIXES, and its passages.

    Without a title, the document has the title in the file, or else the file's name. Raises Unreadable when the file is
    broken, has no text, or too much of it.
    """
    suffix = PurePath(name).suffix.lower()
    try:
        if suffix in _OFFICE:
            unpacks_safely(data)
        own_title, sections = (_READERS | _OFFICE)[suffix](data)
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from error
    except (MemoryError, RecursionError):  # limits, not mistakes of the file
        raise
    except Exception as error:  # the Office readers raise many types for broken parts
        raise Unreadable(f"{name} is broken") from error
    title = named.title or own_title[:500] or PurePath(name).stem
    return _cut(Document(named.id, title, name, tuple(sections)), max_passages)


def cut_json(body: bytes, max_passages: int) -> Cut:
    """Return the document in a JSON body, and its passages. Raises Invalid, and Unreadable as ``cut_file`` does."""
    try:
        sent = Sent.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(error.errors(include_url=False, include_input=False)) from None
    sections = [Section(Place("page", str(page.number)), page.text) for page in sent.pages] or pages_of(sent.text)
    return _cut(Document(sent.id, sent.title or sent.id, sent.source, tuple(sections)), max_passages)


def _cut(document: Document, max_passages: int) -> Cut:
    """Cut the document. A text that cannot fit is refused before the work."""
    sections = tuple(Section(_shortened(section.place), section.text) for section in document.sections)
    document = replace(document, sections=sections)
    name = document.source or document.id
    if not any(section.text.strip() for section in document.sections):
        raise Unreadable(f"{name}: it has no text")
    longest = max_passages * SIZE
    if document.characters > longest:
        raise Unreadable(f"{name}: {document.characters} characters, at most {longest} are read (MAX_PASSAGES)")
    passages = cut(document)
    if len(passages) > max_passages:
        raise Unreadable(f"{name}: {len(passages)} passages, at most {max_passages} are kept (MAX_PASSAGES)")
    return document, passages


def _shortened(place: Place) -> Place:
    return Place(place.kind, place.name[:_LONGEST_NAME])
