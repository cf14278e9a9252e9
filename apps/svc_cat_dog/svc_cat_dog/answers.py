"""Define an answer, and keep answers in a store that may be slow, hang or be down.

The store saves work and holds nothing that cannot be computed again. So no fault of the store reaches a client: an
answer that cannot be found in time is computed, and one that cannot be kept is computed again next time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Counter

from svc_cat_dog.breaker import Breaker

log = logging.getLogger("svc-cat-dog")

LOOKUPS = Counter("cat_dog_cache_total", "Look-ups of answers in the store", ["outcome"])
_DIGITS = 6


@dataclass(frozen=True)
class Answer:
    """Hold the probability that a picture shows a cat. It shows a dog with the rest of the probability.

    The probability is rounded, so that a kept answer equals the computed one.
    """

    cat: float

    @classmethod
    def of(cls, probability: float) -> Answer:
        return cls(round(probability, _DIGITS))

    @property
    def label(self) -> str:
        return "cat" if self.cat >= 0.5 else "dog"

    @property
    def dog(self) -> float:
        return round(1 - self.cat, _DIGITS)

    def encode(self, digest: str) -> bytes:
        """Return the answer for the picture with this digest, as it is kept."""
        return f"{digest} {self.cat:.{_DIGITS}f}".encode()

    @classmethod
    def decode(cls, kept: bytes, digest: str) -> Answer | None:
        """Return the kept answer, or None for any other bytes, such as the answer for another picture."""
        _, _, number = kept.partition(b" ")
        try:
            answer = cls(float(number))
        except ValueError:
            return None
        return answer if 0 <= answer.cat <= 1 and answer.encode(digest) == kept else None


class Store(Protocol):
    """Keep values under keys. A call may raise any exception, and may never end."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class Patience:
    """Hold the seconds to wait: for an answer from the store while a client waits, and for the store to keep one."""

    find: float
    keep: float = 2.0


class Answers:
    """Find and keep the answers of one model."""

    def __init__(self, store: Store, model: str, patience: Patience, breaker: Breaker) -> None:
        self._store = store
        self._model = model
        self._patience = patience
        self._breaker = breaker

    async def find(self, digest: str) -> Answer | None:
        """Return the kept answer, or None when there is none or the store does not give it in time."""
        if not self._breaker.allows():
            LOOKUPS.labels("skipped").inc()
            return None
        try:
            async with asyncio.timeout(self._patience.find):
                kept = await self._store.get(self._key(digest))
        except Exception as error:
            LOOKUPS.labels("failed").inc()
            self._failed(error)
            return None
        self._succeeded()
        answer = Answer.decode(kept, digest) if kept is not None else None
        LOOKUPS.labels("hit" if answer else "miss").inc()
        return answer

    async def keep(self, digest: str, answer: Answer) -> None:
        if not self._breaker.allows():
            return
        try:
            async with asyncio.timeout(self._patience.keep):
                await self._store.set(self._key(digest), answer.encode(digest))
        except Exception as error:
            self._failed(error)
        else:
            self._succeeded()

    def _key(self, digest: str) -> str:
        """Return the key of a picture's answer. Another model's answers have other keys."""
        return f"cat-dog:{self._model}:{digest}"

    def _failed(self, error: Exception) -> None:
        if self._breaker.failed():
            log.warning("the store does not answer; answers are computed", extra={"cause": repr(error)})

    def _succeeded(self) -> None:
        if self._breaker.succeeded():
            log.info("the store answers again")


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
