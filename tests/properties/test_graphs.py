"""Graphs of any shape against the standard library's graphlib."""

from __future__ import annotations

from graphlib import CycleError as Cyclic
from graphlib import TopologicalSorter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.stack.graph import CycleError, Graph, order
from tests.properties.examples import examples

NAMES = st.integers(0, 24).map("image-{}".format)
#: Sparse enough that half of them have no cycle; some names stand only among what others stand on.
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=25)
ACYCLIC = st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=31).flatmap(
    lambda parents: st.permutations(
        [(f"image-{n}", [f"image-{p}" for p in below if p < n]) for n, below in enumerate(parents)]
    ).map(dict)
)


def is_cyclic(graph: Graph) -> bool:
    try:
        TopologicalSorter(graph).prepare()
    except Cyclic:
        return True
    return False


def assert_is_an_order(names: tuple[str, ...], graph: Graph) -> None:
    assert sorted(names) == sorted(graph)
    place = {name: number for number, name in enumerate(names)}
    assert all(place[below] < place[name] for name in graph for below in graph[name] if below in graph)


@examples(300)
@given(GRAPHS)
def test_a_cycle_is_reported_exactly_when_there_is_one(graph: Graph) -> None:
    if not is_cyclic(graph):
        assert_is_an_order(order(graph), graph)
        return
    with pytest.raises(CycleError) as caught:
        order(graph)
    path = caught.value.path
    assert path[0] == path[-1] and len(set(path)) == len(path) - 1
    assert all(below in graph[name] for name, below in pairwise(path))


@examples(100)
@given(ACYCLIC)
def test_parents_come_first_however_the_images_are_listed(graph: Graph) -> None:
    assert_is_an_order(order(graph), graph)


@examples(100)
@given(ACYCLIC, st.data())
def test_one_edge_back_makes_a_cycle(graph: Graph, data: st.DataObject) -> None:
    """An image made to stand on itself or on what stands on it, at any distance."""
    chain = [data.draw(st.sampled_from(sorted(graph)))]
    while above := sorted(name for name in graph if chain[-1] in graph[name]):
        if data.draw(st.booleans()):
            break
        chain.append(data.draw(st.sampled_from(above)))
    closed = {**graph, chain[0]: [*graph[chain[0]], chain[-1]]}
    with pytest.raises(CycleError) as caught:
        order(closed)
    assert (chain[0], chain[-1]) in pairwise(caught.value.path)
