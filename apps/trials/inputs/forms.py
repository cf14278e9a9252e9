"""Make broken forms around a file that a service takes."""

from __future__ import annotations

from functools import partial

from apps.trials.asking import Request
from apps.trials.frame import REFUSED, Hostile, Statuses

_FORM = "multipart/form-data; boundary=b"
_END = b"--b--\r\n"


def part(data: bytes, name: str = "file", file: str = "a.png", more: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n{more}\r\n'
    return head.encode() + data + b"\r\n"


def field(data: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + data + b"\r\n"


def broken_forms(path: str, data: bytes, taken: Statuses, most: int) -> dict[str, Hostile]:
    """Return forms with ``data``, which a service may read in spite of their faults: then it answers ``taken``.

    A file has at most ``most`` bytes.
    """
    refused: dict[str, tuple[bytes, str]] = {
        "its end alone": (_END, _FORM),
        "another boundary": (part(data) + _END, "multipart/form-data; boundary=c"),
        "an empty boundary": (part(data) + _END, "multipart/form-data; boundary="),
        "a boundary of 5 KB": (part(data) + _END, "multipart/form-data; boundary=" + "b" * 5000),
        "JSON": (b"{}", "application/json"),
        "a form without files": (b"file=a", "application/x-www-form-urlencoded"),
        "a part without a name": (part(data, "") + _END, _FORM),
        "a text instead of a file": (field(b"x") + _END, _FORM),
        "a part without its kind": (b"--b\r\n\r\nx\r\n" + _END, _FORM),
        "a thousand texts": (field(b"x") * 1000 + _END, _FORM),
        "a text of 60 KB": (field(b"x" * 60_000) + _END, _FORM),
        "a byte too many": (part(data.ljust(most + 1, b"\0")) + _END, _FORM),
        "twice as much": (part(data.ljust(2 * most, b"\0")) + _END, _FORM),
    }
    perhaps: dict[str, tuple[bytes, str]] = {
        "capitals": (part(data) + _END, "Multipart/Form-Data; boundary=b"),
        "a path as its name": (part(data, file="../../etc/passwd") + _END, _FORM),
        "a zero in its name": (part(data, file="a\0b") + _END, _FORM),
        "a name of 60 KB": (part(data, file="x" * 60_000) + _END, _FORM),
        "a header of 60 KB": (part(data, more="X: " + "x" * 60_000 + "\r\n") + _END, _FORM),
        "5,000 headers": (part(data, more="X: x\r\n" * 5000) + _END, _FORM),
        "an unknown encoding": (part(data) + _END, f"{_FORM}; charset=nothing"),
        "a megabyte after its end": (part(data) + _END + bytes(1_000_000), _FORM),
        "a type that lies": (part(data, more="Content-Type: text/csv\r\n") + _END, _FORM),
    }

    def sent(body: bytes, kind: str) -> Request:
        return Request(path, data=body, headers={"Content-Type": kind})

    made = {name: Hostile(partial(sent, *one)) for name, one in refused.items()}
    made |= {name: Hostile(partial(sent, *one), REFUSED | taken) for name, one in perhaps.items()}
    return {f"form: {name}": hostile for name, hostile in made.items()}
