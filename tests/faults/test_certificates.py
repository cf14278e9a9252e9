"""A registry's certificate that is refused: the error has its subject, issuer and expiry, and the fix.

The server is on loopback, under a name: a registry that is called by a loopback address is spoken to in plain HTTP, and
docker would not verify it either.
"""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.engine import Credentials
from slipway.registry import Registry, certificates
from slipway.secrets.secret import Secret
from slipway.testing.fakes import HASTE
from tests.rig.authorities import ACCEPTED, CA_NAME, IS_CA, NAME, NOW, REFUSED, STRICTER, YEAR, Holder, issue, names
from tests.rig.foreign import HTML, PAGE, ForeignServer
from tests.rig.tls import served


@pytest.fixture(autouse=True)
def _names_lead_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more, **named: real("127.0.0.1", port, 0, 1))


@pytest.fixture(autouse=True)
def _small_system_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL reads the system's store for each registry; a real one has 150 certificates."""
    store = tmp_path / "store.pem"
    store.write_bytes(issue("a CA of the system", [IS_CA]).pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))


@pytest.fixture
def authority() -> Holder:
    return issue(CA_NAME, [IS_CA])


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Path]:
    """Puts a CA where docker looks for that of a registry."""

    def give(host: str, pem: bytes) -> Path:
        monkeypatch.setattr(certificates, "FOLDER", tmp_path / "certs.d")
        (tmp_path / "certs.d" / host).mkdir(parents=True)
        file = tmp_path / "certs.d" / host / "ca.crt"
        file.write_bytes(pem)
        return file

    return give


def refused(host: str) -> tuple[str, str]:
    with pytest.raises(RegistryError) as caught:
        Registry(host, policy=HASTE).digest(Reference(host, "acme/x", "v1"))
    assert caught.value.exit_code == 7
    assert not Registry(host).answers()
    return caught.value.message, caught.value.hint


def accepted(host: str) -> None:
    assert Registry(host).greeting().status in (200, 401)
    assert Registry(host, policy=HASTE).digest(Reference(host, "acme/x", "v1")) == ""


@pytest.mark.fault("P08")
def test_an_unknown_ca_and_where_to_put_it(
    authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    until = NOW + YEAR
    with served(issue(NAME, [names()], authority, until).pem_with_key, tmp_path) as host:
        message, hint = refused(host)
        assert message.startswith(f"{host}/acme/x:v1: TLS: unable to get local issuer certificate; ")
        assert message.endswith(f"subject CN={NAME}, issuer CN={CA_NAME}, expires {until:%Y-%m-%d %H:%M} UTC")
        assert f"/etc/docker/certs.d/{host}/ca.crt" in hint and "the system's store" in hint
        trusted(host, authority.pem)
        accepted(host)


@pytest.mark.fault("P43")
def test_a_ca_that_python_tools_alone_trust_is_refused(
    authority: Holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "for_python.pem"
    store.write_bytes(authority.pem)
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(store))
    with served(issue(NAME, [names()], authority).pem_with_key, tmp_path) as host:
        message, _ = refused(host)
        assert "TLS: unable to get local issuer certificate; " in message


def test_certifi_s_cas_are_trusted_where_the_system_has_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, "/nowhere")
    assert len(certificates.trust(NAME).get_ca_certs()) > 100


@pytest.mark.fault("P08")
def test_an_expired_certificate(authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    until = NOW - datetime.timedelta(days=1)
    with served(issue(NAME, [names()], authority, until).pem_with_key, tmp_path) as host:
        trusted(host, authority.pem)
        message, hint = refused(host)
        assert "TLS: certificate has expired; " in message and f"expires {until:%Y-%m-%d %H:%M} UTC" in message
        assert hint == f"ask the administrator of {host} to renew its certificate"


@pytest.mark.fault("P08")
def test_a_certificate_for_another_name(
    authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    other = x509.SubjectAlternativeName([x509.DNSName("other.test")])
    with served(issue("other.test", [(other, False)], authority).pem_with_key, tmp_path) as host:
        trusted(host, authority.pem)
        message, hint = refused(host)
        assert f"TLS: Hostname mismatch, certificate is not valid for '{NAME}'; subject CN=other.test" in message
        assert hint == "the certificate is for other.test: REGISTRY=<one of them>"


@pytest.mark.fault("P43")
@pytest.mark.parametrize("shape", ACCEPTED)
def test_a_certificate_that_the_engine_accepts_is_accepted(
    shape: str, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    shown = ACCEPTED[shape](names())
    with served(shown.pem, tmp_path) as host:
        trusted(host, shown.trusted.pem)
        accepted(host)


@pytest.mark.fault("P43")
@pytest.mark.parametrize("shape", [*REFUSED, *STRICTER])
def test_a_certificate_that_is_refused_gets_its_reason(
    shape: str, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    make, said = {**REFUSED, **STRICTER}[shape]
    shown = make(names())
    with served(shown.pem, tmp_path) as host:
        trusted(host, shown.trusted.pem)
        message, hint = refused(host)
        assert said in f"{message}; {hint}"


@pytest.mark.fault("P43")
def test_a_token_server_is_trusted_as_its_registry_is(
    authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    """Docker asks it over the same transport, with the CA of the registry's host."""
    login = Credentials("ann", Secret("open-sesame"))
    pem = issue(NAME, [names()], authority).pem_with_key
    (tmp_path / "tokens").mkdir()
    with (
        served(pem, tmp_path / "tokens") as tokens,
        served(pem, tmp_path, realm=f"https://{tokens}/token") as host,
    ):
        trusted(host, authority.pem)
        registry = Registry(host, lambda host: login, policy=HASTE)
        assert registry.digest(Reference(host, "acme/x", "v1")) == ""


@pytest.mark.fault("P43")
def test_a_token_server_that_is_refused_is_the_one_named(
    authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    (tmp_path / "tokens").mkdir()
    unknown = issue(NAME, [names()], issue("another CA", [IS_CA])).pem_with_key
    with (
        served(unknown, tmp_path / "tokens") as tokens,
        served(issue(NAME, [names()], authority).pem_with_key, tmp_path, realm=f"https://{tokens}/token") as host,
    ):
        trusted(host, authority.pem)
        with pytest.raises(RegistryError) as caught:
            Registry(host, policy=HASTE).digest(Reference(host, "acme/x", "v1"))
        assert f"{tokens}: TLS: unable to get local issuer certificate; " in caught.value.message
        assert "issuer CN=another CA" in caught.value.message


@pytest.mark.fault("P43")
@pytest.mark.parametrize("text", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_named(
    text: bytes, authority: Holder, trusted: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    with served(issue(NAME, [names()], authority).pem_with_key, tmp_path) as host:
        file = trusted(host, text)
        assert refused(host)[1] == f"{file} holds no certificate in PEM form"
        file.with_name("good.crt").write_bytes(authority.pem)
        accepted(host)


def test_a_server_without_tls_is_refused(foreign: Callable[..., ForeignServer]) -> None:
    host = f"{NAME}:{foreign(200, HTML, PAGE).host.rpartition(':')[2]}"
    assert refused(host) == (
        f"{host}/acme/x:v1: TLS: the server at this address agreed on no protocol",
        f"curl -iv https://{host}/v2/",
    )
