"""Read the structure of a JPEG or PNG without decoding it.

A decoder's work does not follow from a picture's pixels alone. A progressive JPEG may repaint them in thousands of
scans, and a file may consist of a million empty parts. Both are counted before a decoder sees the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: More parts than this are not counted: no program writes as many.
MOST_PARTS = 20_000
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN = 0xDA
#: Markers of a JPEG that stand alone, without a length: TEM, RST0 … RST7, SOI, EOI.
_ALONE = frozenset({0x01, *range(0xD0, 0xDA)})


class Kind(StrEnum):
    JPEG = "JPEG"
    PNG = "PNG"


@dataclass(frozen=True)
class Structure:
    """Hold a picture's kind, the number of its parts, and how often it paints its pixels.

    Parts are the segments of a JPEG before its first scan, or the chunks of a PNG. A broken file has the parts that
    come before the fault.
    """

    kind: Kind
    parts: int
    scans: int = 1


def structure_of(data: bytes) -> Structure | None:
    """Return the structure of a JPEG or PNG, or None for any other file. A name or Content-Type may be wrong."""
    if data.startswith(_JPEG):
        # Inside a scan, a byte 0xFF of the picture is followed by 0x00, so each match is a marker.
        return Structure(Kind.JPEG, _segments(data), data.count(bytes((0xFF, _START_OF_SCAN))))
    if data.startswith(_PNG):
        return Structure(Kind.PNG, _chunks(data))
    return None


def _segments(data: bytes) -> int:
    count, place = 0, 2
    while place + 4 <= len(data) and count <= MOST_PARTS:
        if data[place] != 0xFF or data[place + 1] == _START_OF_SCAN:
            break
        if data[place + 1] == 0xFF:  # a fill byte
            place += 1
            continue
        alone = data[place + 1] in _ALONE
        place += 2 if alone else 2 + int.from_bytes(data[place + 2 : place + 4])
        count += 1
    return count


def _chunks(data: bytes) -> int:
    count, place = 0, len(_PNG)
    while place + 8 <= len(data) and count <= MOST_PARTS:
        place += 12 + int.from_bytes(data[place : place + 4])
        count += 1
    return count
