"""Read Word, PowerPoint and Excel files into sections."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import docx
import openpyxl
import pptx
from docx.table import Table

from ragkit.passages import Place, Section
from svc_rag_indexer.text import Unreadable

#: A small archive can unpack to more than the memory. The parser's own limits refuse other files that run away.
UNPACKED_BYTES = 100_000_000


def unpacks_safely(data: bytes) -> None:
    """Raise Unreadable unless ``data`` is a zip archive that unpacks to at most UNPACKED_BYTES."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Unreadable("it is not an Office file") from error
    if unpacked > UNPACKED_BYTES:
        raise Unreadable(f"it unpacks to {unpacked} bytes, at most {UNPACKED_BYTES} are read")


def read_docx(data: bytes) -> tuple[str, list[Section]]:
    """Return the title ("" without one) and a section per heading. A table becomes one line per row."""
    document = docx.Document(io.BytesIO(data))
    parts: list[tuple[Place, list[str]]] = [(Place("document"), [])]
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            parts[-1][1].append("\n".join(_row(cell.text for cell in row.cells) for row in block.rows))
        elif block.style is not None and (block.style.name or "").startswith(("Heading", "Title")):
            if block.text.strip():
                parts.append((Place("heading", block.text.strip()), []))
        else:
            parts[-1][1].append(block.text)
    return document.core_properties.title or "", [Section(place, _joined(texts)) for place, texts in parts]


def read_pptx(data: bytes) -> tuple[str, list[Section]]:
    """Return the title ("" without one) and a section per slide: its shapes in order, then its notes."""
    deck = pptx.Presentation(io.BytesIO(data))
    sections = []
    for number, slide in enumerate(deck.slides, start=1):
        texts = list(_texts_of(slide.shapes))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            texts.append(slide.notes_slide.notes_text_frame.text)
        sections.append(Section(Place("slide", str(number)), _joined(texts)))
    title = deck.core_properties.title or ""
    return "" if title == "PowerPoint Presentation" else title, sections


def _texts_of(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _texts_of(shape.shapes)
        elif getattr(shape, "has_table", False):
            yield "\n".join(_row(cell.text for cell in row.cells) for row in shape.table.rows)
        elif shape.has_text_frame:
            yield shape.text_frame.text


def read_xlsx(data: bytes) -> tuple[str, list[Section]]:
    """Return the title ("" without one) and a section per sheet, with a line per row.

    A line has ``header: value`` for each cell. The header is a sheet's first row that is not empty. A formula counts
    with the value that it had when the file was saved.
    """
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        sections = [Section(Place("sheet", sheet.title), "\n".join(_rows_of(sheet))) for sheet in book.worksheets]
        return book.properties.title or "", sections
    finally:
        book.close()


def _rows_of(sheet: Any) -> Iterator[str]:
    sheet.reset_dimensions()  # some programs write a wrong size, by which cells would be left out
    header: list[str] = []
    for row in sheet.iter_rows(values_only=True):
        values = ["" if value is None else str(value).strip() for value in row]
        if not any(values):
            continue
        if not header:
            header = values
            yield _row(values)
            continue
        names = header + [""] * (len(values) - len(header))
        yield "; ".join(
            f"{name}: {value}" if name else value for name, value in zip(names, values, strict=False) if value
        )


def _row(cells: Iterable[str]) -> str:
    return " | ".join(text for cell in cells if (text := " ".join(cell.split())))


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text.strip() for text in texts if text.strip())
