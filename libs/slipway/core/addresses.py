"""Where a registry is, and how it is spoken to: in plain HTTP on loopback and at private addresses that the project
lists, else in TLS.

Docker Hub's API is at another host than its name says, as the engine has it (moby's ``registry/config.go``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from slipway.core.image import HUB

#: Where Docker Hub's API is.
_HUB_API = "registry-1.docker.io"


def endpoint(registry: str) -> str:
    """The ``host[:port]`` that answers for a registry."""
    return _HUB_API if registry == HUB else registry


def base_url(registry: str, insecure: Collection[str] = ()) -> str:
    """Plain HTTP for loopback, as docker does, and for the registries in ``insecure``; TLS for all else."""
    plain = is_loopback(registry) or registry in insecure
    return f"{'http' if plain else 'https'}://{endpoint(registry)}"


def is_loopback(host: str) -> bool:
    """Whether ``host[:port]`` is this machine by its very name."""
    address = _address(host)
    return address.is_loopback if address else _name(host).lower() == "localhost"


def is_private(host: str) -> bool:
    """Whether ``host[:port]`` is an address of loopback or of a private network; a name might resolve to anything."""
    address = _address(host)
    return address.is_private if address else _name(host).lower() == "localhost"


def host_and_port(host: str, *, plain: bool) -> tuple[str, int]:
    """``host[:port]`` apart; without a port that of HTTP (``plain``) or of TLS."""
    name = _name(host)
    port = host[len(name) + 2 * host.startswith("[") :].removeprefix(":")
    return name, int(port) if port else 80 if plain else 443


def _name(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_name(host))
    except ValueError:
        return None
