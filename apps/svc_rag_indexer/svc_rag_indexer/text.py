"""Read plain text, Markdown and HTML into sections, with the standard library only."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, lookup
from collections.abc import Iterator
from html.parser import HTMLParser

from ragkit.passages import Place, Section


class Unreadable(Exception):
    """Report a file that cannot be read as the type that its name says. The message names the cause."""


_WHOLE = Place("document")
_HEADING_MARK = re.compile(r" {0,3}#{1,6}(?=[ \t]|$)")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_BLOCK_TAGS = (
    "address article aside blockquote br caption dd div dl dt figcaption figure footer form header hr li main nav ol "
    "p pre section table td th tr ul"
)
_PARAGRAPH_TAGS = "address article blockquote div dl figure ol p pre section table ul"
_BLOCKS, _PARAGRAPHS = frozenset(_BLOCK_TAGS.split()), frozenset(_PARAGRAPH_TAGS.split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_UNSEEN = frozenset(("script", "style", "template", "noscript", "svg"))


def decoded(data: bytes, *, otherwise: str | None = None) -> str:
    """Return ``data`` as text: by its byte order mark, else UTF-8, else ``otherwise``. Raises Unreadable."""
    encoding = "utf-8-sig"
    if not data.startswith(BOM_UTF8) and data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encoding = "utf-16"
    for candidate in (encoding, otherwise):
        if candidate is None:
            continue
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError as error:
            problem = f"byte {error.start} is not {candidate.removesuffix('-sig').upper()}"
            continue
        if "\0" in text:
            raise Unreadable("it is not a text file: it has NUL characters")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise Unreadable(problem)


def read_text(data: bytes) -> list[Section]:
    return pages_of(decoded(data))


def pages_of(text: str) -> list[Section]:
    """Return a section per page when form feeds separate pages, as svc-ocr and pdftotext write them, else one."""
    pages = text.split("\f")
    if len(pages) == 1:
        return [Section(_WHOLE, text)]
    return [Section(Place("page", str(number)), page) for number, page in enumerate(pages, start=1)]


def read_markdown(data: bytes) -> list[Section]:
    """Return a section per heading (``#`` to ``######``). A ``#`` inside a fenced block is not a heading."""
    sections: list[Section] = []
    place, lines, fence = _WHOLE, list[str](), ""
    for line in decoded(data).split("\n"):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        if not fence and (mark := _HEADING_MARK.match(line)):
            sections.append(Section(place, "\n".join(lines)))
            place, lines = Place("heading", _without_closing_mark(line[mark.end() :])), []
        else:
            lines.append(line)
    return [*sections, Section(place, "\n".join(lines))]


def _without_closing_mark(heading: str) -> str:
    """Return ``One`` of `` One ##``, but ``C#`` of `` C#``: the closing mark follows a blank (CommonMark)."""
    name = heading.strip(" \t")
    bare = name.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare[-1] in " \t" else name


def read_html(data: bytes) -> tuple[str, list[Section]]:
    """Return the title ("" without one) and a section per heading. Scripts and styles are not text."""
    reader = _HtmlReader()
    reader.feed(decoded(data, otherwise=_declared_charset(data)))
    reader.close()
    return reader.title, list(reader.sections())


def tidied(text: str) -> str:
    """Return the text with single blanks, none around line ends, and at most one empty line between lines."""
    lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _declared_charset(data: bytes) -> str:
    """Return the charset that the page declares in its first kilobyte, else Windows-1252.

    Browsers assume the same (WHATWG HTML).
    """
    declared = _META_CHARSET.search(data[:1024])
    try:
        return lookup(declared[1].decode("ascii")).name if declared else "cp1252"
    except (LookupError, UnicodeDecodeError):
        return "cp1252"


class _HtmlReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._unseen = 0
        self._inside = ""
        self._heading: list[str] = []
        self._parts: list[tuple[Place, list[str]]] = [(_WHOLE, [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _HEADINGS or tag == "title":
            self._inside, self._heading = tag, []
        elif tag in _BLOCKS:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == self._inside:
            name = " ".join("".join(self._heading).split())
            if tag == "title":
                self.title = self.title or name
            else:
                self._parts.append((Place("heading", name), []))
            self._inside = ""
        elif tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        (self._heading if self._inside else self._parts[-1][1]).append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if not self._inside:
            self._parts[-1][1].append("\n\n" if tag in _PARAGRAPHS else "\n")

    def sections(self) -> Iterator[Section]:
        for place, pieces in self._parts:
            yield Section(place, tidied("".join(pieces)))
