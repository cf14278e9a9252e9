"""Deliver documents in a thread, one after the other, each when it is due."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread

from svc_ingestion.contents import Contents
from svc_ingestion.delivery import Outcome, Patience, Refused, Unreached, follow
from svc_ingestion.destinations import Destination
from svc_ingestion.documents import Document
from svc_ingestion.ledger import Ledger

_LONGEST_SLEEP = 60.0

log = logging.getLogger("courier")


class Courier:
    """Deliver the ledger's pending documents, so that a restart loses none.

    ``call`` tells the thread that there is a new document.
    """

    def __init__(self, ledger: Ledger, contents: Contents, destination: Destination, patience: Patience) -> None:
        self._ledger, self._contents = ledger, contents
        self._destination, self._patience = destination, patience
        self._called, self._ended = Event(), Event()
        self._thread = Thread(target=self._work, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def call(self) -> None:
        self._called.set()

    def end(self) -> None:
        """Stop the thread, and wait up to 2 s for a delivery in progress.

        A delivery that does not end in this time is tried again after the next start.
        """
        self._ended.set()
        self._called.set()
        self._thread.join(timeout=2)

    def _work(self) -> None:
        while not self._ended.is_set():
            self._called.clear()
            try:
                wait = self._deliver_due()
            except Exception:
                log.exception("the ledger or the contents cannot be used")
                wait = self._patience.seconds
            self._called.wait(wait)

    def _deliver_due(self) -> float:
        """Deliver the documents that are due. Returns the seconds to wait, at most 60, before the next check."""
        while not self._ended.is_set():
            waiting = self._ledger.pending(1)
            if not waiting:
                return _LONGEST_SLEEP
            document = waiting[0]
            if (early := document.delivery.due - time.time()) > 0:
                return min(early, _LONGEST_SLEEP)
            self._deliver(document)
        return 0.0

    def _deliver(self, document: Document) -> None:
        delivery = follow(document.delivery, self._try(document), time.time(), self._patience)
        self._ledger.record(document.id, delivery)
        log.info(
            "delivery",
            extra={
                "document": document.id,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "reason": delivery.reason,
            },
        )

    def _try(self, document: Document) -> Outcome:
        try:
            content = self._contents.read(document.id)
        except KeyError:
            return Refused("its content is gone from the store")
        try:
            return self._destination.send(document, content)
        except Exception as error:
            log.exception("a try failed in an unknown way", extra={"document": document.id})
            return Unreached(f"failed in an unknown way: {type(error).__name__}")
