"""Return a registry's URL, and tell loopback and private addresses from others.

slipway uses plain HTTP on loopback and for the private addresses that the project lists, and TLS for every other
registry. Docker Hub's API has a host of its own, as in moby's ``registry/config.go``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from slipway.core.reference import HUB

#: The host of Docker Hub's API.
_HUB_API = "registry-1.docker.io"


def endpoint(registry: str) -> str:
    """Return the ``host[:port]`` of a registry's API."""
    return _HUB_API if registry == HUB else registry


def base_url(registry: str, insecure: Collection[str] = ()) -> str:
    """Return a registry's base URL, without a trailing slash.

    The scheme is ``http`` for loopback, as in docker, and for the registries in ``insecure``; else ``https``.
    """
    plain = is_loopback(registry) or registry in insecure
    return f"{'http' if plain else 'https'}://{endpoint(registry)}"


def is_loopback(host: str) -> bool:
    """Tell whether ``host[:port]`` is a loopback address or ``localhost``. Nothing is resolved."""
    address = _address(host)
    return address.is_loopback if address else _name(host).lower() == "localhost"


def is_private(host: str) -> bool:
    """Tell whether ``host[:port]`` is an address of loopback or of a private network, or ``localhost``.

    Any other name is not private: it might resolve to any address.
    """
    address = _address(host)
    return address.is_private if address else _name(host).lower() == "localhost"


def host_and_port(host: str, *, plain: bool) -> tuple[str, int]:
    """Split ``host[:port]``. The default port is 80 with ``plain`` (HTTP), else 443 (TLS)."""
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
