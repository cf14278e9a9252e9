"""Try svc-strain-seer: files without a test, many large ones, and messages that Streamlit does not know."""

from __future__ import annotations

import math
from functools import partial

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Statuses, Trial
from apps.trials.inputs.http import wire
from apps.trials.inputs.tables import TABLES
from apps.trials.page_client import Chosen, Message, PageClient

UPLOAD = "/_stcore/upload_file/no-session/no-file"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
SHOWN_OR_TOLD = frozenset({200, 422})
#: In bytes: the most that Streamlit takes (``maxUploadSize``).
LONGEST = 20 << 20


def curve(number: int, rows: int = 500) -> bytes:
    """Return a test of a steel that no other number has, in strain and stress."""
    head = b"Strain [%];Stress [MPa]\n"
    strains = (2 * (step / rows) ** 2 for step in range(rows))
    return head + b"".join(
        b"%.6f;%.6f\n" % (one, 300 * math.tanh(7 * one) + 5 * one + number % 10_000 * 1e-5) for one in strains
    )


def closed(content: bytes | str, statuses: Statuses = frozenset({400})) -> Hostile:
    return Hostile(lambda: Message(content), statuses)


def asked(path: str, statuses: Statuses, method: str = "GET", **options: object) -> Hostile:
    return Hostile(lambda: Request(path, method, **options), statuses)


TRIAL = Trial(
    image="svc-strain-seer",
    connect=PageClient,
    probes=(Request("/_stcore/health", "GET"),),
    request=lambda number: Chosen(curve(number)),
    clients=4,
    largest=Largest(lambda number: Chosen(curve(number, 200_000 - 10))),
    hostile={
        **wire(UPLOAD, "PUT", FORM, taken={403}),
        "an upload without a session": asked(UPLOAD, {400, 403}, "PUT", files={"file": ("a.csv", b"1;2\n")}),
        "200 MB without a session": asked(UPLOAD, {400, 403}, "PUT", data=iter([bytes(1_000_000)] * 200)),
        "a file removed without a session": asked(UPLOAD, {400, 403}, "DELETE"),
        "a file of the media folder": asked("/media/..%2f..%2fetc%2fpasswd", {400, 403, 404}),
        "an encoded path outside": asked("/static/..%2f..%2f..%2fetc%2fpasswd", {400, 403, 404}),
        "a path with a host": asked("//evil.example/", {200, 400, 404}),
        "a component that is none": asked("/component/a.b/index.html", {404}),
        "the page itself, POST": asked("/", {405}, "POST"),
        "a message of random bytes": closed(bytes(range(256))),
        "a text instead of a message": closed("hello"),
        "an empty message": closed(b"", {200, 400}),
        "a message of 60 MB": closed(b"\x0a" * 60_000_000),
        "a message that ends in the middle": closed(b"\x5a\xff\xff\xff\x7f"),
        "a file of 21 MB": Hostile(lambda: Chosen(b"1;2\n" * (LONGEST // 4 + 1)), {413}),
        "a name of 60 KB": Hostile(lambda: Chosen(curve(1), "x" * 60_000 + ".csv"), SHOWN_OR_TOLD | {400}),
        "a name that is a path": Hostile(lambda: Chosen(curve(1), "../../etc/passwd.csv"), SHOWN_OR_TOLD),
        "a name of markup": Hostile(lambda: Chosen(curve(1), "<script>$\\frac{$.csv"), SHOWN_OR_TOLD),
        "a hundred files of 19 MB": Hostile(lambda: Chosen(bytes(19_000_000), times=100), {413}, 60),
        **{f"a file: {name}": Hostile(partial(Chosen, data), SHOWN_OR_TOLD, 20) for name, data in TABLES.items()},
    },
)
