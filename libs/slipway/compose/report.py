"""Report the services of a system that is up: states, addresses, use of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slipway.compose.containers import Client, Found, use_of
from slipway.compose.listeners import speaks_http
from slipway.compose.system import Service
from slipway.compose.wait import Standing

_EVERYWHERE = ("", "0.0.0.0", "::")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServiceReport:
    """Hold a service as a user sees it.

    ``seconds``: until it was up. ``urls``: where it is reached; a port that speaks HTTP is a URL. ``memory``: bytes.
    ``image``: the image of the stack, else the reference.
    """

    service: str
    state: str
    seconds: float
    urls: tuple[str, ...]
    memory: int
    image: str


def report_of(service: Service, standing: Standing, client: Client) -> ServiceReport:
    """Return the report of a service. Asks the engine for its memory, and each published port for its protocol."""
    running = [one for one in standing.containers if one.state.status == "running"]
    return ServiceReport(
        service.name,
        str(standing.stage),
        round(standing.seconds, 1),
        tuple(dict.fromkeys(url for one in running for url in urls(one))),
        sum(use_of(client, one.id).memory for one in running),
        service.built or service.image,
    )


def urls(container: Found) -> Iterator[str]:
    """Yield the addresses of a container's published ports."""
    for address, port in container.ports.values():
        shown = _LOOPBACK if address in _EVERYWHERE else address
        yield f"http://{shown}:{port}" if speaks_http(shown, port) else f"{shown}:{port}"
