"""Try svc-cat-dog beside its Redis: pictures that cost memory or time, and a Redis that hangs or is dead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PIL import Image, ImageDraw

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Neighbour, Trial
from apps.trials.inputs.forms import broken_forms
from apps.trials.inputs.http import stalled, upload_door, wire
from apps.trials.inputs.images import BROKEN, JPEGS, NOT_IMAGES, PNGS, encoded, png

PATH, MOST = "/classify", 8_000_000
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
READ = frozenset({200})
READ_OR_REFUSED = frozenset({200, 422})


def picture(number: int) -> bytes:
    """Return a picture that no other number has."""
    image = Image.new("RGB", (48, 48), (number % 256, number // 256 % 256, number // 65536 % 256))
    ImageDraw.Draw(image).ellipse((8, 8 + number % 20, 40, 40), fill=(200, number * 7 % 256, 30))
    return encoded(image)


def large(number: int) -> bytes:
    return encoded(Image.new("RGBA", (5000, 5000), (number, 90, 90, 128)), compress_level=1)


def sent(data: bytes) -> Request:
    return Request(PATH, files={"file": ("a", data)})


def made(make: Callable[[], bytes]) -> Request:
    return sent(make())


TRIAL = Trial(
    image="svc-cat-dog",
    env={"REDIS_HOST": "svc-redis", "REDIS_REST_SECONDS": "1", "BODY_SECONDS": "6"},
    # Clients send a new picture, and one that another client has sent.
    request=lambda number: sent(picture(number if number % 2 else number // 32)),
    # MAX_REQUESTS are taken at the same time; on a slow machine, some do not arrive within BODY_SECONDS.
    # A few pictures are decoded, and the others are refused by their heads.
    largest=Largest(
        lambda number: sent((large(number) if number < 4 else png(30_000, 30_000)).ljust(MOST, b"\0")),
        32,
        {200, 408, 422},
    ),
    neighbour=Neighbour("svc-redis", dead=READ, hangs=READ),
    hostile={
        **wire(PATH, headers=FORM),
        **upload_door(PATH, "a.png"),
        **broken_forms(PATH, picture(1), READ, MOST),
        "a body that stalls": stalled(PATH, FORM, b"--b\r\n", 6),
        **{f"not a picture: {name}": Hostile(partial(sent, data), {415}) for name, data in NOT_IMAGES.items()},
        **{
            name: Hostile(partial(made, make), READ_OR_REFUSED | {413})
            for name, make in (PNGS | JPEGS | BROKEN).items()
            if not name.startswith("TIFF")
        },
    },
)
