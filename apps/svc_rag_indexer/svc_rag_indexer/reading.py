"""Read a file into a document, with the reader for its file type, and require text in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from ragkit.passages import Document, Place, Section
from svc_rag_indexer.office import read_docx, read_pptx, read_xlsx, unpacks_safely
from svc_rag_indexer.text import Unreadable, read_html, read_markdown, read_text

Reader = Callable[[bytes], tuple[str, list[Section]]]

_READERS: dict[str, Reader] = {
    ".txt": lambda data: ("", read_text(data)),
    ".md": lambda data: ("", read_markdown(data)),
    ".html": read_html,
    ".htm": read_html,
}
_OFFICE: dict[str, Reader] = {".docx": read_docx, ".pptx": read_pptx, ".xlsx": read_xlsx}

SUFFIXES = (*_READERS, *_OFFICE)


def suffix_of(name: str) -> str | None:
    """Return the file type that ``name`` ends in, or None when no reader knows it."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else None


def read_file(id: str, title: str, name: str, data: bytes) -> Document:
    """Return the document in a file whose ``name`` ends in one of SUFFIXES.

    Without ``title``, the document has the title in the file, or else the file's name. Raises Unreadable when the file
    is broken or has no text.
    """
    suffix = PurePath(name).suffix.lower()
    try:
        if suffix in _OFFICE:
            unpacks_safely(data)
        own_title, sections = (_READERS | _OFFICE)[suffix](data)
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from error
    except Exception as error:  # the Office readers raise many types for broken parts
        raise Unreadable(f"{name} is broken") from error
    return _with_text(Document(id, title or own_title or PurePath(name).stem, name, tuple(sections)))


def read_plain(id: str, title: str, text: str) -> Document:
    """Return the document of a plain text. Raises Unreadable when the text is blank."""
    return _with_text(Document(id, title or id, "", (Section(Place("document"), text),)))


def _with_text(document: Document) -> Document:
    if not any(section.text.strip() for section in document.sections):
        raise Unreadable(f"{document.source or document.id}: it has no text")
    return document
