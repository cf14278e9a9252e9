"""Deliver documents in a few threads, each document when it is due."""

from __future__ import annotations

import logging
import random
import time
from threading import Condition, Thread

from svc_ingestion.choosing import Breaker, choose
from svc_ingestion.contents import Contents
from svc_ingestion.delivery import Away, Outcome, Patience, Refused, Unreached, follow
from svc_ingestion.destinations import Destination
from svc_ingestion.documents import Document
from svc_ingestion.ledger import Ledger

_PAUSE = 5.0
_GRACE = 2.0

log = logging.getLogger("courier")


class Courier:
    """Deliver the ledger's pending documents in ``workers`` threads, so that a restart loses none.

    ``call`` tells the threads that there is a new document.
    """

    def __init__(
        self, ledger: Ledger, contents: Contents, destination: Destination, patience: Patience, workers: int = 4
    ) -> None:
        self._ledger, self._contents = ledger, contents
        self._destination, self._patience = destination, patience
        self._changed, self._ended = Condition(), False
        self._underway: dict[str, Document] = {}
        self._breaker = Breaker()
        self._threads = [Thread(target=self._work, name=f"courier-{n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def call(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Stop the threads, and wait up to 2 s for the deliveries in progress.

        A delivery that does not end in this time is tried again after the next start.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        deadline = time.monotonic() + _GRACE
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while document := self._next():
            try:
                self._deliver(document)
            except Exception:
                log.exception("the ledger cannot be used", extra={"document": document.id})
                self._pause()
            finally:
                with self._changed:
                    del self._underway[document.id]
                    self._changed.notify_all()

    def _next(self) -> Document | None:
        """Wait for a document that is due and return it, or None at the end of the service."""
        with self._changed:
            while not self._ended:
                try:
                    waiting = self._ledger.pending(len(self._underway) + 1)
                except Exception:
                    log.exception("the ledger cannot be used")
                    self._changed.wait(_PAUSE)
                    continue
                document, wait = choose(waiting, self._underway.values(), self._breaker, time.time())
                if document:
                    self._underway[document.id] = document
                    return document
                self._changed.wait(wait)
        return None

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, timeout=_PAUSE)

    def _deliver(self, document: Document) -> None:
        outcome, now = self._try(document), time.time()
        delivery = follow(document.delivery, outcome, now, self._patience, random.random())
        self._ledger.record(document.id, delivery)
        with self._changed:
            self._breaker = self._breaker.after(outcome, now, random.random())
        told = {"state": delivery.state, "attempts": delivery.attempts, "reason": delivery.reason}
        told |= {"held_back": self._breaker.failures} if isinstance(outcome, Away) else {}
        log.info("delivery", extra={"document": document.id, **told})

    def _try(self, document: Document) -> Outcome:
        try:
            content = self._contents.read(document.id, document.size)
        except KeyError:
            return Refused("its content is missing or damaged; send the document again")
        except OSError as error:
            log.exception("the store cannot be used", extra={"document": document.id})
            return Unreached(f"the store cannot be used: {type(error).__name__}")
        try:
            return self._destination.send(document, content)
        except Exception as error:
            log.exception("a try failed in an unknown way", extra={"document": document.id})
            return Unreached(f"failed in an unknown way: {type(error).__name__}")
