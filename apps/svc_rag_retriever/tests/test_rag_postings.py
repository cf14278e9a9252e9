"""Compare the growing postings with BM25's definition, computed anew for the passages that are left."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from svc_rag_retriever.corpus import Corpus
from svc_rag_retriever.postings import Postings

from ragkit.nearest import InMemory
from ragkit.passages import Passage, Place
from ragkit.protocol import Changes
from ragkit.vectors import DIMENSIONS

WORDS = ("pear", "apple", "plum", "fig")


def bm25(passages: Sequence[Sequence[str]], question: Sequence[str]) -> list[float]:
    mean = sum(map(len, passages)) / len(passages)
    scores = []
    for passage in passages:
        score = 0.0
        for word in question:
            having = sum(word in other for other in passages)
            uses = passage.count(word)
            if uses:
                long = 1.5 * (0.25 + 0.75 * len(passage) / mean)
                score += math.log((len(passages) + 1) / having) * uses * 2.5 / (long + uses)
        scores.append(score)
    return scores


def scores_of(postings: Postings, passages: Sequence[Sequence[str]], question: Sequence[str]) -> list[float]:
    lengths = np.array([len(words) for words in passages], dtype=np.int32)
    return list(postings.scores(question, np.ones(len(passages), dtype=np.bool_), lengths))


passages_of_words = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=12)
questions = st.lists(st.sampled_from((*WORDS, "unknown")), max_size=4)


@given(passages_of_words, questions, st.data())
def test_postings_that_grew_score_as_bm25_defines(
    passages: list[list[str]], question: list[str], data: st.DataObject
) -> None:
    postings, added = Postings(), 0
    while added < len(passages):
        more = data.draw(st.integers(1, len(passages) - added))
        postings.append(added, passages[added : added + more])
        added += more
    assert scores_of(postings, passages, question) == pytest.approx(bm25(passages, question))


@given(passages_of_words, questions, st.data())
def test_removed_passages_count_neither_before_nor_after_they_are_dropped(
    passages: list[list[str]], question: list[str], data: st.DataObject
) -> None:
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=len(passages), max_size=len(passages))))
    kept = np.flatnonzero(alive)
    left = [passages[slot] for slot in kept]
    postings = Postings()
    postings.append(0, passages)
    lengths = np.array([len(words) for words in passages], dtype=np.int32)
    expected = bm25(left, question) if left else []
    scores = postings.scores(question, alive, lengths)
    assert list(scores[alive]) == pytest.approx(expected)
    assert not scores[~alive].any()
    assert scores_of(postings.only(kept, len(passages)), left, question) == pytest.approx(expected)


def test_an_earlier_snapshot_does_not_see_later_passages() -> None:
    postings = Postings()
    postings.append(0, [["pear"], ["fig"]])
    before = np.ones(2, dtype=np.bool_), np.ones(2, dtype=np.int32)
    scores = list(postings.scores(["pear"], *before))
    for slot in range(2, 40):
        postings.append(slot, [["pear"] * 3])
    assert list(postings.scores(["pear"], *before)) == scores


def changes(generation: int, **documents: Sequence[str]) -> Changes:
    """Return a step in which each document has one passage per text."""
    passages = [Passage(id, "", "", Place("document"), 0, 1, text) for id, texts in documents.items() for text in texts]
    vectors = np.eye(DIMENSIONS, dtype=np.float32)[[len(passage.text) for passage in passages]]
    ids = tuple(range(len(passages)))
    return Changes(generation, tuple(documents), ids, tuple(passages), vectors, complete=True)


steps = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from(WORDS), max_size=3), max_size=3), max_size=12
)


@given(steps, st.integers(0, 4))
def test_a_corpus_that_followed_every_change_finds_as_one_that_was_made_at_the_end(
    made: list[dict[str, list[str]]], few: int
) -> None:
    followed = Corpus(InMemory(), few=few)
    state: dict[str, list[str]] = {}
    for generation, documents in enumerate(made, start=1):
        followed.follow(changes(generation, **documents))
        for id, texts in documents.items():
            state.pop(id, None)
            state[id] = texts
    fresh = Corpus(InMemory())
    fresh.follow(changes(len(made), **state))
    snapshot = followed.snapshot
    assert (snapshot.generation, snapshot.size) == (fresh.snapshot.generation, fresh.snapshot.size)
    for word in WORDS:
        vector = np.eye(DIMENSIONS, dtype=np.float32)[len(word)]
        for now, then in (
            (snapshot.by_word([word], 50), fresh.snapshot.by_word([word], 50)),
            (snapshot.by_meaning(vector, 50), fresh.snapshot.by_meaning(vector, 50)),
        ):
            assert sorted((snapshot.passages[slot].text, round(score, 6)) for slot, score in now) == sorted(
                (fresh.snapshot.passages[slot].text, round(score, 6)) for slot, score in then
            )


def test_memory_of_removed_passages_is_given_back() -> None:
    corpus = Corpus(InMemory(), few=10)
    for generation in range(1, 1000):
        corpus.follow(changes(generation, note=["pear", "fig"]))
        assert len(corpus.snapshot.alive) <= 2 + 11
    assert corpus.snapshot.size == 2


def test_a_snapshot_stays_as_it_is_while_the_corpus_is_compacted() -> None:
    corpus = Corpus(InMemory(), few=1)
    corpus.follow(changes(1, a=["pear"], b=["fig"]))
    before = corpus.snapshot
    found = before.by_word(["pear"], 5)
    for generation in range(2, 9):
        corpus.follow(changes(generation, a=["plum"], b=["plum"]))
    assert before.by_word(["pear"], 5) == found
    assert before.passages[found[0][0]].text == "pear"
    assert corpus.snapshot.by_word(["pear"], 5) == []
