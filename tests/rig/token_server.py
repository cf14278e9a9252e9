"""A token server as Docker Hub's (distribution, "Token Authentication Specification" and its OAuth2 form).

It runs in a container, where there is only the standard library. ``config.json`` beside it names the certificate and
key for TLS, the key and certificate with which it signs, its issuer, the users' passwords and their identity tokens.
A client without a login gets tokens that allow nothing. A user's tokens allow all but pushing to repositories that
match a line of the file ``closed``, and pulling from one to which no user could push so far: Docker Hub gives the same
answer for a missing repository and for another user's. Each request is printed on stdout: method, client, user, scope.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import http.server
import json
import pathlib
import ssl
import sys
import time
import urllib.parse
from typing import Any

HERE = pathlib.Path(__file__).parent
CONFIG = json.loads((HERE / "config.json").read_text())
#: Repositories to which somebody may have pushed.
THERE: set[str] = set()
#: DER before a SHA-256 digest in a PKCS #1 signature (RFC 8017, 9.2).
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: dict[str, Any]) -> str:
    """A JSON Web Token, RS256."""
    header = {"typ": "JWT", "alg": "RS256", "x5c": [CONFIG["certificate"]]}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    modulus, exponent = int(CONFIG["modulus"]), int(CONFIG["exponent"])
    size = (modulus.bit_length() + 7) // 8
    end = b"\x00" + _SHA256 + hashlib.sha256(text.encode()).digest()
    padded = b"\x00\x01".ljust(size - len(end), b"\xff") + end
    signature = pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(size, "big")
    return f"{text}.{encoded(signature)}"


def allowed(user: str, scope: str) -> list[dict[str, Any]]:
    """Return the actions that a token for ``repository:name:pull,push`` allows the user."""
    if not user or scope.count(":") != 2:
        return []
    kind, name, actions = scope.split(":")
    closed = HERE / "closed"
    barred = closed.read_text().split() if closed.exists() else []
    held = [a for a in actions.split(",") if a == "pull" or not any(fnmatch.fnmatch(name, one) for one in barred)]
    if "push" in held:
        THERE.add(name)
    return [{"type": kind, "name": name, "actions": held}] if name in THERE else []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        known = CONFIG["users"].get(user) == password
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.answer(query, user if known else "", refused=bool(given) and not known, key="token")

    def do_POST(self) -> None:
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        user = ""
        if form.get("grant_type") == ["refresh_token"]:
            user = CONFIG["identities"].get(form.get("refresh_token", [""])[0], "")
        self.answer(form, user, refused=not (user and form.get("client_id")), key="access_token")

    def answer(self, asked: dict[str, list[str]], user: str, *, refused: bool, key: str) -> None:
        scopes = asked.get("scope", [])
        print(self.command, self.headers.get("User-Agent", "-").split("/")[0], user or "-", *scopes, flush=True)
        now = int(time.time())
        claims = {
            "iss": CONFIG["issuer"],
            "sub": user,
            "aud": asked.get("service", [""])[0],
            "nbf": now - 60,
            "iat": now,
            "exp": now + 300,
            "jti": encoded(str(time.time_ns()).encode()),
            "access": [entry for text in scopes for scope in text.split(" ") for entry in allowed(user, scope)],
        }
        body = b"{}" if refused else json.dumps({key: signed(claims)}).encode()
        self.send_response(401 if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / CONFIG["pem"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
