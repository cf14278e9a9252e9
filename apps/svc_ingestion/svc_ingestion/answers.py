"""Define the answers of the service, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from svc_ingestion.documents import State


class ListedDelivery(BaseModel):
    state: State
    attempts: int
    reason: str


class DescribedDelivery(ListedDelivery):
    result: Any


class ListedDocument(BaseModel):
    """A document as lists have it. ``id`` is the SHA-256 of its bytes, ``size`` is in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    received: str
    delivery: ListedDelivery


class DescribedDocument(ListedDocument):
    """A document, with the JSON that its receiver answered."""

    delivery: DescribedDelivery


class TakenDocument(DescribedDocument):
    """A document that was sent: new, or known; its content may have been missing or damaged until now."""

    created: bool
    healed: bool


class DocumentList(BaseModel):
    total: int
    documents: list[ListedDocument]


class Redelivered(BaseModel):
    documents: int
