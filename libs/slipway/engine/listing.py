"""Questions over the engine's socket without the docker SDK: its import takes longer than a whole plan."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(socket_path: str, question: str, timeout: float) -> tuple[Any, str]:
    """``GET question``: the JSON of the reply, None for 404, and its ``Server`` header.

    Raises OSError, also for another status.
    """
    connection = _OverSocket(socket_path, timeout)
    try:
        connection.request("GET", question)
        reply = connection.getresponse()
        body = reply.read()
        server = reply.headers.get("Server", "")
        if reply.status == http.client.NOT_FOUND:
            return None, server
        if reply.status != http.client.OK:
            raise OSError(f"{reply.status} {body[:200].decode('utf-8', 'replace')}")
        return json.loads(body), server
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
