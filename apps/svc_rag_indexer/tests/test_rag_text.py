"""Read plain text, Markdown and HTML, also what was written to take long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from svc_rag_indexer.text import Unreadable, decoded, pages_of, read_html, read_markdown, tidied

from ragkit.chunking import passages_of
from ragkit.passages import Place, Section


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße\r\nzwei".encode(), "Grüße\nzwei"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (b"", ""),
    ],
)
def test_text_is_decoded_by_its_mark_or_as_utf8(data: bytes, text: str) -> None:
    assert decoded(data) == text


def test_undecodable_text_is_refused_with_its_first_bad_byte() -> None:
    with pytest.raises(Unreadable, match=r"byte 2 is not UTF-8"):
        decoded(b"Gr\xfc\xdfe")
    assert decoded(b"Gr\xfc\xdfe", otherwise="cp1252") == "Grüße"
    with pytest.raises(Unreadable, match="NUL"):
        decoded(b"a\0b")


def test_markdown_is_cut_at_headings_but_not_inside_fences() -> None:
    data = b"intro\n# One #\nfirst\n```sh\n# a comment\n```\n## Two\nsecond"
    assert read_markdown(data) == [
        Section(Place("document"), "intro"),
        Section(Place("heading", "One"), "first\n```sh\n# a comment\n```"),
        Section(Place("heading", "Two"), "second"),
    ]


def test_html_gives_its_title_headings_and_text_without_scripts() -> None:
    page = b"""<!doctype html><html><head><title>Tea &amp; cake</title><style>p {color: red}</style></head>
    <body><p>Welcome   in.</p><h2>Open <em>hours</em></h2><p>Mondays,<br>from nine.</p>
    <script>alert('no')</script><ul><li>tea</li><li>cake</li></ul></body></html>"""
    title, sections = read_html(page)
    assert title == "Tea & cake"
    assert sections == [
        Section(Place("document"), "Welcome in."),
        Section(Place("heading", "Open hours"), "Mondays,\nfrom nine.\n\ntea\n\ncake"),
    ]


def test_html_declares_its_charset() -> None:
    page = '<meta charset="iso-8859-2"><p>Łódź</p>'.encode("iso-8859-2")
    assert read_html(page)[1] == [Section(Place("document"), "Łódź")]
    assert read_html("<p>caf\xe9</p>".encode("cp1252"))[1] == [Section(Place("document"), "café")]
    assert read_html('<meta charset="no-such"><p>caf\xe9</p>'.encode("cp1252"))[1][0].text == "café"


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("# One", "One"),
        ("   ###### Six ##  ", "Six"),
        ("## C#", "C#"),
        ("# a # b ###", "a # b"),
        ("##", ""),
        ("## ##", ""),
        ("#hashtag", None),
        ("####### Seven", None),
        ("    # code", None),
    ],
)
def test_a_heading_loses_its_marks_alone(line: str, heading: str | None) -> None:
    places = [section.place for section in read_markdown(line.encode())]
    assert places == [Place("document"), *([Place("heading", heading)] if heading is not None else [])]


def test_form_feeds_separate_pages() -> None:
    assert pages_of("one page") == [Section(Place("document"), "one page")]
    assert pages_of("one\f\fthree") == [
        Section(Place("page", "1"), "one"),
        Section(Place("page", "2"), ""),
        Section(Place("page", "3"), "three"),
    ]


def test_a_heading_of_many_blanks_is_read_in_linear_time() -> None:
    """An expression whose time grows with the third power takes 37 s for 4,000 blanks."""
    [_, section] = read_markdown(b"# x" + b" " * 400_000 + b"y")
    assert len(section.place.name) == 400_002


def test_blanks_of_many_elements_are_read_in_linear_time() -> None:
    """An expression whose time grows with the square takes 28 s for 285,000 blanks."""
    assert tidied(" " * 20_000_000 + "x\n\n\n\n  y") == "x\n\ny"
    assert read_html(b"<b> </b>" * 20_000)[1] == [Section(Place("document"), "")]


@settings(max_examples=40, deadline=timedelta(seconds=5))
@given(st.text("#`~ \t\n\f<>/&;!-=\"'a.", min_size=1, max_size=6), st.text("# \n<a>.", max_size=3))
def test_no_repetition_takes_long(unit: str, end: str) -> None:
    """A reader with quadratic time needs minutes for one of these texts, and one with linear time a few hundredths."""
    text = "x# " + unit * (60_000 // len(unit)) + end
    read_markdown(text.encode())
    read_html(text.encode())
    passages_of(text)
