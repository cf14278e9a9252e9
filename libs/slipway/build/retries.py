"""Decide whether to try a failed image again. Pure."""

from __future__ import annotations

from slipway.build.advice import BUILD_LOST
from slipway.build.progress import Failure


class Retries:
    """Count the attempts for each image.

    An image gets ``allowed`` more attempts. It gets one extra attempt if BuildKit lost the build, cut its connection,
    or canceled it although no other image failed.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._left: dict[str, int] = {}
        self._lost: set[str] = set()

    def left(self, name: str) -> int:
        return self._left.get(name, self._allowed)

    def take(self, name: str, failure: Failure) -> bool:
        """Use one attempt for the image, and tell whether there was one.

        A ``final`` failure gets none: an image that was built and then rejected would be rejected again.
        """
        if BUILD_LOST.matches(failure.cause) and name not in self._lost:
            self._lost.add(name)
            return True
        if failure.final or not self.left(name):
            return False
        self._left[name] = self.left(name) - 1
        return True
