"""Real registries in containers of the tests' own."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from tests.rig.outside import LABEL, machine_docker, wait_until


@contextlib.contextmanager
def a_registry(environment: Mapping[str, str], files: Mapping[Path, str] | None = None) -> Iterator[tuple[str, str]]:
    """A registry container; its host:port and its id. ``files`` are copied in before it starts."""
    given = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    container = machine_docker("create", "--label", LABEL, "--publish", "127.0.0.1::5000", *given, "slipway-registry")
    try:
        for file, target in (files or {}).items():
            machine_docker("cp", str(file), f"{container}:{target}")
        machine_docker("start", container)
        host = machine_docker("port", container, "5000/tcp").splitlines()[0]
        wait_until(lambda: _answers(f"http://{host}/v2/"), f"registry at {host}")
        yield host, container
    finally:
        machine_docker("rm", "--force", "--volumes", container)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        # Those with accounts say 401, those with TLS 400.
        return error.code in (400, 401)
    except OSError:
        return False


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """host:port of the tests' own registry, gone at the end."""
    with a_registry({}) as (host, _):
        yield host


_ACCOUNTS = {
    "REGISTRY_AUTH": "htpasswd",
    "REGISTRY_AUTH_HTPASSWD_REALM": "tests",
    "REGISTRY_AUTH_HTPASSWD_PATH": "/etc/docker/htpasswd",
}


def _accounts(folder: Path, password: str) -> dict[Path, str]:
    """The accounts of a registry that lets in ``ann``: the file in ``folder``, and its place in the container."""
    accounts = folder / "htpasswd"
    accounts.write_bytes(b"ann:" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)) + b"\n")
    accounts.chmod(0o644)
    return {accounts: _ACCOUNTS["REGISTRY_AUTH_HTPASSWD_PATH"]}


@contextlib.contextmanager
def a_login_registry(folder: Path, password: str) -> Iterator[str]:
    """host:port of a registry that lets in only ``ann`` with ``password``; its accounts are kept in ``folder``."""
    with a_registry(_ACCOUNTS, _accounts(folder, password)) as (host, _):
        yield host


@dataclass(frozen=True)
class TlsRegistry:
    """A registry with TLS at an address that docker verifies: on loopback it would verify nothing.

    ``certificate`` is its own, and that of its CA.
    """

    address: str
    container: str
    certificate: Path


@contextlib.contextmanager
def a_tls_registry(folder: Path, password: str = "") -> Iterator[TlsRegistry]:
    """A registry with TLS in the engine's network; with a password it lets in only ``ann``."""
    network = machine_docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}")
    assert not network.startswith("127.")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = {"REGISTRY_HTTP_TLS_KEY": "/etc/docker/key.pem", "REGISTRY_HTTP_TLS_CERTIFICATE": "/etc/docker/cert.pem"}
    # The address is only known once the container runs: the certificate names all that the bridge may give.
    addresses = ",".join(f"IP:{network.rpartition('.')[0]}.{number}" for number in range(2, 255))
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=rig registry", "-addext", f"subjectAltName={addresses}"]
    command = ["openssl", "req", *words, *name, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    key.chmod(0o644)
    files = {key: "/etc/docker/key.pem", certificate: "/etc/docker/cert.pem"}
    login = (_ACCOUNTS, _accounts(folder, password)) if password else ({}, {})
    with a_registry({**made, **login[0]}, {**files, **login[1]}) as (_, container):
        address = machine_docker("inspect", container, "--format", "{{.NetworkSettings.IPAddress}}")
        yield TlsRegistry(f"{address}:5000", container, certificate)


@pytest.fixture
def login_registry(tmp_path: Path) -> Iterator[str]:
    """host:port of a registry that lets in only ``ann`` with the password ``open-sesame``."""
    with a_login_registry(tmp_path, "open-sesame") as host:
        yield host
