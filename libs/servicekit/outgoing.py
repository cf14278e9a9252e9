"""Make connections to neighbours that end when the neighbour is gone."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

_CONNECT_SECONDS = 5.0
#: A container that dies takes its network with it, so that nothing ends its connections. These options notice within
#: about ten seconds that the peer is gone.
_WATCHFUL = {"TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
SOCKET_OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _WATCHFUL.items() if hasattr(socket, name)),
]


def http_client(url: str, seconds: float) -> httpx.Client:
    """Return a client for ``url``. A request fails after ``seconds`` without an answer, and 5 s without a connection.

    Each request has its own connection: a peer that closes an idle one is not a peer that crashed. An https:// URL is
    reached through the proxy of HTTPS_PROXY, unless NO_PROXY names its host. HTTP_PROXY is not used: Docker's own
    configuration sets it in all containers, also in those whose peers are services of the same system.
    """
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    limits = httpx.Limits(max_keepalive_connections=0)
    transport = httpx.HTTPTransport(limits=limits, socket_options=SOCKET_OPTIONS, proxy=_proxy(url))
    return httpx.Client(timeout=timeout, transport=transport)


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme != "https" or proxy_bypass(parts.netloc):
        return None
    proxy = getproxies().get("https")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
