"""Try svc-ingestion: it keeps bytes, and parses nothing."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from apps.trials.asking import Answer, Client, Request
from apps.trials.frame import Durable, Hostile, Largest, Trial
from apps.trials.inputs.http import upload_door, wire

SIZE = 100_000
_NOISE = os.urandom(SIZE)


def content(number: int) -> bytes:
    return b"%d " % number + _NOISE


def is_kept(client: Client, number: int, answer: Answer) -> bool:
    kept = client.ask(Request(f"/documents/{answer.json()['id']}/content", "GET")).content
    return hashlib.sha256(kept).hexdigest() == answer.json()["id"] and kept == content(number)


def asked(path: str, statuses: set[int], method: str = "GET", **options: Any) -> Hostile:
    return Hostile(lambda: Request(path, method, **options), statuses)


TRIAL = Trial(
    image="svc-ingestion",
    request=lambda number: Request("/documents", files={"file": ("a.bin", content(number))}),
    durable=Durable(is_kept),
    largest=Largest(lambda number: Request("/documents", files={"file": ("a", b"%d" % number + bytes(52_000_000))})),
    hostile={
        **wire("/documents"),
        **upload_door("/documents"),
        "an offset too large": asked("/documents?offset=9223372036854775808", {422}),
        "an endless offset": asked("/outbox?offset=1e999", {422}),
        "a limit of all": asked("/documents?limit=1000000000", {422}),
        "an unknown state": asked("/documents?state=lost", {422}),
        "a path as an id": asked("/documents/..%2f..%2fetc%2fpasswd/content", {404}),
        "a zero in an id": asked("/documents/%00", {404}),
        "an id of 60 KB": asked("/documents/" + "a" * 60_000, {431}),
        "an unknown method": asked("/documents", {405}, "FROB"),
        "a file of 60 MB": asked("/documents", {413}, "POST", files={"file": ("a", b"x" * 60_000_000)}),
        "a name of 2 KB": asked("/documents", {200, 201}, "POST", files={"file": ("../" * 700, b"x")}),
    },
)
