"""Ask a running service over HTTP, as one of its clients."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from slipway.testing.plugin import Container

_BUSY = 503


class Request:
    """Hold a request. ``options`` are those of ``requests.request``: ``json``, ``data``, ``files``, ``headers``."""

    def __init__(self, path: str, method: str = "POST", **options: Any) -> None:
        self.path, self.method, self.options = path, method, options


@dataclass(frozen=True)
class Answer:
    """Hold an answer. ``come_again``: it says that the service is busy, and when to ask again."""

    status: int
    content: bytes = b""
    come_again: bool = False

    @classmethod
    def of(cls, response: requests.Response) -> Answer:
        come_again = response.status_code == _BUSY and "retry-after" in response.headers
        return cls(response.status_code, response.content, come_again)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)


class Client(Protocol):
    """Ask a running service. ``asked`` is a request of the service's protocol, or bytes that are sent as they are."""

    def ask(self, asked: Any, seconds: float = 120.0) -> Answer:
        """Return the answer. Raises OSError when the connection breaks, or no answer comes within ``seconds``."""
        ...

    def close(self) -> None: ...


class HttpClient:
    """Ask over HTTP, without a proxy and without retries. The connection is kept from one request to the next."""

    def __init__(self, container: Container) -> None:
        self._url = container.url
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, asked: Request | bytes, seconds: float = 120.0) -> Answer:
        if isinstance(asked, bytes):
            return self._ask_raw(asked, seconds)
        return Answer.of(self._session.request(asked.method, self._url + asked.path, timeout=seconds, **asked.options))

    def close(self) -> None:
        self._session.close()

    def _ask_raw(self, sent: bytes, seconds: float) -> Answer:
        address = urlsplit(self._url)
        with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
                connection.sendall(sent)
            head = connection.makefile("rb").readline()
        if not head.startswith(b"HTTP/1.1 "):
            raise ConnectionError(f"no answer of HTTP: {head[:50]!r}")
        return Answer(int(head.split()[1]), head)
