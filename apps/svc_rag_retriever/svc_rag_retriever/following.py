"""Follow the index in a thread: searches and probes never read it in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event, Thread

from ragkit.protocol import Index, IndexBroken
from svc_rag_retriever.corpus import Corpus, Snapshot

#: In seconds: a search waits at most this long for changes that were made before it.
_PATIENCE = 0.25
#: In seconds: the thread pauses this long between two looks for changes.
_PAUSE = 0.5

log = logging.getLogger("svc-rag-retriever")


class Loading(Exception):
    """Report that the index is still read for the first time."""


class Follower:
    """Hold the newest snapshot of the index.

    A search waits up to ``patience`` seconds for the changes that were made before it. That is enough for a document of
    some hundred passages. While the thread takes in more, searches use the snapshot before.
    """

    def __init__(self, index: Index, *, patience: float = _PATIENCE, pause: float = _PAUSE) -> None:
        self._index, self._patience, self._pause = index, patience, pause
        self._snapshot: Snapshot | None = None
        self._failure = ""
        self._begin()
        self._progress = Condition()
        self._asked, self._ended = Event(), Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the thread while the context is open."""
        thread = Thread(target=self._work, name="follower", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._asked.set()
            thread.join()

    def check(self) -> None:
        """Raise Loading until the index was read for the first time."""
        if self._snapshot is None:
            raise Loading(f"{self._corpus.snapshot.size} passages were read so far")

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot. Raises IndexBroken, and Loading until there is one."""
        generation = self._index.generation()
        if not self._has(generation):
            self._asked.set()
            with self._progress:
                self._progress.wait_for(lambda: self._has(generation), self._patience)
            if self._failure:
                raise IndexBroken(self._failure)
        self.check()
        assert self._snapshot is not None
        return self._snapshot

    def _has(self, generation: int) -> bool:
        return self._snapshot is not None and self._snapshot.generation >= generation

    def _begin(self) -> None:
        self._corpus, self._whole = Corpus(self._index.nearest()), False

    def _work(self) -> None:
        while not self._ended.is_set():
            self._asked.clear()
            try:
                self._catch_up()
            except IndexBroken as error:
                self._fail(error)
            except Exception as error:  # the corpus may have a part of a change
                self._begin()
                self._fail(error)
            self._asked.wait(self._pause)

    def _catch_up(self) -> None:
        """Take in all changes, step by step. Searches see no part of an index that is read from its beginning."""
        if self._index.generation() < self._corpus.snapshot.generation:
            log.warning("another index is in the place of the one before")
            self._snapshot = None
            self._begin()
        while not self._ended.is_set():
            changes = self._index.changes(self._corpus.snapshot.generation)
            if changes.documents:
                self._corpus.follow(changes)
            self._whole |= changes.complete
            if self._whole:
                self._publish(self._corpus.snapshot)
            if changes.complete:
                return

    def _publish(self, snapshot: Snapshot) -> None:
        with self._progress:
            self._snapshot, self._failure = snapshot, ""
            self._progress.notify_all()

    def _fail(self, error: Exception) -> None:
        """Log the first of equal failures: the thread tries again soon."""
        if str(error) != self._failure:
            log.error("the index cannot be read", exc_info=error)
        self._failure = str(error) or type(error).__name__
