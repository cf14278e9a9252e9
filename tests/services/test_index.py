"""One contract, whatever keeps the index: files, or Qdrant.

Qdrant is its client's own in-memory engine: no registry that the tests reach has the server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ragkit.file_index import FileIndex
from ragkit.passages import Document, Listed, Passage, Place, Section, Stats
from ragkit.protocol import Index, IndexBroken
from ragkit.vectors import DIMENSIONS, Vectors

PLACE = Place("heading", "H")


def in_files(folder: Path) -> Index:
    return FileIndex(folder / "index")


def in_qdrant(folder: Path) -> Index:
    from qdrant_client import QdrantClient  # slow to import, and one worker uses it

    from ragkit.qdrant_index import QdrantIndex

    return QdrantIndex(QdrantClient(":memory:"), "passages")


@pytest.fixture(params=[in_files, in_qdrant], ids=["files", "qdrant"])
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


def texts(index: Index) -> list[str]:
    return sorted(passage.text for passage in index.snapshot().passages.values())


def test_an_empty_index_is_whole(index: Index) -> None:
    index.check()
    assert (index.generation(), index.documents(), index.stats()) == (0, [], Stats(0, 0, 0))
    assert index.remove("none") is False
    assert index.generation() == 0
    assert index.snapshot().nearest(unit(1)[0], 5) == []


def test_a_document_is_kept_and_replaced(index: Index) -> None:
    keep(index, "a", "one", "three")
    keep(index, "b", "seventeen")
    keep(index, "a", "three")
    index.check()
    assert index.stats() == Stats(documents=2, passages=2, generation=3)
    assert index.documents() == [Listed("a", "A", "", 1, 5), Listed("b", "B", "", 1, 9)]
    assert texts(index) == ["seventeen", "three"]


def test_the_nearest_come_first_with_their_cosine(index: Index) -> None:
    keep(index, "a", "one", "three", "seventeen")
    snapshot = index.snapshot()
    question = (0.8 * unit(5)[0] + 0.6 * unit(3)[0]).astype(np.float32)
    found = [(snapshot.passages[id].text, round(score, 3)) for id, score in snapshot.nearest(question, 2)]
    assert found == [("three", 0.8), ("one", 0.6)]
    assert next(iter(snapshot.passages.values())).place == PLACE


def test_a_removed_document_is_gone(index: Index) -> None:
    keep(index, "a", "one")
    keep(index, "b", "three")
    assert index.remove("a") is True
    assert index.remove("a") is False
    assert (index.generation(), texts(index)) == (3, ["three"])
    assert [listed.id for listed in index.documents()] == ["b"]


def test_a_snapshot_keeps_its_passages(index: Index) -> None:
    keep(index, "a", "one")
    before = index.snapshot()
    keep(index, "a", "three")
    assert [passage.text for passage in before.passages.values()] == ["one"]
    assert before.generation + 1 == index.snapshot().generation


@pytest.mark.parametrize("damage", ["faiss", "sqlite", "CURRENT"])
def test_files_that_do_not_fit_together_raise(tmp_path: Path, damage: str) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    index.check()
    if damage == "CURRENT":
        (tmp_path / damage).write_text("no number")
    else:
        (tmp_path / f"1.{damage}").unlink()
    with pytest.raises(IndexBroken):
        index.check()
    with pytest.raises(IndexBroken):
        index.snapshot()


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    seen = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.iterdir()}
    tmp_path.chmod(0o500)
    try:
        index.check()
    finally:
        tmp_path.chmod(0o700)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.iterdir()} == seen


def test_a_file_that_a_crash_left_half_written_does_no_harm(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    for name in ("2.sqlite", "2.faiss", "CURRENT.next"):
        (tmp_path / name).write_bytes(b"half")
    assert texts(index) == ["one"]
    keep(index, "b", "three")
    assert texts(index) == ["one", "three"]
