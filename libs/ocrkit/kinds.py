"""Tell the kind of a file from its first bytes, because its name or Content-Type may be wrong."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
)
#: Readers accept a PDF whose header stands anywhere in the first kilobyte (ISO 32000-1, annex H).
_PDF_HEADER_WITHIN = 1024


def kind_of(data: bytes) -> Kind | None:
    """Return the kind of the file that begins with ``data``, or None when svc-ocr does not read it."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return Kind.PDF
    return None
