"""Order, kinship and cycles of graphs small enough to draw, and of any graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.stack.graph import CycleError, ancestors, descendants, order

NAMES = "abcdefg"
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=4), max_size=len(NAMES)
)
STACK = {"ocr": ["ml"], "forms": ["runtime"], "ml": ["runtime"], "runtime": []}


def reaches(graph: dict[str, list[str]], start: str) -> set[str]:
    """By definition: what can be walked to in one step or more."""
    found = set(graph.get(start, []))
    for _ in NAMES:
        found |= {parent for name in found for parent in graph.get(name, [])}
    return found


def test_a_stack() -> None:
    assert order(STACK) == ("runtime", "ml", "ocr", "forms")
    assert ancestors(STACK, ["ocr"]) == {"ml", "runtime"}
    assert descendants(STACK, ["ml"]) == {"ocr"}
    assert descendants(STACK, ["runtime"]) == {"ml", "ocr", "forms"}
    assert ancestors(STACK, ["nobody"]) == descendants(STACK, ["nobody"]) == frozenset()


def test_equals_keep_the_order_they_are_given_in() -> None:
    assert order({"b": [], "a": [], "c": []}) == ("b", "a", "c")


def test_a_thousand_generations() -> None:
    names = [f"image-{number}" for number in range(5000)]
    chain = {name: [below] for name, below in zip(names[1:], names, strict=False)} | {names[0]: []}
    assert order(chain) == tuple(names)


@pytest.mark.parametrize(
    ("graph", "path"),
    [
        ({"a": ["a"]}, ("a", "a")),
        ({"a": ["b"], "b": ["a"]}, ("a", "b", "a")),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
    ],
)
def test_a_cycle_is_raised_as_a_path(graph: dict[str, list[str]], path: tuple[str, ...]) -> None:
    with pytest.raises(CycleError) as caught:
        order(graph)
    assert caught.value.path == path
    assert str(caught.value) == " -> ".join(path)


@given(GRAPHS)
def test_the_order_is_topological_or_a_cycle_is_raised(graph: dict[str, list[str]]) -> None:
    cyclic = any(name in reaches(graph, name) for name in graph)
    try:
        names = order(graph)
    except CycleError as error:
        assert cyclic
        assert error.path[0] == error.path[-1]
        assert len(set(error.path)) == len(error.path) - 1 > 0
        assert all(below in graph[name] for name, below in zip(error.path, error.path[1:], strict=False))
    else:
        assert not cyclic
        assert sorted(names) == sorted(graph)
        place = {name: number for number, name in enumerate(names)}
        assert all(place[parent] < place[name] for name in graph for parent in graph[name] if parent in graph)


@given(GRAPHS)
def test_ancestors_and_descendants_are_converse(graph: dict[str, list[str]]) -> None:
    for name in NAMES:
        assert ancestors(graph, [name]) == reaches(graph, name)
        assert descendants(graph, [name]) == {other for other in graph if name in reaches(graph, other)}


@given(GRAPHS, st.lists(st.sampled_from(NAMES)))
def test_the_kin_of_several_is_the_kin_of_each(graph: dict[str, list[str]], names: list[str]) -> None:
    assert ancestors(graph, names) == frozenset().union(*(ancestors(graph, [name]) for name in names))
