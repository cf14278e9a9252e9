"""Describe how a service is tried: hostile inputs, load, faults and kills. ``nox -s services`` runs the trials.

A service's file in ``corpus/`` holds one ``TRIAL``, which makes every input itself, so that the repository holds no
hostile file. Inputs that several services must survive are in ``inputs/``:

    TRIAL = Trial(
        image="svc-notes",
        request=lambda number: Request("/notes", json={"text": f"note {number}"}),
        hostile={
            **wire("/notes"),
            **json_door("/notes", "text"),
            "a regular expression that runs away": Hostile(lambda: Request("/notes", json={"text": "a" * 10**6})),
            "a bomb": Hostile(lambda: Request("/files", files={"file": ("a.xlsx", bomb())}), {422}, seconds=35),
        },
        durable=Durable(is_kept),
        largest=Largest(lambda number: Request("/notes", json={"text": f"{number}".ljust(1_000_000)})),
    )

Each hostile input is answered in time with one of its statuses, 4xx where nothing else is said. Meanwhile the probes
are answered within four seconds, and afterwards the same process serves. The container has the memory that the image's
label ``slipway.memory`` names, also for some of the largest requests at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.trials.asking import Answer, Client, HttpClient, Request
from slipway.testing.plugin import Container

Statuses = frozenset[int] | set[int]

REFUSED = frozenset({400, 408, 411, 413, 415, 422})


@dataclass(frozen=True)
class Hostile:
    """Hold an input that ``make`` makes: a request, or the bytes that a client sends over its connection.

    The service answers one of ``statuses`` within ``seconds``, from the first byte that is sent.
    """

    make: Callable[[], Any]
    statuses: Statuses = REFUSED
    seconds: float = 10.0


@dataclass(frozen=True)
class Durable:
    """Hold the way to see whether an acknowledged request was kept.

    ``is_kept`` gets a client, the request's number and its answer. ``volume`` is the path of what is kept, and
    ``full`` are the statuses of a write while that volume is full. ``breaks``: the write that finds the volume full may
    also lose its connection.
    """

    is_kept: Callable[[Client, int, Answer], bool]
    senders: int = 4
    volume: str = "/data"
    full: Statuses = frozenset({503})
    breaks: bool = False


@dataclass(frozen=True)
class Largest:
    """Hold requests that take as much memory as the documented limits allow. ``number`` are sent at the same time.

    ``make`` makes the request of a number. The service answers one of ``statuses``, or 503 when it is busy.
    """

    make: Callable[[int], Any]
    number: int = 4
    statuses: Statuses = frozenset({200, 201})


@dataclass(frozen=True)
class Neighbour:
    """Hold a service that the tried one asks: the statuses of answers while it is ``dead``, and while it ``hangs``.

    ``env`` are settings of the tried service for this fault, such as a short patience.
    """

    image: str
    dead: Statuses
    hangs: Statuses
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """Hold the trial of the service in ``image``. ``request`` makes the request of a number, different for each.

    ``clients`` send requests at the same time; in the long form, sixteen do. ``durable``: kills lose nothing that was
    acknowledged. ``neighbour`` runs beside the service.
    """

    image: str
    request: Callable[[int], Any]
    hostile: Mapping[str, Hostile]
    durable: Durable | None = None
    largest: Largest | None = None
    neighbour: Neighbour | None = None
    clients: int = 16
    env: Mapping[str, str] = field(default_factory=dict)
    connect: Callable[[Container], Client] = HttpClient
    probes: Sequence[Any] = (Request("/live", "GET"), Request("/ready", "GET"))
