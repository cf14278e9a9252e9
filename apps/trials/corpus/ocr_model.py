"""Try svc-ocr-model: images that are broken or large, and requests that its protocol does not have."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial

from PIL import Image

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Trial
from apps.trials.inputs.http import stalled, wire
from apps.trials.inputs.images import IMAGES, NOT_IMAGES, checkerboard, encoded, lines, png

PATH = "/v2/models/ocr-model/infer"
KIND = "Content-Type: application/json\r\n"
READ_OR_REFUSED = frozenset({200, 413, 422})
#: Shorter than in production, so that the trial of an image that takes long is short.
SECONDS = 15


def tensor(**changes: object) -> bytes:
    """Return a request, whose input has the changes of ``image``."""
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["AAAA"]}
    inputs = changes.pop("inputs", [image | dict(changes.pop("image", {}))])  # type: ignore[call-overload]
    return json.dumps({"inputs": inputs} | changes).encode()


def page(number: int) -> bytes:
    return encoded(lines(700, 200, f"Seven crates for berth {number}"))


def infer(data: bytes) -> Request:
    return Request(PATH, data=tensor(image={"data": [base64.b64encode(data).decode()]}))


def made(make: Callable[[], bytes]) -> Request:
    return infer(make())


def refused(make: Callable[[], bytes]) -> Hostile:
    return Hostile(lambda: Request(PATH, data=make()))


BODIES: dict[str, Callable[[], bytes]] = {
    "13 MB of blanks": lambda: b" " * 13_000_000,
    "arrays nested a million deep": lambda: b"[" * 1_000_000,
    "data nested 900 deep": lambda: tensor().replace(b'"AAAA"', b"[" * 900 + b"]" * 900),
    "objects nested a million deep": lambda: b'{"a":' * 1_000_000,
    "six million zeros": lambda: tensor().replace(b'"AAAA"', b"0," * 6_000_000 + b"0"),
    "three million empty texts": lambda: tensor().replace(b'"AAAA"', b'"",' * 2_999_999 + b'""'),
    "a number of 400 digits": lambda: tensor(image={"shape": [10**400]}),
    "an exponent of 400": lambda: tensor().replace(b"[1]", b"[1e400]"),
    "a shape of 2⁴⁹⁶": lambda: tensor(image={"shape": [1 << 62] * 8}),
    "800,000 unknown keys": lambda: b'{"inputs": [], ' + b",".join(b'"k%d": 0' % i for i in range(800_000)) + b"}",
    "a million inputs": lambda: tensor(inputs=[{}] * 1_000_000),
    "100,000 outputs": lambda: tensor(outputs=[{"name": "text"}] * 100_000),
    "an id of 5 MB": lambda: tensor(id="x" * 5_000_000),
    "a name of 5 MB": lambda: tensor(image={"name": "x" * 5_000_000}),
    "13 MB of base64": lambda: tensor(image={"data": ["A" * 13_000_000]}),
    "13 MB of blanks as base64": lambda: tensor(image={"data": [" " * 13_000_000]}),
    "half a surrogate pair": lambda: b'{"id": "\\ud800", "inputs": []}',
    "no UTF-8": lambda: b'{"id": "\xff", "inputs": []}',
    "a byte order mark": lambda: b"\xef\xbb\xbf" + tensor(),
    "null": lambda: b"null",
}

TRIAL = Trial(
    image="svc-ocr-model",
    env={"BODY_SECONDS": "6", "PAGE_SECONDS": f"{SECONDS}"},
    request=lambda number: infer(page(number)),
    clients=4,
    # MAX_REQUESTS are taken at the same time; on a slow machine, some do not arrive within BODY_SECONDS.
    # The service refuses the image by its head.
    largest=Largest(lambda number: infer(png(30_000, 30_000 + number).ljust(10_000_000, b"\0")), 32, {408, 422}),
    hostile={
        **wire(PATH, headers=KIND),
        **{f"json: {name}": refused(make) for name, make in BODIES.items()},
        "json: 50 MB in chunks": Hostile(lambda: Request(PATH, data=iter([bytes(1_000_000)] * 50)), {413}, 30),
        "a body that stalls": stalled(PATH, KIND, b"{", 6),
        **{f"not an image: {name}": Hostile(partial(infer, data), {422}) for name, data in NOT_IMAGES.items()},
        **{name: Hostile(partial(made, make), READ_OR_REFUSED, 4 * SECONDS) for name, make in IMAGES.items()},
        "PNG: 40 Mpx, transparent": Hostile(
            lambda: infer(encoded(Image.new("RGBA", (5000, 8000), (9, 9, 9, 128)), compress_level=1)),
            {200},
            4 * SECONDS,
        ),
        "PNG: a chequered page": Hostile(
            lambda: infer(encoded(checkerboard(1000, 1400))), READ_OR_REFUSED, 4 * SECONDS
        ),
    },
)
