import pytest
from hypothesis import given
from hypothesis import strategies as st
from svc_rag_retriever.fusion import fuse, ranks


def test_scores_are_the_sum_of_reciprocal_ranks() -> None:
    fused = fuse([["a", "b"], ["b", "c"]], constant=60)
    assert [key for key, _ in fused] == ["b", "a", "c"]
    assert [score for _, score in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_equal_scores_keep_the_order_of_the_rankings() -> None:
    assert [key for key, _ in fuse([["word"], ["meaning"]])] == ["word", "meaning"]


def test_an_empty_ranking_changes_nothing() -> None:
    assert [key for key, _ in fuse([[], ["x", "y", "z"]])] == ["x", "y", "z"]
    assert fuse([[], []]) == []


@given(st.lists(st.permutations(list("abcdef")), min_size=1, max_size=4))
def test_a_passage_that_leads_every_ranking_leads_the_fusion(rankings: list[list[str]]) -> None:
    led = [["winner", *ranking] for ranking in rankings]
    fused = fuse(led)
    assert fused[0][0] == "winner"
    assert {key for key, _ in fused} == {"winner", *"abcdef"}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


def test_ranks_count_from_one() -> None:
    assert ranks([("a", 0.9), ("b", 0.4)]) == {"a": (1, 0.9), "b": (2, 0.4)}
