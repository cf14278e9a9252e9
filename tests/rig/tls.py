"""A registry over TLS, with a certificate of the tests' own."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.authorities import NAME

_UNKNOWN = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'


class _Handler(http.server.BaseHTTPRequestHandler):
    #: The URL of a token server, where the registry wants a token.
    realm = ""

    def do_GET(self) -> None:
        self._say(*((200, b"{}") if self.path == "/v2/" else (404, _UNKNOWN)))

    def do_HEAD(self) -> None:
        self._say(404, b"")

    def _say(self, status: int, body: bytes) -> None:
        wanted = self.realm and self.path != "/token" and not self.headers.get("Authorization")
        self.send_response(401 if wanted else 200 if self.path.startswith("/token") else status)
        if wanted:
            self.send_header("WWW-Authenticate", f'Bearer realm="{self.realm}"')
        body = b'{"token": "one"}' if self.path.startswith("/token") else body
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that closes in the handshake is expected here."""


@contextmanager
def served(pem: bytes, folder: Path, realm: str = "", address: str = "") -> Iterator[str]:
    """host:port of an empty registry that shows ``pem``, key and chain; ``folder`` gets the file.

    It listens on ``address``, and else on loopback, under the tests' name.
    """
    file = folder / "server.pem"
    file.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # else a server could not show a short key
    context.load_cert_chain(file)
    server = _Server((address or "127.0.0.1", 0), type("Handler", (_Handler,), {"realm": realm}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"{address or NAME}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
