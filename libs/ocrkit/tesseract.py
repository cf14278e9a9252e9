"""Run tesseract, the program, on a picture.

A picture is read in a process of its own. The process ends when its reader is cancelled or its time is over.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence

import anyio

from ocrkit.unreadable import Unreadable
from ocrkit.words import Word, words_from_tsv

_READ = ("tesseract", "stdin", "stdout")
#: "Orientation and script detection", of pages with as little text as a receipt has.
_ORIENT = ("--psm", "0", "-c", "min_characters_to_try=10")
_ROTATE = re.compile(rb"^Rotate: (0|90|180|270)$", re.MULTILINE)
#: An error of tesseract names at most this many bytes of its output.
_TOLD = 200


def languages() -> frozenset[str]:
    """Return the languages that the installed tesseract can read, such as ``eng``."""
    listed = subprocess.run(["tesseract", "--list-langs"], stdout=subprocess.PIPE, text=True, check=True)
    return frozenset(listed.stdout.split("\n")[1:]) - {"", "osd"}


async def read_words(pgm: bytes, language: str, seconds: float) -> tuple[Word, ...]:
    """Return the words of a picture, with boxes in its pixels.

    ``pgm`` is the picture as a grey Netpbm file. Raises Unreadable when tesseract fails, or takes too long.
    """
    ended = await _run(pgm, seconds, "-l", language, "-c", "tessedit_create_tsv=1")
    if ended.returncode:
        raise Unreadable(f"tesseract: {_reason(ended.returncode, ended.stderr)}")
    return words_from_tsv(ended.stdout.decode("utf-8", "replace"))


async def turns_of(pgm: bytes, seconds: float) -> int:
    """Return the quarters by which a picture must be turned counter-clockwise until its text is upright.

    ``pgm`` is the picture as a grey Netpbm file. The result is 0 when tesseract cannot tell, because the picture has
    too little text. Raises Unreadable when tesseract takes too long.
    """
    ended = await _run(pgm, seconds, *_ORIENT)
    clockwise = _ROTATE.search(ended.stdout)
    return -int(clockwise[1]) // 90 % 4 if clockwise else 0


async def _run(pgm: bytes, seconds: float, *options: str) -> subprocess.CompletedProcess[bytes]:
    with tempfile.TemporaryFile() as file:
        file.write(pgm)
        file.seek(0)
        try:
            with anyio.fail_after(seconds):
                return await anyio.run_process([*_READ, *options], stdin=file, check=False)
        except TimeoutError:
            raise Unreadable(f"reading takes more than {seconds:g} s") from None


def _reason(code: int, said: bytes) -> str:
    lines: Sequence[str] = said[-_TOLD:].decode("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), f"ended with {code}")
