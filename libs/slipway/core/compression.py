"""Name the ways in which a build compresses layers."""

from __future__ import annotations

from enum import StrEnum


class Compression(StrEnum):
    """Name each value of COMPRESSION."""

    GZIP = "gzip"
    ZSTD = "zstd"
