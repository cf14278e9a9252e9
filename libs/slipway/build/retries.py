"""Decide whether a failed image is tried again. Pure."""

from __future__ import annotations

from slipway.build.advice import BUILD_LOST
from slipway.build.progress import Failure


class Retries:
    """Counts the tries of each image.

    An image is tried again ``allowed`` times, and once more if BuildKit lost sight of it, cut its connection, or
    cancelled it although no other image failed.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._left: dict[str, int] = {}
        self._lost: set[str] = set()

    def left(self, name: str) -> int:
        return self._left.get(name, self._allowed)

    def take(self, name: str, failure: Failure) -> bool:
        """Use one try up if there is one. An image that was built and then refused would be refused again."""
        if BUILD_LOST.matches(failure.cause) and name not in self._lost:
            self._lost.add(name)
            return True
        if failure.final or not self.left(name):
            return False
        self._left[name] = self.left(name) - 1
        return True
