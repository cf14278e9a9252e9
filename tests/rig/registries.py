"""Real registries in containers of the tests' own."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
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


@contextlib.contextmanager
def a_login_registry(folder: Path, password: str) -> Iterator[str]:
    """host:port of a registry that lets in only ``ann`` with ``password``; its accounts are kept in ``folder``."""
    accounts = folder / "htpasswd"
    accounts.write_bytes(b"ann:" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)) + b"\n")
    accounts.chmod(0o644)
    asked = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "tests",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/etc/docker/htpasswd",
    }
    with a_registry(asked, {accounts: "/etc/docker/htpasswd"}) as (host, _):
        yield host


@pytest.fixture
def login_registry(tmp_path: Path) -> Iterator[str]:
    """host:port of a registry that lets in only ``ann`` with the password ``open-sesame``."""
    with a_login_registry(tmp_path, "open-sesame") as host:
        yield host
