"""A private package index: TLS by a CA of the tests' own, a login, and one wheel."""

from __future__ import annotations

import base64
import http.server
import io
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.rig.authorities import CA_NAME, IS_CA, NAME, issue, names

PACKAGE = "leaves"
#: PyPI takes no version with a local part, so that no other index has it.
VERSION = "1.0+ours"
_WHEEL = f"{PACKAGE}-{VERSION}-py3-none-any.whl"


@dataclass
class PackageIndex:
    """``url``: with its login. ``authority``: the CA's certificate as PEM. ``given``: the paths that it has served."""

    url: str
    authority: str
    given: list[str] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    login = ""
    given: list[str]

    def do_GET(self) -> None:
        pages = {
            f"/simple/{PACKAGE}/": (b"text/html", f'<a href="/{quote(_WHEEL)}">{_WHEEL}</a>'.encode()),
            f"/{quote(_WHEEL)}": (b"application/zip", _wheel()),
        }
        known = self.headers.get("Authorization") == f"Basic {self.login}"
        kind, body = pages.get(self.path, (b"text/plain", b"")) if known else (b"text/plain", b"")
        self.send_response(200 if body else 404 if known else 401)
        self.send_header("Content-Type", kind.decode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if body:
            self.given.append(self.path)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the CA closes in the handshake."""


def _wheel() -> bytes:
    data, info = io.BytesIO(), f"{PACKAGE}-{VERSION}.dist-info"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{PACKAGE}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return data.getvalue()


@contextmanager
def a_package_index(folder: Path, address: str, user: str, password: str) -> Iterator[PackageIndex]:
    """Serve the index on ``address``; ``folder`` gets the server's certificate and key."""
    authority = issue(CA_NAME, [IS_CA])
    file = folder / "index.pem"
    file.write_bytes(issue(NAME, [names(address)], authority).pem_with_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    index = PackageIndex("", authority.pem.decode())
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    server = _Server((address, 0), type("Handler", (_Handler,), {"login": login, "given": index.given}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    index.url = f"https://{user}:{quote(password, safe='')}@{address}:{server.server_address[1]}/simple"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
