"""The first bytes of a file name its kind."""

from __future__ import annotations

import pytest

from ocrkit.kinds import Kind, kind_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", Kind.PNG),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", Kind.JPEG),
        (b"II*\x00\x08", Kind.TIFF),
        (b"MM\x00*\x00", Kind.TIFF),
        (b"%PDF-1.7\n", Kind.PDF),
        (b"\n\n a mail gateway's greeting %PDF-1.4", Kind.PDF),
        (b" " * 1024 + b"%PDF-1.4", None),
        (b"\x89PNG", None),
        (b"GIF89a", None),
        (b"PK\x03\x04", None),
        (b"", None),
    ],
)
def test_the_first_bytes_give_the_kind(data: bytes, kind: Kind | None) -> None:
    assert kind_of(data) is kind
