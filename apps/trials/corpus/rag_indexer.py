"""Try svc-rag-indexer: small files that make a parser run away, and large ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import openpyxl
import pptx
from docx.oxml.ns import qn

from apps.trials.asking import Answer, Client, Request
from apps.trials.frame import Durable, Hostile, Trial
from apps.trials.inputs.http import json_door, upload_door, wire

#: PARSE_SECONDS of the container, instead of 30.
PARSE = 6
JSON = {"Content-Type": "application/json"}
KEPT, UNREADABLE = frozenset({201}), frozenset({422})
PARAGRAPH = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
TEXT = "Seven crates of green apples went to Harbour Lane. "


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def edited(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """Return an Office file in one part of which ``new`` replaces ``old``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, content.replace(old, new) if name == part else content)
    return buffer.getvalue()


def sheet_of(old: bytes, new: bytes) -> bytes:
    """Return an Excel file with the text x in the cell A1, in whose sheet ``new`` replaces ``old``."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(["x"])
    return edited(saved(book), "xl/worksheets/sheet1.xml", old, new)


def repeated_string() -> bytes:
    """Return an Excel file with one string of 30 KB in 33,300 cells: 1 GB of text."""
    row = b"<row>" + b'<c t="s"><v>0</v></c>' * 100 + b"</row>"
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/>'
    sheet = sheet_of(b"</sheetData>", row * 333 + b"</sheetData>")
    buffer = io.BytesIO(edited(sheet, "[Content_Types].xml", b"</Types>", part + b"</Types>"))
    main = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", main + b"s" * 30_000 + b"</t></si></sst>")
    return buffer.getvalue()


def table_of(columns: int) -> bytes:
    """Return a Word file with a table of one cell that spans so many columns."""
    document = docx.Document()
    cell = document.add_table(rows=1, cols=1).cell(0, 0)
    cell.text = "x"
    cell._tc.get_or_add_tcPr().get_or_add_gridSpan().set(qn("w:val"), str(columns))
    return saved(document)


def document_of(paragraphs: int) -> bytes:
    return edited(saved(docx.Document()), "word/document.xml", b"<w:body>", b"<w:body>" + PARAGRAPH * paragraphs)


def slide_of(paragraphs: int) -> bytes:
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[1]).placeholders[1].text = "x"
    many = PARAGRAPH.replace(b"w:", b"a:") * paragraphs
    return edited(saved(deck), "ppt/slides/slide1.xml", b"</p:txBody>", many + b"</p:txBody>")


def file(name: str, make: Callable[[], bytes], statuses: frozenset[int] = UNREADABLE) -> Hostile:
    """Return an input that is read or refused in the time that a parser has, and in twice that by the service."""
    return Hostile(lambda: Request("/documents", files={"file": (name, make())}), statuses, 2.5 * PARSE)


def body(make: Callable[[], bytes], statuses: frozenset[int] = UNREADABLE) -> Hostile:
    return Hostile(lambda: Request("/documents", data=make(), headers=JSON), statuses, 2.5 * PARSE)


def is_kept(client: Client, number: int, answer: Answer) -> bool:
    told = answer.json()
    found = client.ask(Request(f"/documents/{told['id']}", "GET")).json()
    return bool(found["title"] == f"wording {number}" and found["passages"] == told["passages"] == 1)


TRIAL = Trial(
    image="svc-rag-indexer",
    env={"PARSE_SECONDS": str(PARSE)},
    request=lambda number: Request(
        "/documents", json={"id": f"note {number}", "title": f"wording {number}", "text": f"{TEXT}{number}"}
    ),
    durable=Durable(is_kept),
    hostile={
        **wire("/documents"),
        **json_door("/documents", "text", ', "id": "a"'),
        **upload_door("/documents", "a.txt"),
        "json: 12 million numbers": body(
            lambda: b'{"id": "a", "text": "b", "more": [' + b"1," * 12_000_000 + b"1]}", KEPT | UNREADABLE
        ),
        "json: half a million pages": body(
            lambda: b'{"id": "a", "pages": [' + b",".join([b'{"number": 1, "text": "a"}'] * 500_000) + b"]}"
        ),
        "json: without its media type": Hostile(lambda: Request("/documents", data=b'{"id": "a", "text": "b"}'), {415}),
        "json: an id of 1 MB": body(lambda: b'{"text": "b", "id": "' + b"a" * 1_000_000 + b'"}'),
        "md: a heading of 400,000 blanks": file("a.md", lambda: b"# x" + b" " * 400_000 + b"y\nz", KEPT),
        "md: a heading of 400,000 hashes": file("a.md", lambda: b"# " * 200_000 + b"y\nz", KEPT),
        "md: fences": file("a.md", lambda: b"```\n~~~\n" * 1_000_000),
        "html: blanks between 250,000 elements": file("a.html", lambda: b"<b> </b>" * 250_000),
        "html: 300,000 broken comments": file("a.html", lambda: b"<!-" * 300_000 + b"x", KEPT | UNREADABLE),
        "html: 300,000 open elements": file("a.html", lambda: b"<a " * 300_000, KEPT | UNREADABLE),
        "html: a script without end": file("a.html", lambda: b"<script>" + b"</" * 500_000, KEPT | UNREADABLE),
        "txt: 25 MB": file("a.txt", lambda: b"word " * 4_900_000),
        "txt: a name that is a path": file("../../etc/a.txt", lambda: b"text", KEPT),
        "xlsx: a long string in 33,300 cells": file("a.xlsx", repeated_string),
        "xlsx: a cell at the far end": file("a.xlsx", lambda: sheet_of(b"A1", b"XFD1048576"), KEPT | UNREADABLE),
        "xlsx: the row 1,000,000,000": file("a.xlsx", lambda: sheet_of(b'<row r="1"', b'<row r="1000000000"')),
        "docx: 2,000,000,000 columns": file("a.docx", lambda: table_of(2_000_000_000)),
        "docx: 3,000,000 columns": file("a.docx", lambda: table_of(3_000_000)),
        "docx: a million paragraphs": file("a.docx", lambda: document_of(1_000_000)),
        "docx: 119 MB of XML": file("a.docx", lambda: document_of(3_500_000)),
        "pptx: a million paragraphs": file("a.pptx", lambda: slide_of(1_000_000)),
    },
)
