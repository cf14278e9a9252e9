from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.chunking import cut, passages_of
from ragkit.passages import Document, Place, Section


def test_passages_begin_with_the_last_sentences_of_the_one_before() -> None:
    text = "Aaaa bbbb. Cccc dddd. Eeee ffff. Gggg hhhh."
    spans = passages_of(text, size=32, overlap=11)
    assert [text[span.start : span.end] for span in spans] == [
        "Aaaa bbbb. Cccc dddd. Eeee ffff.",
        "Eeee ffff. Gggg hhhh.",
    ]


def test_a_table_too_long_for_a_passage_is_cut_between_its_rows() -> None:
    rows = "\n".join(f"part: {number}; price: {number * 3}" for number in range(30))
    texts = [rows[span.start : span.end] for span in passages_of(rows, size=100, overlap=0)]
    assert all(text.startswith("part: ") for text in texts)
    assert "\n".join(texts) == rows


def test_a_word_longer_than_a_passage_is_cut_anywhere() -> None:
    assert [(span.start, span.end) for span in passages_of("x" * 25, size=10, overlap=3)] == [
        (0, 10),
        (10, 20),
        (20, 25),
    ]


@pytest.mark.parametrize(("size", "overlap"), [(10, 10), (10, 11), (10, -1), (0, 0)])
def test_an_overlap_that_does_not_fit_is_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        passages_of("x", size=size, overlap=overlap)


@given(
    text=st.text(alphabet=st.sampled_from("aB1.!? \n\tü"), max_size=400),
    size=st.integers(5, 60),
    overlap=st.integers(0, 4),
)
def test_passages_cover_any_text_and_keep_the_limit(text: str, size: int, overlap: int) -> None:
    spans = passages_of(text, size=size, overlap=overlap)
    covered = {at for span in spans for at in range(span.start, span.end)}
    assert all(at in covered for at, character in enumerate(text) if not character.isspace())
    assert all(0 < span.end - span.start <= size for span in spans)
    for before, after in pairwise(spans):
        assert before.start < after.start and before.end < after.end
        assert before.end - after.start <= overlap


def test_passages_know_their_place_and_never_cross_sections() -> None:
    document = Document(
        "guide",
        "Guide",
        "guide.md",
        (Section(Place("document"), "Hello there."), Section(Place("heading", "Returns"), "  Send it back. Thanks.")),
    )
    first, second = cut(document)
    assert (first.place, first.text) == (Place("document"), "Hello there.")
    assert (second.place.name, second.start, second.end) == ("Returns", 2, 23)
    assert second.text == "Send it back. Thanks."
    assert second.searchable == "Guide\nReturns\nSend it back. Thanks."
