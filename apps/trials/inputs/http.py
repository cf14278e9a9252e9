"""Make inputs that every service with HTTP must refuse: broken requests, broken JSON, and broken forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from apps.trials.asking import Request
from apps.trials.frame import REFUSED, Hostile, Statuses

#: A request that is not one of HTTP, or that no route takes. RFC 9112, 6.1, answers 501 to an unknown transfer coding.
NOT_TAKEN = REFUSED | {404, 405, 414, 431, 501}


def wire(path: str, method: str = "POST", headers: str = "", taken: Statuses = frozenset()) -> dict[str, Hostile]:
    """Return bytes that no client of HTTP sends to ``path``. ``headers`` end with a line break each.

    ``taken`` are the statuses of a request whose only fault is its length or encoding, where the route reads no body.
    """
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}".encode()
    sent = {
        "binary": bytes(range(256)) * 4,
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "no version": f"GET {path}\r\n\r\n".encode(),
        "a version that is a word": f"GET {path} HTTP/one\r\nHost: a\r\n\r\n".encode(),
        "no host": f"GET {path} HTTP/1.1\r\n\r\n".encode(),
        "two hosts": f"GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode(),
        "a header of 200 KB": head + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        "a header without a colon": head + b"x\r\n\r\n",
        "a folded header": head + b"X: a\r\n\tb: c\r\n : d\r\nContent-Length: x\r\n\r\n",
        "an unknown method": f"FROB {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "TRACE": f"TRACE {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "a path outside": b"POST /../../etc/passwd HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "a zero in the path": b"POST /%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "a path of 60 KB": b"POST /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "a length below zero": head + b"Content-Length: -5\r\n\r\n",
        "two lengths": head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "a length that is a word": head + b"Content-Length: ten\r\n\r\n",
        "a chunk of no size": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        "an unknown transfer": head + b"Transfer-Encoding: gzip\r\n\r\nx",
        "a length beyond 64 bits": head + b"Content-Length: 99999999999999999999\r\n\r\n",
        "a length and chunks": head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    }
    long = head + b"X: " + b"x" * 17_000 + b"\r\n\r\n"  # arrives in one piece
    tried = {name: Hostile(partial(bytes, data), NOT_TAKEN | taken) for name, data in sent.items()}
    tried["a header of 17 KB"] = Hostile(partial(bytes, long), {431})
    return {f"wire: {name}": one for name, one in tried.items()}


def stalled(path: str, headers: str, begun: bytes, seconds: float) -> Hostile:
    """Return a request whose body stops after ``begun``. The service gives it up after ``seconds``."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 1000\r\n\r\n".encode()
    return Hostile(lambda: head + begun, {408}, seconds + 4)


def json_door(path: str, text: str, more: str = "") -> dict[str, Hostile]:
    """Return what every route must refuse that takes JSON with the field ``text``; ``more`` are further fields.

    ``more`` is JSON that begins with a comma: ``, "id": "a"``.
    """
    kind = {"Content-Type": "application/json"}

    def sent(value: str) -> Hostile:
        return Hostile(lambda: Request(path, data=f'{{"{text}": {value}{more}}}'.encode(), headers=kind))

    def streamed(size: int) -> Iterator[bytes]:
        yield f'{{"{text}": "'.encode()
        yield from (b"x" * 1_000_000 for _ in range(size // 1_000_000))
        yield b'"}'

    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
    return {
        "json: NaN": sent("NaN"),
        "json: Infinity": sent("Infinity"),
        "json: 1e999": sent("1e999"),
        "json: half a surrogate pair": sent(r'"\ud800"'),
        "json: nested 100,000 deep": sent("[" * 100_000),
        "json: 16 MB of empty lists": sent("[" + "[]," * 5_300_000 + "[]]"),
        "json: an unknown shape of 1 MB": sent(json.dumps(list(range(150_000)))),
        "json: cut off": sent('"x'),
        "json: not JSON": Hostile(lambda: Request(path, data=b"\x00\xff", headers=kind)),
        "json: 150 MB in chunks": Hostile(lambda: Request(path, data=streamed(150_000_000), headers=kind), {413}, 60),
        "json: a length and chunks": Hostile(
            lambda: head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        ),
    }


def upload_door(path: str, name: str = "a.pdf") -> dict[str, Hostile]:
    """Return what every route must refuse that takes the multipart field ``file``."""
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()

    def sent(body: bytes, **headers: str) -> Hostile:
        return Hostile(lambda: Request(path, data=body, headers=form | headers))

    def endless() -> Iterator[bytes]:
        yield head
        yield from (b"x" * 1_000_000 for _ in range(300))

    line = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {form['Content-Type']}\r\n".encode()
    both = line + b"Content-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n"
    return {
        "form: nothing": sent(b""),
        "form: no end": sent(head),
        "form: no boundary": Hostile(lambda: Request(path, data=head, headers={"Content-Type": "multipart/form-data"})),
        "form: an empty file": sent(head + b"\r\n--b--\r\n"),
        "form: another field": Hostile(lambda: Request(path, files={"document": ("a", b"x")})),
        "form: two files": sent(head + b"x\r\n" + head + b"x\r\n--b--\r\n"),
        "form: a thousand files": sent((head + b"x\r\n") * 1000 + b"--b--\r\n"),
        "form: another media type": Hostile(lambda: Request(path, data=b"x", headers={"Content-Type": "text/csv"})),
        "form: 300 MB in chunks": Hostile(lambda: Request(path, data=endless(), headers=form), {413}, 60),
        "form: a length and chunks": Hostile(lambda: both + b"12c\r\n" + b"x" * 300 + b"\r\n0\r\n\r\n"),
    }
