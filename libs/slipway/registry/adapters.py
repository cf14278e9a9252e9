"""Make the connections to a registry: which certificates they trust, and by which route their bytes travel."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class TrustingAdapter(HTTPAdapter):
    """Trust the CAs of ``context`` and no others; None for plain HTTP.

    requests would add the CAs of certifi or of REQUESTS_CA_BUNDLE, which the engine does not trust.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._options: dict[str, Any] = {"ssl_context": context} if context else {}
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **options, **self._options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, **self._options)

    def send(self, request: Any, *positional: Any, **options: Any) -> Any:
        return super().send(request, *positional, **{**options, "verify": True})

    def cert_verify(self, *_: object) -> None:
        """Leave the connection as its context made it."""


class SocketAdapter(TrustingAdapter):
    """Reach a registry over the Unix socket ``path``, whose other end is on a machine that reaches the registry.

    Names, certificates and logins are those of the registry. Only the route of the bytes differs.
    """

    def __init__(self, path: str, context: ssl.SSLContext | None) -> None:
        super().__init__(context)

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

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
