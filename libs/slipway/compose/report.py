"""Report the services of a system that is up: states, addresses, use of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slipway.compose.containers import Found, Get, use_of
from slipway.compose.http import speaks_http
from slipway.compose.judge import Stage
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
    state: Stage
    seconds: float
    urls: tuple[str, ...]
    memory: int
    image: str


#: Returns the address at which the user reaches a published port, from the port's own address and number.
Shown = Callable[[str, int], str]


def report_of(service: Service, standing: Standing, get: Get, shown: Shown) -> ServiceReport:
    """Return the report of a service. Asks the engine for its memory."""
    running = [one for one in standing.containers if one.state.status == "running"]
    return ServiceReport(
        service.name,
        standing.stage,
        round(standing.seconds, 1),
        tuple(dict.fromkeys(url for one in running for url in urls(one, shown))),
        sum(use_of(get, one.id).memory for one in running),
        service.built or service.image,
    )


def urls(container: Found, shown: Shown) -> Iterator[str]:
    """Yield the addresses of a container's published ports."""
    return (shown(address, port) for address, port in container.ports.values())


def near_url(address: str, port: int) -> str:
    """Return the URL of a port on this machine; without a scheme where the port does not speak HTTP."""
    reached = _LOOPBACK if address in _EVERYWHERE else address
    return f"http://{reached}:{port}" if speaks_http(reached, port) else f"{reached}:{port}"
