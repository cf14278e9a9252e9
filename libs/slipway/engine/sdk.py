"""Run the docker SDK over slipway's own connections: by ssh, and TLS by the rules of docker's client."""

from __future__ import annotations

import ssl
from typing import Any

import docker
import requests.adapters
import urllib3
import urllib3.connection
from docker.transport.basehttpadapter import BaseHTTPAdapter

from slipway.engine.address import API_VERSION, Endpoint
from slipway.engine.connections import Connect, Start, connecting, tls_context


def client(endpoint: Endpoint, seconds: float | None, start: Start | None) -> docker.DockerClient:
    """Return a client of the docker SDK, without connecting.

    ``seconds``: the time after which a request to a silent engine fails.
    """
    if endpoint.address.startswith("ssh://") and (connect := connecting(endpoint, start)):
        made = _made("unix:///ssh", seconds)
        made.api.mount("http+docker://", _Adapter(connect))
        return made
    address = endpoint.address
    if endpoint.tls:
        if not endpoint.tls.verify:  # the user turned verification off
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context = tls_context(endpoint.tls)
        made = _made(address.replace("tcp://", "https://", 1), seconds)
        made.api.mount("https://", _TlsAdapter(context))
        return made
    return _made(address, seconds)


def _made(address: str, seconds: float | None) -> docker.DockerClient:
    return docker.DockerClient(base_url=address, version=API_VERSION, timeout=seconds)  # type: ignore[arg-type]


class _TlsAdapter(requests.adapters.HTTPAdapter):
    """Use ``context`` for TLS.

    The context of requests trusts another store, and is stricter than docker's client.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {"ssl_context": self._context}

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: the context decides."""


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, connect: Connect) -> None:
        super().__init__("localhost")
        self._connect = connect

    def connect(self) -> None:
        seconds = self.timeout
        self.sock = self._connect(seconds if isinstance(seconds, int | float) else 60.0)


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, connect: Connect) -> None:
        super().__init__("localhost", maxsize=10)
        self._connect = connect

    def _new_conn(self) -> Any:
        return _Connection(self._connect)


class _Adapter(BaseHTTPAdapter):
    def __init__(self, connect: Connect) -> None:
        self._pool = _Pool(connect)
        super().__init__()

    def get_connection(self, url: str | bytes, proxies: object = None) -> _Pool:
        return self._pool

    def request_url(self, request: Any, proxies: object) -> str:
        return str(request.path_url)

    def close(self) -> None:
        self._pool.close()
        super().close()
