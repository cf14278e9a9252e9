"""Engines that are not at docker's default socket: behind TLS, by ssh, in a context; and ones that are not reached."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from tests.rig.authorities import CA_NAME, IS_CA, Holder, issue, names
from tests.rig.outside import docker
from tests.rig.relay import pump
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
TILL = """\
USER 10001:10001
HEALTHCHECK --interval=1s --start-interval=100ms --start-period=5s CMD test -f /floor.txt
CMD ["sleep", "infinity"]
"""


def certificates(folder: Path, authority: Holder, holder: Holder) -> Path:
    """As docker's client keeps them."""
    folder.mkdir()
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "cert.pem").write_bytes(holder.pem)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(holder.key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder


@dataclass(frozen=True)
class Front:
    """A port before the engine that wants a certificate of its clients."""

    port: int
    folder: Path
    authority: Holder

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"DOCKER_HOST": self.address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(self.folder)}


@pytest.fixture
def front(tmp_path: Path, engine_address: str) -> Iterator[Front]:
    authority = issue(CA_NAME, [IS_CA])
    folder = certificates(tmp_path / "certs", authority, issue("client", [], authority))
    pem = tmp_path / "server.pem"
    pem.write_bytes(issue("engine", [names("127.0.0.1")], authority).pem_with_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, engine_address), daemon=True).start()
        yield Front(int(listener.getsockname()[1]), folder, authority)


def _serve(listener: socket.socket, context: ssl.SSLContext, engine: str) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_join, args=(client, context, engine), daemon=True).start()


def _join(client: socket.socket, context: ssl.SSLContext, engine: str) -> None:
    try:
        wrapped = context.wrap_socket(client, server_side=True)
    except OSError:
        client.close()
        return
    way = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    way.connect(engine.removeprefix("unix://"))
    threading.Thread(target=pump, args=(way, wrapped), daemon=True).start()
    pump(wrapped, way)


def tested(shop: Repository) -> None:
    """The till can be tested."""
    file = shop.root / "apps/svc_till/Dockerfile"
    file.write_text(file.read_text() + TILL)


@SMOKE
@pytest.mark.fault("C60")
@pytest.mark.parametrize("way", ["environment", "context", "environment, not verified"])
def test_an_engine_behind_tls_builds_and_tests(stack: Stack, front: Front, tmp_path: Path, way: str) -> None:
    """buildx, the docker SDK and the smoke tests' own process all get there."""
    shop = stack("shop")
    tested(shop)
    around = dict(front.environment)
    if way == "context":
        around = {"DOCKER_CONFIG": str(tmp_path / "config"), "DOCKER_CONTEXT": "sure"}
        files = ",".join(f"{name}={front.folder}/{name}.pem" for name in ("ca", "cert", "key"))
        create = ["docker", "context", "create", "sure", "--docker", f"host={front.address},{files}"]
        subprocess.run(create, env=shop.environment(around | {"DOCKER_CONTEXT": ""}), check=True, capture_output=True)
    elif way != "environment":
        del around["DOCKER_TLS_VERIFY"]
        around["DOCKER_TLS"] = "1"
        other = issue("another CA", [IS_CA])
        (front.folder / "ca.pem").write_bytes(other.pem)
    shop.invoke("build", "svc-till", **around).ok()
    ran = shop.invoke("smoke", "svc-till", **around).ok()
    assert re.search(r"^svc-till +passed", ran.stdout, re.MULTILINE) and "Warning" not in ran.stderr


@pytest.mark.fault("C60", "C61")
def test_certificates_that_do_not_fit_are_refused(stack: Stack, front: Front, tmp_path: Path) -> None:
    shop = stack("shop")
    told = f"engine {front.address} (DOCKER_HOST): TLS: "

    def plan(**around: str) -> Ran:
        return shop.invoke("plan", **{**front.environment, **around})

    other = issue("another CA", [IS_CA])
    stranger = certificates(tmp_path / "stranger", front.authority, issue("stranger", [], other))
    plan(DOCKER_CERT_PATH=str(stranger)).failed(3, told, "client certificate", "DOCKER_CERT_PATH=")
    mistrusting = certificates(tmp_path / "mistrusting", other, issue("client", [], front.authority))
    plan(DOCKER_CERT_PATH=str(mistrusting)).failed(3, f"{told}self-signed certificate in certificate chain")
    for name in ("cert.pem", "key.pem"):
        (mistrusting / name).unlink()
    (mistrusting / "ca.pem").write_bytes(front.authority.pem)
    plan(DOCKER_CERT_PATH=str(mistrusting)).failed(3, told, "client certificate")
    (mistrusting / "ca.pem").write_text("none\n")
    plan(DOCKER_CERT_PATH=str(mistrusting)).failed(3, f"{mistrusting}/ca.pem (DOCKER_CERT_PATH): ")
    (mistrusting / "ca.pem").unlink()
    plan(DOCKER_CERT_PATH=str(mistrusting)).failed(3, f"{mistrusting}/ca.pem (DOCKER_CERT_PATH): no such file")
    del_verify = {"DOCKER_TLS_VERIFY": ""}
    plan(**del_verify).failed(3, f"engine {front.address} (DOCKER_HOST): ")


@pytest.fixture
def ssh_home(build_host: BuildHost, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """An environment whose ``ssh builder`` heeds these options, as OpenSSH's own configuration would say them.

    OpenSSH reads its configuration from the user's home by the password file, so a program of that name adds it.
    """

    def make(**options: str) -> dict[str, str]:
        config = build_host.options(f"by ssh {len(options)}", **options)
        folder = tmp_path / f"bin-{len(options)}"
        folder.mkdir(exist_ok=True)
        real = subprocess.run(["which", "ssh"], capture_output=True, text=True, check=True).stdout.strip()
        (folder / "ssh").write_text(f'#!/bin/sh\nexec {real} -F "{config}" "$@"\n')
        (folder / "ssh").chmod(0o755)
        path = subprocess.run(["printenv", "PATH"], capture_output=True, text=True, check=True).stdout.strip()
        return {"DOCKER_HOST": "ssh://builder", "PATH": f"{folder}:{path}"}

    return make


@pytest.mark.fault("S30")
def test_an_engine_by_ssh_builds(stack: Stack, build_host: BuildHost, ssh_home: Callable[..., dict[str, str]]) -> None:
    shop = stack("shop")
    build_host.load(shop.settings["PYTHON_IMAGE"])
    around = ssh_home()
    shop.invoke("build", "svc-till", **around).ok()
    assert "reuse" in shop.invoke("plan", "svc-till", **around).ok().stdout
    assert build_host.sh(f"docker run --rm {shop.reference('svc-till')} cat /shop/total.txt").split() == ["tea", "2"]
    assert shop.image_id(shop.reference("svc-till")) == "", "this machine's engine has it, too"


@pytest.mark.fault("S30")
@pytest.mark.parametrize(
    ("options", "code", "cause", "reason"),
    [
        (
            {"UserKnownHostsFile": "/dev/null"},
            4,
            "Host key verification failed",
            "ssh-host-key-unknown",
        ),
        ({"IdentityFile": "none"}, 4, "Permission denied (publickey", "ssh-login-refused"),
        ({"Port": "1"}, 4, "connect to host 127.0.0.1 port 1: Connection refused", "ssh-failed"),
        ({"HostName": "nobody.invalid"}, 4, "Could not resolve hostname nobody.invalid", "ssh-failed"),
        ({"User": "stranger"}, 3, "usermod -aG docker", "engine-permission-denied"),
    ],
)
def test_an_engine_by_ssh_that_is_not_reached(
    stack: Stack,
    build_host: BuildHost,
    ssh_home: Callable[..., dict[str, str]],
    options: dict[str, str],
    code: int,
    cause: str,
    reason: str,
) -> None:
    if options.get("User") == "stranger" and "stranger" not in build_host.sh("cat /etc/passwd"):
        build_host.add_user("stranger", groups="users")
    ran = stack("shop").invoke("plan", "--json", **ssh_home(**options))
    ran.failed(code, "error: engine ssh://builder (DOCKER_HOST): ", cause, "hint:  ")
    assert ran.codes == [reason]


@pytest.mark.fault("S30")
def test_a_key_that_is_locked_is_not_asked_for(
    stack: Stack, build_host: BuildHost, ssh_home: Callable[..., dict[str, str]]
) -> None:
    locked = build_host.folder / "locked"
    locked.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)], check=True)
    around = ssh_home(IdentityFile=str(locked))
    stack("shop").invoke("plan", **around).failed(4, "Permission denied (publickey", "ssh-add")


@pytest.mark.fault("C61")
def test_an_engine_that_cannot_be_used_is_named(stack: Stack, tmp_path: Path, relay: Callable[..., object]) -> None:
    shop = stack("shop")
    dead = f"unix://{tmp_path}/none.sock"
    ran = shop.invoke("plan", "--json", DOCKER_HOST=dead)
    assert ran.failed(3, f"error: engine {dead} (DOCKER_HOST): ", "unset DOCKER_HOST").codes == [
        "engine-socket-missing"
    ]
    ran = shop.invoke("plan", "--json", DOCKER_HOST="tcp://127.0.0.1:1")
    assert ran.failed(3, "error: engine tcp://127.0.0.1:1 (DOCKER_HOST): ").codes == ["engine-unreachable"]
    shop.invoke("plan", DOCKER_CONTEXT="gone").failed(3, "error: docker context gone: ")
    config = tmp_path / "config"
    docker("--config", str(config), "context", "create", "far", "--docker", "host=tcp://127.0.0.1:1")
    shop.invoke("plan", DOCKER_CONFIG=str(config), DOCKER_CONTEXT="far").failed(
        3, "engine tcp://127.0.0.1:1 (docker context far): ", "docker context inspect far"
    )
