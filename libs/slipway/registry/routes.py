"""Reach a registry through a proxy of the environment, or through a Unix socket."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Proxies:
    """Keep the connections to the proxies of the environment. ``context``: TLS with the hosts behind them."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        from requests.adapters import HTTPAdapter

        self._adapter = HTTPAdapter()
        self._options: dict[str, Any] = {"ssl_context": context} if context else {}

    def find(self, url: str) -> urllib3.PoolManager | None:
        """Return the connections of the proxy for ``url``; None when the environment has none for it."""
        from requests.utils import get_environ_proxies, select_proxy

        proxy = select_proxy(url, get_environ_proxies(url))
        if not proxy:
            return None
        whole = proxy if "://" in proxy else f"http://{proxy}"
        found: urllib3.PoolManager = self._adapter.proxy_manager_for(whole, **self._options)
        return found


class SocketPools(urllib3.PoolManager):
    """Reach a registry over the Unix socket ``path``, whose other end is on a machine that reaches the registry.

    Names, certificates and logins are those of the registry. Only the route of the bytes differs.
    """

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(**options)

        def connect() -> socket.socket:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.connect(path)
            return made

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect()

        class Tls(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = Tls

        self.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
