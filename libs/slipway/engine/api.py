"""Questions over the engine's socket without the docker SDK: its import takes longer than a whole plan."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
from typing import Any

from slipway.engine.connections import Connect


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, connect: Connect, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._connect, self._seconds = connect, timeout

    def connect(self) -> None:
        self.sock = self._connect(self._seconds)


class Questions:
    """Asks the engine that ``connect`` connects to; ``silence`` seconds without a word are its end.

    Connections are kept: the way to a build host's takes longer than its answer. ``patience``: seconds for which one
    that is busy is waited for before another is made. Threads may share it.
    """

    def __init__(self, connect: Connect, silence: float, patience: float = 0.0) -> None:
        self._connect = connect
        self._silence = silence
        self._patience = patience
        self._kept: queue.SimpleQueue[_OverSocket] = queue.SimpleQueue()
        self._made = False

    def ask(self, question: str) -> tuple[Any, str]:
        """``GET question``: the JSON of the reply, None for 404, and its ``Server`` header.

        Asked again when it is hung up on: the link to a build host may be back then. Raises OSError, also for another
        status; and what ``connect`` raises.
        """
        with contextlib.suppress(queue.Empty, _EndedError):  # ended with the engine, or with the link to it
            return self._answer(self._kept.get(timeout=self._patience if self._made else 0.0), question)
        self._made = True
        with contextlib.suppress(_EndedError):
            return self._answer(_OverSocket(self._connect, self._silence), question)
        return self._answer(_OverSocket(self._connect, self._silence), question)

    def _answer(self, connection: _OverSocket, question: str) -> tuple[Any, str]:
        """The connection is kept when it has answered."""
        try:
            connection.request("GET", question)
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
    """The connection was hung up before it answered."""


def _content(status: int, body: bytes) -> Any:
    if status != http.client.OK:
        raise OSError(f"{status} {body[:200].decode('utf-8', 'replace')}")
    return json.loads(body)
