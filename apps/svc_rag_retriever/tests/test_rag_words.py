import pytest
from svc_rag_retriever.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("How do I reset the pump?", ["reset", "pump"]),
        ("Error ERR-4711/b", ["error", "err", "4711", "b", "err-4711/b"]),
        ("max_page_size", ["max", "page", "size", "max_page_size"]),
        ("v2.3.1.", ["v2", "3", "1", "v2.3.1"]),
        ("Straße, Ärger", ["strasse", "ärger"]),
        ("the of and", []),
        ("?! …", []),
        ("", []),
    ],
)
def test_words_lose_case_and_stop_words_and_identifiers_stay_whole(text: str, words: list[str]) -> None:
    assert words_of(text) == words
