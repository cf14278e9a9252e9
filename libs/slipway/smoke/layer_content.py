"""Decompress a layer that is compressed with zstd, which tarfile reads only from Python 3.14 on.

slipway imports the decompressor where a layer begins with zstd's magic number, and nowhere else.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from slipway.core.errors import PrerequisiteError

#: The first bytes of a zstd frame, by RFC 8878.
_MAGIC = b"\x28\xb5\x2f\xfd"


@contextmanager
def decompressed(content: io.BufferedReader) -> Iterator[IO[bytes]]:
    """Yield the content, without zstd's compression if it has that.

    Raises tarfile.ReadError when zstd cannot decompress the content. Raises PrerequisiteError when this Python has no
    zstd.
    """
    if content.peek(len(_MAGIC))[: len(_MAGIC)] != _MAGIC:
        yield content
        return
    try:
        if sys.version_info >= (3, 14):
            from compression.zstd import ZstdError, ZstdFile
        else:
            from backports.zstd import ZstdError, ZstdFile
    except ImportError as error:
        what = f"a layer is compressed with zstd, and this Python cannot decompress it: {error}"
        raise PrerequisiteError(what, hint="python -m pip install backports.zstd") from error
    try:
        with ZstdFile(content) as opened:
            yield cast(IO[bytes], opened)
    except (ZstdError, EOFError) as error:
        raise tarfile.ReadError(f"zstd: {error}") from error
