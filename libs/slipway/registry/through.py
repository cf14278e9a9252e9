"""Reach a registry over a socket on this machine, whose other end is on a machine that reaches the registry.

Names, certificates and logins are those of the registry. Only the route of the bytes differs.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def adapter(path: str, context: ssl.SSLContext | None) -> HTTPAdapter:
    """Return a session's adapter whose connections all start at the Unix socket ``path``.

    ``context``: the TLS context; None for plain HTTP.
    """

    def dialled() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.connect(path)
        return made

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dialled()

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dialled()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    class Through(HTTPAdapter):
        def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
            options |= {"ssl_context": context} if context else {}
            super().init_poolmanager(*sizes, **options)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

    return Through()
