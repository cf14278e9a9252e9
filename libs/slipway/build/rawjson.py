"""Split the lines of buildx's rawjson progress into JSON objects and plain text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class RawJson:
    """Read buildx's stderr line by line.

    buildx writes each object on a line of its own, and version 0.13 on several lines: ``{``, indented lines, ``}``.
    """

    def __init__(self) -> None:
        self._begun: list[str] = []

    def read(self, line: str) -> Iterator[dict[str, Any] | str]:
        """Yield the object that ends with ``line``, or ``line`` when it belongs to no object."""
        line = line.rstrip()
        if self._begun and not line.startswith((" ", "}")):
            yield from self._begun
            self._begun = []
        if self._begun or line == "{":
            self._begun.append(line)
            if line.startswith((" ", "{")):
                return
        lines, self._begun = self._begun or [line], []
        try:
            found = json.loads("".join(lines))
        except ValueError:
            found = None
        if isinstance(found, dict):
            yield found
        else:
            yield from lines
