"""Answer inference requests, whichever way they come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from servicekit.checks import Check
from servicekit.places import Places
from svc_ocr_model.model import Reading, files_of, outputs_of
from svc_ocr_model.tensors import InferenceRequest, Output

#: Returns the reading of each image file. Raises Unreadable.
Read = Callable[[Sequence[bytes]], Awaitable[list[Reading]]]


@dataclass(frozen=True)
class Service:
    """Hold the needs of an inference: the reader, and a place for each request.

    ``check`` raises an exception when the reader cannot read.
    """

    read: Read
    places: Places
    check: Check

    async def infer(self, request: InferenceRequest) -> tuple[Output, ...]:
        """Return the outputs for a request that has a place. Raises Refused or Unreadable."""
        return outputs_of(request, await self.read(files_of(request)))

    def is_ready(self) -> bool:
        """Tell whether the reader can read."""
        try:
            self.check()
        except Exception:
            return False
        return True
