"""Try svc-ocr-gateway beside its model service: broken forms and images, other files, and a model that hangs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Neighbour, Trial
from apps.trials.inputs.forms import broken_forms
from apps.trials.inputs.http import stalled, upload_door, wire
from apps.trials.inputs.images import BROKEN, NOT_IMAGES, PNG, PNGS, encoded, lines, png

PATH, MOST = "/read", 10_000_000
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
READ = frozenset({200})


def page(number: int) -> bytes:
    return encoded(lines(700, 200, f"Seven crates for berth {number}"))


def sent(data: bytes) -> Request:
    return Request(PATH, files={"file": ("a", data)})


def made(make: Callable[[], bytes]) -> Request:
    return sent(make())


TRIAL = Trial(
    image="svc-ocr-gateway",
    env={
        "KSERVE_URL": "http://svc-ocr-model:8080/v2/models/ocr-model/infer",
        "KSERVE_SECONDS": "60",
        "BODY_SECONDS": "6",
    },
    request=lambda number: sent(page(number)),
    clients=4,
    # MAX_REQUESTS are taken at the same time; on a slow machine, some do not arrive within BODY_SECONDS.
    # The model service refuses the image by its head.
    largest=Largest(lambda number: sent(png(30_000, 30_000 + number).ljust(MOST, b"\0")), 32, {408, 422}),
    neighbour=Neighbour("svc-ocr-model", dead={502}, hangs={504}, env={"KSERVE_SECONDS": "3"}),
    hostile={
        **wire(PATH, headers=FORM),
        **upload_door(PATH, "a.png"),
        **broken_forms(PATH, page(1), READ, MOST),
        "a body that stalls": stalled(PATH, FORM, b"--b\r\n", 6),
        **{f"not an image: {name}": Hostile(partial(sent, data), {415}) for name, data in NOT_IMAGES.items()},
        "the largest file, broken": Hostile(lambda: sent(PNG.ljust(MOST, b"\0"))),
        **{name: Hostile(partial(made, make)) for name, make in PNGS.items() if "in its head" in name},
        **{name: Hostile(partial(made, make), {200, 422}) for name, make in BROKEN.items()},
    },
)
