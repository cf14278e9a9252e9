"""Make connections to neighbours that end when the neighbour is gone."""

from __future__ import annotations

import socket

import httpx

_CONNECT_SECONDS = 5.0
#: A container that dies takes its network with it, so that nothing ends its connections. These options notice within
#: about ten seconds that the peer is gone.
_WATCHFUL = {"TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
SOCKET_OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _WATCHFUL.items() if hasattr(socket, name)),
]


def http_client(seconds: float) -> httpx.Client:
    """Return a client whose requests fail after ``seconds`` without an answer, and 5 s without a connection.

    Each request has its own connection: a peer that closes an idle one is not a peer that crashed. The client uses no
    proxy of the environment, because its peers are services of the same system.
    """
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=timeout, transport=httpx.HTTPTransport(limits=limits, socket_options=SOCKET_OPTIONS))
