"""One path that an image reads has one encoding, which is read back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.stack.entries import Encoded, FileEntry, Kind, decode, encode_file, without_mode

SHA = "a1" * 32
MODES = st.sampled_from([None, 0o100644, 0o104755, 0o40755, 0o42775])
SHAS = st.text("0123456789abcdef", min_size=64, max_size=64)
#: Paths and targets that look like the encoding itself.
PATHS = st.one_of(
    st.sampled_from(
        [
            "tree:x",
            "a via b",
            "link x",
            " via ",
            "directory",
            f"tree:{SHA}",
            "- x",
            b"\xff".decode("utf-8", "surrogateescape"),
        ]
    ),
    st.text(min_size=1, max_size=8),
)
NOTHING = st.just("")
ENTRIES = st.one_of(
    st.builds(FileEntry, st.just(Kind.FILE), MODES, SHAS, NOTHING | SHAS, NOTHING | PATHS),
    st.builds(FileEntry, st.just(Kind.TREE), MODES, SHAS, NOTHING | SHAS, NOTHING | PATHS),
    st.builds(FileEntry, st.just(Kind.FOLDER), MODES, NOTHING, NOTHING | SHAS, NOTHING),
    st.builds(FileEntry, st.just(Kind.LINK), st.none(), PATHS, NOTHING, NOTHING),
)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (FileEntry(Kind.FILE, 0o100644, SHA), f"100644 {SHA}"),
        (FileEntry(Kind.FILE, None, SHA, "cc"), f"- {SHA} cc"),
        (FileEntry(Kind.FILE, 0o100755, SHA, "cc", "real/a.py"), f"100755 {SHA} cc via real/a.py"),
        (FileEntry(Kind.FILE, 0o100644, SHA, via="tree:x"), f"100644 {SHA} via tree:x"),
        (FileEntry(Kind.LINK, None, "tree:x via y"), "link tree:x via y"),
        (FileEntry(Kind.FOLDER, 0o40755), "40755 directory"),
        (FileEntry(Kind.TREE, 0o40755, SHA, via="real"), f"40755 tree:{SHA} via real"),
    ],
)
def test_the_encoding(entry: FileEntry, text: str) -> None:
    """Input digests are made of it: another encoding rebuilds every image."""
    assert entry.encode() == text
    assert decode(text) == entry


@given(ENTRIES)
def test_an_entry_is_read_back_as_it_was(entry: FileEntry) -> None:
    assert decode(entry.encode()) == entry
    assert decode(without_mode(entry.encode())) == entry.without_mode()


@given(st.sampled_from([0o100644, 0o100755]), SHAS, NOTHING | SHAS)
def test_a_file_is_encoded_alike_by_the_fast_way(mode: int, content: str, attributes: str) -> None:
    entry = FileEntry(Kind.FILE, mode, content, attributes)
    assert encode_file(mode, f"{content} {attributes}".rstrip()) == entry.encode()


@pytest.mark.parametrize("text", ["", "x", "100644", "100644 ", "rwx abc", "9 abc"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(Encoded(text))
