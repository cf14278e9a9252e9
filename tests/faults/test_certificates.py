"""A registry's certificate that is refused: told whose it is, who issued it, until when, and what mends it.

The server is on loopback, under a name: a registry that is called by a loopback address is spoken to in plain HTTP, and
docker would not verify it either.
"""

from __future__ import annotations

import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from slipway.errors import PushError
from slipway.model import Reference
from slipway.registry import Registry, certificates
from slipway.testing.fakes import HASTE

NAME = "registry.test"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
YEAR = datetime.timedelta(days=365)


class Authority:
    """A CA of the test's own; ``file`` is its certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "slipway tests")])
        self.file = folder / "ca.crt"
        basic = x509.BasicConstraints(ca=True, path_length=None)
        made = self._begin(self._name, self._key, NOW + YEAR).add_extension(basic, critical=True)
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, until: datetime.datetime) -> Path:
        """Key and certificate for a host name or an address, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = self._begin(subject, key, until).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        file = self._folder / f"{name}.pem"
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        with file.open("ab") as both:
            both.write(made.public_bytes(serialization.Encoding.PEM))
        return file

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * YEAR)
            .not_valid_after(until)
        )


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the handshake is what is wanted here."""


@contextmanager
def served(certificate: Path) -> Iterator[str]:
    """host:port of an HTTPS server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"{NAME}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _names_lead_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more, **named: real("127.0.0.1", port, 0, 1))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Authority], None]:
    """Puts a CA where docker looks for that of a registry."""

    def give(host: str, authority: Authority) -> None:
        monkeypatch.setattr(certificates, "FOLDER", tmp_path / "certs.d")
        (tmp_path / "certs.d" / host).mkdir(parents=True)
        (tmp_path / "certs.d" / host / "ca.crt").write_bytes(authority.file.read_bytes())

    return give


def refused(host: str) -> tuple[str, str]:
    with pytest.raises(PushError) as caught:
        Registry(host, patience=HASTE).digest(Reference(host, "acme/x", "v1"))
    assert caught.value.exit_code == 7
    assert not Registry(host).answers()
    return caught.value.message, caught.value.hint


@pytest.mark.fault("P08")
def test_an_unknown_ca_and_where_to_put_it(
    authority: Authority, trusted: Callable[[str, Authority], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    until = NOW + YEAR
    with served(authority.issue(NAME, until)) as host:
        message, hint = refused(host)
        assert message.startswith(f"{host}/acme/x:v1: TLS: unable to get local issuer certificate; ")
        assert message.endswith(f"subject CN={NAME}, issuer CN=slipway tests, expires {until:%Y-%m-%d %H:%M} UTC")
        assert f"/etc/docker/certs.d/{host}/ca.crt" in hint and "the system's store" in hint
        trusted(host, authority)
        assert Registry(host).status() == 200
        assert Registry(host, patience=HASTE).digest(Reference(host, "acme/x", "v1")) == ""


@pytest.mark.fault("P08")
def test_an_expired_certificate(authority: Authority, trusted: Callable[[str, Authority], None]) -> None:
    until = NOW - datetime.timedelta(days=1)
    with served(authority.issue(NAME, until)) as host:
        trusted(host, authority)
        message, hint = refused(host)
        assert "TLS: certificate has expired; " in message and f"expires {until:%Y-%m-%d %H:%M} UTC" in message
        assert hint == f"whoever runs {host} renews its certificate"


@pytest.mark.fault("P08")
def test_a_certificate_for_another_name(authority: Authority, trusted: Callable[[str, Authority], None]) -> None:
    with served(authority.issue("other.test", NOW + YEAR)) as host:
        trusted(host, authority)
        message, hint = refused(host)
        assert f"TLS: Hostname mismatch, certificate is not valid for '{NAME}'; subject CN=other.test" in message
        assert hint == "the certificate is for other.test: REGISTRY=<one of them>"


def test_what_speaks_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    host = f"{NAME}:{server.server_address[1]}"
    try:
        assert refused(host) == (
            f"{host}/acme/x:v1: TLS: no agreement with what answers there",
            f"curl -iv https://{host}/v2/",
        )
    finally:
        server.shutdown()
        server.server_close()
