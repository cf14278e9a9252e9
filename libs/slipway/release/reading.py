"""Read a JSON document part by part, and name the part that is not as it should be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
T = TypeVar("T")


class UnreadableError(Exception):
    """Report the part of a document that slipway cannot read."""


@dataclass(frozen=True)
class Part:
    """Hold a value of a JSON document, and its path for errors; the path of the document itself is empty."""

    value: Any
    path: str = ""

    def at(self, key: str) -> Part:
        below = f"{self.path}.{key}" if self.path else key
        if key not in self._of(dict, "an object"):
            raise UnreadableError(f"{below} is missing")
        return Part(self.value[key], below)

    def each(self) -> Iterator[Part]:
        values = self._of(list, "a list")
        return (Part(value, f"{self.path}[{number}]") for number, value in enumerate(values))

    @property
    def text(self) -> str:
        return self._of(str, "a text")

    @property
    def flag(self) -> bool:
        return self._of(bool, "true or false")

    @property
    def count(self) -> int:
        number = self._of(int, "a number of bytes")
        if isinstance(number, bool) or number < 0:
            raise UnreadableError(f"{self.path} is not a number of bytes")
        return number

    @property
    def digest(self) -> str:
        if not _DIGEST.fullmatch(self.text):
            raise UnreadableError(f"{self.path} is not a sha256 digest")
        return self.text

    @property
    def digest_or_nothing(self) -> str:
        return self.digest if self.value != "" else ""

    @property
    def texts(self) -> dict[str, str]:
        return {key: self.at(key).text for key in self._of(dict, "an object")}

    def is_text(self, wanted: str) -> None:
        if self.value != wanted:
            raise UnreadableError(f"{self.path} is not {wanted}")

    def _of(self, kind: type[T], called: str) -> T:
        if not isinstance(self.value, kind):
            raise UnreadableError(f"{self.path or 'the statement'} is not {called}")
        return self.value
