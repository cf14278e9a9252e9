"""Try svc-konnichiwa with wrong keys, and with broken requests."""

from __future__ import annotations

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Statuses, Trial
from apps.trials.inputs.http import wire

KEY = "trial-0123456789abcdef"
BEARER = f"Bearer {KEY}"


def asked(path: str, statuses: Statuses, method: str = "GET", **headers: str) -> Hostile:
    return Hostile(lambda: Request(path, method, headers=headers), statuses)


def inspected(authorization: str, statuses: Statuses = frozenset({401})) -> Hostile:
    return asked("/inspect", statuses, Authorization=authorization)


def raw(lines: str, *statuses: int) -> Hostile:
    """Return a request whose header lines no client makes. Each ends with a line break."""
    return Hostile(lambda: f"GET /inspect HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode("latin-1"), set(statuses))


TRIAL = Trial(
    image="svc-konnichiwa",
    env={"API_KEY": KEY},
    request=lambda number: (
        Request(f"/inspect?{number}", "GET", headers={"Authorization": BEARER})
        if number % 4
        else Request(f"/?name=client%20{number}", "GET")
    ),
    hostile={
        # No route takes a body, so the service never reads the length that it announces.
        **wire("/inspect", "GET", taken={401}),
        **{name.replace("wire", "body"): tried for name, tried in wire("/").items()},
        "a name of 101 characters": asked("/?name=" + "b" * 101, {422}),
        "a zero in a name": asked("/?name=%00", {200}),
        "half a surrogate pair in a name": asked("/?name=%ED%A0%80", {200}),
        "markup in a name": asked("/?name=%3Cscript%3E", {200}),
        "a thousand names": asked("/?" + "&".join(["name=a"] * 1000), {200, 422}),
        "a body of 30 MB": Hostile(lambda: Request("/", "GET", data=bytes(30_000_000)), {200, 413}),
        "an encoded path outside": asked("/%2e%2e/%2e%2e/etc/passwd", {404}),
        "capitals in the path": asked("/INSPECT", {404}, Authorization=BEARER),
        "DELETE": asked("/inspect", {405}, "DELETE", Authorization=BEARER),
        "no key": asked("/inspect", {401}),
        "another scheme": inspected("Basic eDp5"),
        "a wrong key": inspected("Bearer x"),
        "a key without its end": inspected(BEARER[:-1]),
        "a key and more": inspected(f"{BEARER}x"),
        "a key of 60 KB": inspected("Bearer " + "x" * 60_000, {431}),
        "no key after Bearer": raw("Authorization: Bearer\r\n", 400),
        "two keys": inspected(f"{BEARER}, Bearer x", {400}),
        "two headers": raw(f"Authorization: {BEARER}\r\n" * 2, 400),
        "a key of other characters": raw("Authorization: Bearer \xff\xfe\r\n", 400),
        "a zero in the key": raw("Authorization: Bearer a\0b\r\n", 400),
        "a key in the query": asked(f"/inspect?access_token={KEY}", {401}),
        "a key in a cookie": asked("/inspect", {401}, Cookie=f"Authorization={BEARER}"),
        "a request that says it comes from here": asked("/inspect", {401}, **{"X-Forwarded-For": "127.0.0.1"}),
        "9,000 headers": asked("/", {431}, **{f"X{one}": "1" for one in range(9000)}),
    },
)
