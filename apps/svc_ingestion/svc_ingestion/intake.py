"""Keep uploads: their bytes first, then their record, so that a listed document has its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from servicekit.upload import Upload
from svc_ingestion.contents import Contents, hash_of
from svc_ingestion.documents import Delivery, Document, State, clean_name, media_type
from svc_ingestion.ledger import Ledger


@dataclass(frozen=True)
class Kept:
    """Hold a document that was sent.

    It is ``created`` when its bytes were unknown, and ``healed`` when they were known, and missing or damaged.
    """

    document: Document
    created: bool = False
    healed: bool = False


def keep(upload: Upload, ledger: Ledger, contents: Contents) -> Kept:
    """Keep the upload. Raises OSError when a store cannot be used."""
    id, size = hash_of(upload.file)
    known = ledger.get(id)
    if known and contents.holds(id, size):
        return Kept(known)
    contents.put(id, upload.file, size)
    if known:
        return Kept(_revived(known, ledger), healed=True)
    name = clean_name(upload.name)
    received = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = Document(id, name, media_type(upload.media_type, name), size, received)
    if ledger.add(document):
        return Kept(document, created=True)
    return Kept(ledger.get(id) or document)


def _revived(document: Document, ledger: Ledger) -> Document:
    """Deliver a document again that may have failed because its content was missing."""
    if document.delivery.state is not State.FAILED:
        return document
    ledger.record(document.id, Delivery())
    return ledger.get(document.id) or document
