import pytest
from svc_rag_retriever.words import identifiers_of, words_of


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


@pytest.mark.parametrize(
    ("text", "identifiers"),
    [
        ("What does E-4711 mean?", ["e-4711"]),
        ("Set max_page_size to 30 in the 19th row of 2026", ["max_page_size"]),
        ("part K2137, 30kg, state-of-the-art", ["k2137"]),
        ("v2.3.1 on 10.0.0.7", ["v2.3.1", "10.0.0.7"]),
    ],
)
def test_identifiers_are_words_that_name_one_thing(text: str, identifiers: list[str]) -> None:
    assert identifiers_of(text) == identifiers
