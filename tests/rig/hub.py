"""Docker Hub as the tests have it: ``registry-1.docker.io`` with TLS, whose tokens come from ``auth.docker.io``.

Both are containers in a network of their own, in which an engine finds them by these names. Processes outside
reach them through a proxy on loopback, and trust the CA of both by SSL_CERT_FILE, as the engine does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.rig.authorities import CA_NAME, IS_CA, issue, names
from tests.rig.engines import STORES, OwnEngine
from tests.rig.outside import LABEL, free_port, machine_docker, wait_until
from tests.rig.relay import pump

REGISTRY, TOKENS = "registry-1.docker.io", "auth.docker.io"
#: Under what docker keeps the login of Docker Hub.
KEY = "https://index.docker.io/v1/"
USER, PASSWORD, IDENTITY = "ann", "open-sesame", "ann-and-nobody-else"
_SERVICE = "registry.docker.io"
_STORED = "/var/lib/registry/docker/registry/v2/repositories"


@dataclass
class Hub:
    """``proxy`` leads to it from here; ``asked``: the hosts that were asked for there. ``authority``: its CA's file."""

    engine: OwnEngine
    registry: str
    tokens: str
    authority: Path
    proxy: str
    asked: list[str]

    @property
    def environment(self) -> dict[str, str]:
        """Of who works here."""
        return {
            "DOCKER_HOST": self.engine.address,
            "SSL_CERT_FILE": str(self.authority),
            "HTTPS_PROXY": self.proxy,
            "https_proxy": self.proxy,
        }

    def grants(self) -> list[list[str]]:
        """Return the requests to the token server so far: method, client, user, scopes."""
        return [line.split() for line in machine_docker("logs", self.tokens).splitlines() if line != "ready"]

    def close(self, *repositories: str) -> None:
        """Let no user push to repositories that match."""
        text = "".join(f"{one}\n" for one in repositories)
        machine_docker("exec", "-i", self.tokens, "sh", "-c", "cat > /srv/closed", stdin=text)

    def tags(self, repository: str) -> dict[str, str]:
        """Tag → the digest it stands for, as the registry keeps them."""
        script = f"cd {_STORED}/{repository}/_manifests/tags && grep -H . */current/link || true"
        lines = machine_docker("exec", self.registry, "sh", "-c", script).split()
        found = (line.partition(":") for line in lines)
        return {link.removesuffix("/current/link"): digest for link, _, digest in found}


@pytest.fixture
def hub(tmp_path: Path, engine_image: str, root_image: str, store: str) -> Iterator[Hub]:
    """Docker Hub, and an engine that keeps its images in the store which the session is about."""
    with contextlib.ExitStack() as opened:
        folder = tmp_path / "hub"
        folder.mkdir()
        _write_certificates(folder)
        network = f"t-hub-{secrets.token_hex(4)}"
        machine_docker("network", "create", "--label", LABEL, network)
        opened.callback(machine_docker, "network", "rm", network)
        tokens = _container(
            opened,
            _at(network, TOKENS),
            ["slipway-registry", "python", "/srv/token_server.py"],
            {
                Path(__file__).with_name("token_server.py"): "/srv/token_server.py",
                **{folder / name: f"/srv/{name}" for name in ("server.pem", "config.json")},
            },
        )
        settings = {
            "HTTP_ADDR": ":443",
            "HTTP_TLS_CERTIFICATE": "/srv/server.pem",
            "HTTP_TLS_KEY": "/srv/server.pem",
            "AUTH": "token",
            "AUTH_TOKEN_REALM": f"https://{TOKENS}/token",
            "AUTH_TOKEN_SERVICE": _SERVICE,
            "AUTH_TOKEN_ISSUER": TOKENS,
            "AUTH_TOKEN_ROOTCERTBUNDLE": "/srv/tokens.crt",
        }
        given = [word for name, value in settings.items() for word in ("--env", f"REGISTRY_{name}={value}")]
        files = {folder / name: f"/srv/{name}" for name in ("server.pem", "tokens.crt")}
        registry = _container(opened, [*_at(network, REGISTRY), *given], ["slipway-registry"], files)
        port = free_port()
        room = ["--mount", "type=volume,destination=/var/lib/docker", "--publish", f"127.0.0.1:{port}:2375"]
        where = ["--init", "--privileged", "--tmpfs", "/run", "--network", network, *room]
        trusting = ["--env", "SSL_CERT_FILE=/ca.crt"]
        words = [engine_image, *STORES[store]]
        inner = _container(opened, [*where, *trusting], words, {folder / "ca.crt": "/ca.crt"})
        engine = OwnEngine(f"tcp://127.0.0.1:{port}", inner)
        ways = {f"{name}:443": _published(container) for name, container in ((REGISTRY, registry), (TOKENS, tokens))}
        wait_until(lambda: machine_docker("logs", tokens) == "ready", "the token server")
        wait_until(lambda: all(_listens(way) for way in ways.values()), "the registry")
        engine.start()
        engine.load(root_image)
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        asked: list[str] = []
        threading.Thread(target=_connect, args=(listener, ways, asked), daemon=True).start()
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Hub(engine, registry, tokens, folder / "ca.crt", proxy, asked)


def _write_certificates(folder: Path) -> None:
    """TLS for both names by one authority, and the key with which tokens are signed."""
    authority = issue(CA_NAME, [IS_CA])
    (folder / "ca.crt").write_bytes(authority.pem)
    (folder / "server.pem").write_bytes(issue(REGISTRY, [names(REGISTRY, TOKENS)], authority).pem_with_key)
    key = rsa.generate_private_key(65537, 2048)
    signer, private = issue(TOKENS, key=key), key.private_numbers()
    (folder / "tokens.crt").write_bytes(signer.pem)
    config = {
        "pem": "server.pem",
        "issuer": TOKENS,
        "certificate": base64.b64encode(signer.certificate.public_bytes(Encoding.DER)).decode(),
        "modulus": str(private.public_numbers.n),
        "exponent": str(private.d),
        "users": {USER: PASSWORD},
        "identities": {IDENTITY: USER},
    }
    (folder / "config.json").write_text(json.dumps(config))
    for file in folder.iterdir():
        file.chmod(0o644)


def _at(network: str, name: str) -> list[str]:
    return ["--network", network, "--network-alias", name, "--publish", "127.0.0.1::443", "--user", "0"]


def _container(opened: contextlib.ExitStack, options: list[str], words: list[str], files: Mapping[Path, str]) -> str:
    container = machine_docker("create", "--label", LABEL, *options, *words)
    opened.callback(machine_docker, "rm", "--force", "--volumes", container)
    for file, target in files.items():
        machine_docker("cp", str(file), f"{container}:{target}")
    machine_docker("start", container)
    return container


def _published(container: str) -> tuple[str, int]:
    host, _, port = machine_docker("port", container, "443/tcp").splitlines()[0].rpartition(":")
    return host, int(port)


def _listens(way: tuple[str, int]) -> bool:
    try:
        socket.create_connection(way, timeout=2).close()
    except OSError:
        return False
    return True


def _connect(listener: socket.socket, ways: Mapping[str, tuple[str, int]], asked: list[str]) -> None:
    """A proxy that takes CONNECT (RFC 9110, 9.3.6) to the names of Docker Hub, and to nothing else."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_joined, args=(client, ways, asked), daemon=True).start()


def _joined(client: socket.socket, ways: Mapping[str, tuple[str, int]], asked: list[str]) -> None:
    with contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(4096)):
            head += data
        if not head:  # a connection that was opened ahead of a need, and closed
            client.close()
            return
        target = head.split(b" ")[1].decode()
        asked.append(target)
        if target not in ways:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        server = socket.create_connection(ways[target])
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        threading.Thread(target=pump, args=(server, client, None), daemon=True).start()
        pump(client, server, None)
