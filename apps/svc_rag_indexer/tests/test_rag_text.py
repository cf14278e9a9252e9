import pytest
from svc_rag_indexer.text import Unreadable, decoded, read_html, read_markdown

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
