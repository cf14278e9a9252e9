"""Compare the versions of Debian's packages, as section 5.6.12 of Debian's policy manual says."""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest

_PART = re.compile(r"(\D*)(\d*)")
#: A tilde comes before the end, the end before a letter, and a letter before any other character.
_TILDE, _END, _OTHER = -1, 0, 256


@total_ordering
class DebianVersion:
    """Hold a version, to be compared with others: ``[epoch:]upstream[-revision]``."""

    def __init__(self, text: str) -> None:
        self.text = text
        epoch, colon, rest = text.partition(":")
        upstream, _, revision = (rest if colon else text).rpartition("-")
        whole = rest if colon else text
        self.epoch = int(epoch) if colon and epoch.isdigit() else 0
        self.upstream, self.revision = (upstream, revision) if upstream else (whole, "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and not self < other and not other < self

    def __lt__(self, other: DebianVersion) -> bool:
        if self.epoch != other.epoch:
            return self.epoch < other.epoch
        order = _compare(self.upstream, other.upstream) or _compare(self.revision, other.revision)
        return order < 0

    def __hash__(self) -> int:
        return hash(self.epoch)

    def __repr__(self) -> str:
        return f"DebianVersion({self.text!r})"


def _compare(one: str, other: str) -> int:
    """Return a number below, equal to or above 0, as ``one`` comes before, with or after ``other``."""
    for (text, number), (text_too, number_too) in zip_longest(
        _PART.findall(one), _PART.findall(other), fillvalue=("", "")
    ):
        for left, right in zip_longest(map(_weight, text), map(_weight, text_too), fillvalue=_END):
            if left != right:
                return left - right
        if difference := int(number or 0) - int(number_too or 0):
            return difference
    return 0


def _weight(character: str) -> int:
    if character == "~":
        return _TILDE
    return ord(character) if character.isalpha() else ord(character) + _OTHER
