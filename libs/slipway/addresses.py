"""Which registries are spoken to in plain HTTP: those on loopback, and private addresses that the project lists."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection


def base_url(host: str, insecure: Collection[str] = ()) -> str:
    """Plain HTTP for loopback, as docker does, and for the hosts in ``insecure``; TLS for all else."""
    return f"{'http' if is_loopback(host) or host in insecure else 'https'}://{host}"


def is_loopback(host: str) -> bool:
    """Whether ``host[:port]`` is this machine by its very name."""
    address = _address(host)
    return address.is_loopback if address else _name(host) == "localhost"


def is_private(host: str) -> bool:
    """Whether ``host[:port]`` is an address of loopback or of a private network; a name might resolve to anything."""
    address = _address(host)
    return address.is_private if address else _name(host) == "localhost"


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
