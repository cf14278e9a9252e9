"""Send GET requests to the engine without the docker SDK, whose import takes longer than a whole plan."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import time
from collections.abc import Iterator
from typing import Any

from slipway.engine.connections import Connect

#: The engine flushes each line of a log. After a piece that does not fill the buffer, this pause lets the next ones
#: gather, so that a piece holds many lines.
_PIECE, _GATHER_SECONDS = 65_536, 0.02


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, connect: Connect, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._connect, self._seconds = connect, timeout

    def connect(self) -> None:
        self.sock = self._connect(self._seconds)


class _Unchunked(_OverSocket):
    """Ask in HTTP/1.0, to which a server sends a body as it is, up to the end of the connection."""

    _http_vsn, _http_vsn_str = 10, "HTTP/1.0"


class EngineApi:
    """Send requests to the engine over the connections that ``connect`` makes. Threads may share an instance.

    ``silence``: the seconds after which a request to a silent engine fails. Connections are kept, because connecting
    to a build host takes longer than its answer. ``patience``: the seconds for which a request waits for a busy
    connection before it makes another.
    """

    def __init__(self, connect: Connect, silence: float, patience: float = 0.0) -> None:
        self._connect = connect
        self._silence = silence
        self._patience = patience
        self._kept: queue.SimpleQueue[_OverSocket] = queue.SimpleQueue()
        self._made = False

    def get(self, path: str) -> tuple[Any, str]:
        """Send ``GET path``. Return the JSON of the reply, None for 404, and its ``Server`` header.

        A request whose connection closes is sent again over a new one: the connection to a build host may be back by
        then. Raises OSError for a failed request and for any other status, and the exceptions of ``connect``.
        """
        with contextlib.suppress(queue.Empty, _EndedError):  # the engine or its connection has ended
            return self._answer(self._kept.get(timeout=self._patience if self._made else 0.0), path)
        self._made = True
        with contextlib.suppress(_EndedError):
            return self._answer(_OverSocket(self._connect, self._silence), path)
        return self._answer(_OverSocket(self._connect, self._silence), path)

    def stream(self, path: str) -> Iterator[bytes]:
        """Send ``GET path`` over a new connection, and yield the pieces of the body as they arrive.

        Raises OSError for a failed request and for any other status than 200.
        """
        with contextlib.closing(_Unchunked(self._connect, self._silence)) as connection:
            connection.connect()
            connection.sock.settimeout(None)
            try:
                connection.request("GET", path)
                with connection.getresponse() as reply:
                    if reply.status != http.client.OK:
                        raise OSError(f"{reply.status} {reply.read(200).decode('utf-8', 'replace')}")
                    while piece := reply.read1(_PIECE):
                        yield piece
                        if len(piece) < _PIECE:
                            time.sleep(_GATHER_SECONDS)
            except http.client.HTTPException as error:
                raise OSError(f"{type(error).__name__}: {error}") from error

    def _answer(self, connection: _OverSocket, path: str) -> tuple[Any, str]:
        """Send the request over ``connection``, and keep the connection unless the request fails."""
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            body = reply.read()
            server = reply.headers.get("Server", "")
            found = None if reply.status == http.client.NOT_FOUND else _content(reply.status, body)
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            connection.close()
            raise _EndedError(f"{type(error).__name__}: {error}") from error
        except (http.client.HTTPException, ValueError) as error:
            connection.close()
            raise OSError(f"{type(error).__name__}: {error}") from error
        except OSError:
            connection.close()
            raise
        self._kept.put(connection)
        return found, server


class _EndedError(OSError):
    """Report that the connection closed before the answer."""


def _content(status: int, body: bytes) -> Any:
    if status != http.client.OK:
        raise OSError(f"{status} {body[:200].decode('utf-8', 'replace')}")
    return json.loads(body)
