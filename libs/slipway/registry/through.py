"""A registry that is asked over a socket here, whose other end is another machine that reaches it.

Names, certificates and logins are the registry's own: only the bytes go another way.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def adapter(path: str, context: ssl.SSLContext | None) -> HTTPAdapter:
    """For a session: every connection begins at the Unix socket ``path``; ``context`` where TLS is spoken over it."""

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
