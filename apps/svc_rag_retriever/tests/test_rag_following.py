"""Let a thread follow an index while searches ask for snapshots."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from svc_rag_retriever.following import Follower, Loading

from ragkit.file_index import FileIndex
from ragkit.passages import Document, Passage, Place, Section
from ragkit.protocol import STEP, Changes, IndexBroken
from ragkit.vectors import DIMENSIONS

#: Longer than every test: the thread takes a change in when it is asked, or not at all.
LONG = 60.0


def keep(index: FileIndex, id: str, *texts: str) -> None:
    place = Place("document")
    passages = [Passage(id, "", "", place, 0, len(text), text) for text in texts]
    vectors = np.eye(DIMENSIONS, dtype=np.float32)[[len(text) for text in texts]]
    index.replace(Document(id, "", "", (Section(place, " ".join(texts)),)), passages, vectors)


class Held(FileIndex):
    """Hand the changes to a reader only while ``gate`` is open, and note how many steps it took."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = threading.Event()
        self.gate.set()
        self.steps: list[int] = []

    def changes(self, since: int, at_most: int = STEP) -> Changes:
        assert self.gate.wait(LONG)
        step = super().changes(since, 2)
        self.steps.append(step.generation)
        return step


def texts(follower: Follower) -> Sequence[str]:
    snapshot = follower.snapshot()
    return sorted(snapshot.passages[slot].text for slot in np.flatnonzero(snapshot.alive).tolist())


def test_a_search_after_a_change_sees_it(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    follower = Follower(index, patience=LONG, pause=LONG)
    with follower.running():
        assert texts(follower) == []
        for number in range(50):
            keep(index, f"note {number % 5}", f"wording {number}")
            assert f"wording {number}" in texts(follower)
        assert index.remove("note 4")
        assert texts(follower) == [f"wording {number}" for number in range(45, 49)]


def test_a_search_does_not_wait_for_a_long_change_and_uses_the_snapshot_before(tmp_path: Path) -> None:
    index = Held(tmp_path)
    keep(index, "note", "old")
    follower = Follower(index, patience=0.01, pause=0.01)
    with follower.running():
        wait_for(follower, 1)
        index.gate.clear()
        keep(index, "note", "new")
        assert texts(follower) == ["old"]
        follower.check()
        index.gate.set()
        wait_for(follower, 2)
        assert texts(follower) == ["new"]


def test_nothing_is_found_before_the_whole_index_was_read(tmp_path: Path) -> None:
    index = Held(tmp_path)
    for number in range(9):
        keep(index, f"note {number}", "a", "b")
    index.gate.clear()
    follower = Follower(index, patience=0.01, pause=0.01)
    with follower.running():
        for ask in (follower.check, follower.snapshot):
            with pytest.raises(Loading):
                ask()
        index.gate.set()
        wait_for(follower, 9)
        assert index.steps[:9] == list(range(1, 10)), "a step takes at most two passages"
        assert len(texts(follower)) == 18


def test_a_broken_index_fails_searches_until_it_is_whole_again(tmp_path: Path) -> None:
    index = FileIndex(tmp_path / "index")
    keep(index, "note", "old")
    follower = Follower(index, patience=0.01, pause=0.01)
    with follower.running():
        wait_for(follower, 1)
        (tmp_path / "index").rename(tmp_path / "aside")
        (tmp_path / "index").mkdir()
        (tmp_path / "index" / "index.sqlite").write_bytes(b"no database" * 1000)
        with pytest.raises(IndexBroken):
            follower.snapshot()
        (tmp_path / "index").rename(tmp_path / "damaged")
        (tmp_path / "aside").rename(tmp_path / "index")
        assert texts(follower) == ["old"]


def test_another_index_in_the_place_of_the_first_is_read_from_its_beginning(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
    keep(index, "a", "one")
    keep(index, "b", "two")
    follower = Follower(index, patience=LONG, pause=0.01)
    with follower.running():
        assert texts(follower) == ["one", "two"]
        for path in tmp_path.iterdir():
            path.unlink()
        keep(FileIndex(tmp_path), "c", "three")
        wait_for(follower, 1)
        assert texts(follower) == ["three"]


def wait_for(follower: Follower, generation: int) -> None:
    ended = threading.Event()
    for _ in range(2000):
        try:
            if follower.snapshot().generation == generation:
                return
        except Loading:
            pass
        ended.wait(0.005)
    raise AssertionError(f"the follower does not reach generation {generation}")
