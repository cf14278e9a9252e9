"""Download advisories, and read them from files of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from slipway.audit.scan.findings import ScanCause, ScanError
from slipway.audit.scan.reading import garbled
from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import one_line
from slipway.secrets.patterns import without_logins

#: In bytes. The largest file of the tracker, data/json, has 80 MB.
LARGEST = 512 << 20
_CHUNK = 1 << 16
#: The seconds for a connection, and between two pieces of an answer.
_PATIENCE = 15.0
_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_HTTP = ("http", "https")


def read_place(place: str, within: float) -> bytes:
    """Return the bytes at a URL, or in a file. Raises ScanError."""
    if urlsplit(place).scheme not in _HTTP:
        return _read_file(place)
    found = download(place, within)
    if found is None:
        raise _unreachable(place, "404 Not Found")
    return found


def download(url: str, within: float, clock: Clock = CLOCK) -> bytes | None:
    """Return the bytes at a URL, or None for the status 404, in ``within`` seconds. Raises ScanError."""
    import requests

    ends = clock.now() + within
    patience = max(0.1, min(_PATIENCE, within))
    content = bytearray()
    try:
        with requests.get(url, timeout=patience, stream=True) as reply:
            if reply.status_code == requests.codes.not_found:
                return None
            if not reply.ok:
                raise _unreachable(url, f"{reply.status_code} {reply.reason}")
            for chunk in reply.iter_content(_CHUNK):
                content += chunk
                if clock.now() > ends:
                    raise _unreachable(url, f"did not end within {within:.0f} s")
                if len(content) > LARGEST:
                    raise garbled(without_logins(url), bytes(content[:100]))
    except requests.exceptions.Timeout:
        raise _unreachable(url, f"no answer within {patience:.0f} s") from None
    except requests.exceptions.ChunkedEncodingError:
        raise _unreachable(url, "the answer broke off") from None
    except requests.RequestException as error:
        raise _unreachable(url, _cause(error)) from None
    return bytes(content)


def _read_file(place: str) -> bytes:
    path = Path(place.removeprefix("file://"))
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreachable(place, error.strerror or str(error)) from None


def _cause(error: Exception) -> str:
    """Return the innermost cause of an exception of requests, in one line."""
    inner = error.args[0] if error.args else error
    reason = getattr(inner, "reason", inner)
    return one_line(_NUMBER.sub("", str(reason).rpartition(": ")[2]))


def _unreachable(place: str, cause: str) -> ScanError:
    return ScanError(f"{without_logins(place)}: {cause}", code=ScanCause.UNREACHABLE)
