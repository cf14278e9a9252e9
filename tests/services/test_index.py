"""One contract, whatever keeps the index: a file, or Qdrant.

Qdrant is its client's own in-memory engine: no registry that the tests reach has the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.file_index import FileIndex
from ragkit.nearest import InMemory
from ragkit.passages import Document, Listed, Passage, Place, Section, Stats
from ragkit.protocol import Changes, Index, IndexBroken, IndexUnwritable
from ragkit.steps import step
from ragkit.vectors import DIMENSIONS, NO_VECTORS, Vectors, highest

PLACE = Place("heading", "H")


def in_a_file(folder: Path) -> Index:
    return FileIndex(folder / "index")


def in_qdrant(folder: Path) -> Index:
    from qdrant_client import QdrantClient  # slow to import, and one worker uses it

    from ragkit.qdrant_index import QdrantIndex

    return QdrantIndex(QdrantClient(":memory:"), "passages")


@pytest.fixture(params=[in_a_file, in_qdrant], ids=["file", "qdrant"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Index:
    opened: Callable[[Path], Index] = request.param
    return opened(tmp_path)


def unit(*axes: int) -> Vectors:
    """A unit vector along each axis."""
    return np.eye(DIMENSIONS, dtype=np.float32)[list(axes)]


def keep(index: Index, id: str, *texts: str) -> None:
    """Keep a document; each passage's vector is the axis of its text's length."""
    document = Document(id, id.title(), "", (Section(PLACE, " ".join(texts)),))
    passages = [Passage(id, id.title(), "", PLACE, 0, len(text), text) for text in texts]
    index.replace(document, passages, unit(*map(len, texts)))


def read(index: Index, since: int = 0, at_most: int = 1000) -> list[Changes]:
    """Return the changes, step by step, as a reader takes them in."""
    steps = [index.changes(since, at_most)]
    while not steps[-1].complete:
        steps.append(index.changes(steps[-1].generation, at_most))
    return steps


def texts(index: Index) -> list[str]:
    return sorted(passage.text for step in read(index) for passage in step.passages)


def test_an_empty_index_is_whole(index: Index) -> None:
    index.check()
    assert (index.generation(), index.documents(10), index.stats()) == (0, [], Stats(0, 0, 0))
    assert (index.document("none"), index.remove("none")) == (None, False)
    assert index.generation() == 0
    none = index.changes(0)
    assert (none.generation, none.documents, none.ids, none.passages, none.complete) == (0, (), (), (), True)
    assert none.vectors.shape == NO_VECTORS.shape
    assert index.nearest().best(unit(1)[0], 5, np.zeros(0, dtype=np.bool_)) == []


def test_a_document_is_kept_and_replaced(index: Index) -> None:
    keep(index, "a", "one", "three")
    keep(index, "b", "seventeen")
    keep(index, "a", "three")
    index.check()
    assert index.stats() == Stats(documents=2, passages=2, generation=3)
    assert index.documents(10) == [Listed("a", "A", "", 1, 5), Listed("b", "B", "", 1, 9)]
    assert (index.documents(1), index.documents(1, 1)) == (index.documents(10)[:1], index.documents(10)[1:])
    assert index.document("b") == Listed("b", "B", "", 1, 9)
    assert texts(index) == ["seventeen", "three"]


def test_the_nearest_come_first_with_their_cosine(index: Index) -> None:
    keep(index, "a", "one", "three", "seventeen")
    [step] = read(index)
    nearest = index.nearest()
    nearest.append(step.ids, step.vectors)
    question = (0.8 * unit(5)[0] + 0.6 * unit(3)[0]).astype(np.float32)
    alive = np.array([passage.text != "one" for passage in step.passages])
    for asked, expected in ((alive | True, [("three", 0.8), ("one", 0.6)]), (alive, [("three", 0.8)])):
        found = nearest.best(question, 2, asked)[: len(expected)]
        assert [(step.passages[slot].text, round(score, 3)) for slot, score in found] == expected
    [three] = [slot for slot, passage in enumerate(step.passages) if passage.text == "three"]
    assert nearest.only(np.array([three])).best(question, 1, np.ones(1, dtype=np.bool_))[0][0] == 0
    assert step.passages[0].place == PLACE


def test_a_removed_document_is_gone(index: Index) -> None:
    keep(index, "a", "one")
    keep(index, "b", "three")
    assert index.remove("a") is True
    assert (index.remove("a"), index.document("a")) == (False, None)
    assert (index.generation(), texts(index)) == (3, ["three"])
    assert [listed.id for listed in index.documents(10)] == ["b"]


def test_a_reader_takes_in_the_documents_that_changed_since(index: Index) -> None:
    keep(index, "a", "one")
    keep(index, "b", "three")
    before = index.generation()
    keep(index, "c", "seventeen", "two")
    index.remove("a")
    keep(index, "b", "four")
    [step] = read(index, before)
    assert (step.generation, step.documents) == (5, ("c", "a", "b"))
    assert sorted(passage.text for passage in step.passages) == ["four", "seventeen", "two"]
    assert index.changes(5).documents == ()
    assert index.changes(9).generation == 5, "a reader of another index sees that this one is behind"


def test_a_step_of_a_reader_has_a_limit(index: Index) -> None:
    keep(index, "a", "one", "three")
    keep(index, "b", "seventeen", "two", "four", "eleven")
    keep(index, "c", "nine")
    steps = read(index, at_most=3)
    assert [(step.generation, step.documents, step.complete) for step in steps] == [
        (1, ("a",), False),
        (2, ("b",), False),
        (3, ("c",), True),
    ]


def test_a_damaged_file_raises(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    index = FileIndex(tmp_path)
    for ask in (index.check, index.generation, lambda: index.changes(0)):
        with pytest.raises(IndexBroken, match=r"index\.sqlite"):
            ask()


def test_an_empty_file_that_a_crash_left_is_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").touch()
    index = FileIndex(tmp_path)
    index.check()
    assert index.generation() == 0
    keep(index, "a", "one")
    assert texts(index) == ["one"]


def test_a_check_changes_nothing(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    seen = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.glob("*.sqlite")}
    FileIndex(tmp_path).check()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.glob("*.sqlite")} == seen


def test_a_change_beside_the_change_of_another_process_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    index = FileIndex(tmp_path, patience=0.05)
    keep(index, "a", "one")
    with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(IndexUnwritable, match="another process"):
            keep(index, "a", "three")
        assert (texts(index), index.generation()) == (["one"], 1)
        other.execute("ROLLBACK")
    keep(index, "a", "three")
    assert texts(index) == ["three"]


def test_a_change_that_fails_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    with pytest.raises(ValueError, match="zip"):
        index.replace(Document("a", "A", "", ()), [], unit(1))
    assert (texts(index), index.generation()) == (["one"], 1)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(0, 50))
def test_steps_take_every_document_once(sizes: list[int], at_most: int) -> None:
    taken: list[int] = []
    while len(taken) < len(sizes):
        rest = sizes[len(taken) :]
        count = step(rest, at_most)
        assert count == 1 or sum(rest[:count]) <= at_most
        taken += rest[:count]
    assert taken == sizes
    assert step([], at_most) == 0


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30), st.integers(1, 40))
def test_the_highest_scores_come_first_and_equal_ones_keep_their_order(scores: list[float], count: int) -> None:
    order = sorted(range(len(scores)), key=lambda position: (-scores[position], position))
    assert list(highest(np.array(scores), count)) == order[:count]


def test_vectors_of_many_blocks_are_compared_like_those_of_one() -> None:
    vectors = np.random.default_rng(7).normal(size=(9000, DIMENSIONS)).astype(np.float32)
    nearest = InMemory()
    for first in range(0, 9000, 700):
        nearest.append((), vectors[first : first + 700])
    question, alive = vectors[8500], np.ones(9000, dtype=np.bool_)
    alive[8500] = False
    expected = highest(np.where(alive, vectors @ question, -np.inf), 10)
    assert [slot for slot, _ in nearest.best(question, 10, alive)] == list(expected)
    assert len(nearest.best(question, 20, alive[:8])) == 8, "an earlier snapshot does not see later slots"
    kept = np.flatnonzero(np.arange(9000) % 3 == 0)
    assert nearest.only(kept).best(vectors[6000], 1, np.ones(3000, dtype=np.bool_))[0][0] == 2000
