"""Describe how a service is tried: hostile inputs, load, and kills. ``nox -s services`` runs the trials.

A service's file in ``corpus/`` holds one ``TRIAL``, which makes every input itself, so that the repository holds no
hostile file:

    TRIAL = Trial(
        image="svc-notes",
        request=lambda number: Request("/notes", json={"text": f"note {number}"}),
        hostile={
            **json_door("/notes", "text"),
            "a regular expression that runs away": Hostile(lambda: Request("/notes", json={"text": "a" * 10**6})),
            "a bomb": Hostile(lambda: Request("/files", files={"file": ("a.xlsx", bomb())}), {422}, seconds=35),
        },
        durable=Durable(is_kept),
        largest=lambda number: Request("/notes", json={"text": f"{number}".ljust(1_000_000)}),
    )

Each hostile input is answered in time with one of its statuses, 4xx where nothing else is said. Meanwhile the probes
are answered within four seconds, and afterwards the same process serves. The container has the memory that the image's
label ``slipway.memory`` names, also for some of the largest requests at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.testing.plugin import Container

REFUSED = frozenset({400, 408, 411, 413, 415, 422})


class Request:
    """Hold a request. ``options`` are those of ``requests.request``: ``json``, ``data``, ``files``, ``headers``."""

    def __init__(self, path: str, method: str = "POST", **options: Any) -> None:
        self.path, self.method, self.options = path, method, options


@dataclass(frozen=True)
class Hostile:
    """Hold an input that ``make`` makes: a request, or the bytes that a client sends over its connection.

    The service answers one of ``statuses`` within ``seconds``, from the first byte that is sent.
    """

    make: Callable[[], Request | bytes]
    statuses: frozenset[int] | set[int] = REFUSED
    seconds: float = 10.0


@dataclass(frozen=True)
class Durable:
    """Hold the way to see whether an acknowledged request was kept.

    ``is_kept`` gets the container, the request's number and the answer's JSON.
    """

    is_kept: Callable[[Container, int, Any], bool]
    senders: int = 4


@dataclass(frozen=True)
class Trial:
    """Hold the trial of the service in ``image``. ``request`` makes the request of a number, different for each.

    ``clients`` send requests at the same time. ``durable``: kills lose nothing that was acknowledged. ``largest`` makes
    a request that takes as much memory as the documented limits allow; each of them is answered with 2xx or, when the
    service is busy, with 503.
    """

    image: str
    request: Callable[[int], Request]
    hostile: Mapping[str, Hostile]
    durable: Durable | None = None
    largest: Callable[[int], Request] | None = None
    clients: int = 16
    env: Mapping[str, str] = field(default_factory=dict)


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
