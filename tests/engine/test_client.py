"""The engine's client, against a server on loopback that answers as an engine does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from slipway.core.clock import Clock
from slipway.core.errors import PrerequisiteError, RefusedError, RegistryError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference
from slipway.engine import Credentials, Endpoint, Engine, FindLogin, address, anonymous
from slipway.engine.address import Tls, buildx_words, compose_words, context_name, endpoint
from slipway.engine.answers import inspected, listed, pushed_digest
from slipway.engine.connections import ssh_words
from slipway.engine.failures import unusable, unusable_over_ssh
from slipway.secrets.secret import Secret


class Answer(BaseHTTPRequestHandler):
    server_version = "Docker/28.5.2+dfsg4 (linux)"
    listed: object = ()

    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("/_ping") else json.dumps(self.listed).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def serve() -> Iterator[Callable[[int], str]]:
    """Starts an engine on a port (0: any); its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(port: int = 0) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"tcp://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_engine_says_its_version_with_every_answer(serve: Callable[..., str]) -> None:
    engine = Engine(serve())
    assert engine.version == "?"
    assert engine.images() == ()
    assert engine.version == "28.5.2"
    engine.client.close()


def test_an_engine_that_stays_away(free_port: int) -> None:
    engine = Engine(f"tcp://127.0.0.1:{free_port}")
    assert not engine.returns(0)
    with pytest.raises(PrerequisiteError, match=f"engine tcp://127.0.0.1:{free_port}: connection refused"):
        engine.images()
    engine.client.close()


def test_an_engine_that_comes_back(serve: Callable[..., str], free_port: int) -> None:
    """It is there at the third look."""
    looks: list[float] = []

    def look_away(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            serve(free_port)

    clock = Clock(now=lambda: sum(looks), sleep=look_away)
    assert Engine(f"tcp://127.0.0.1:{free_port}").returns(60, clock)
    assert looks == [0.5, 0.5]


FAR = "tcp://far.example:2375"


def context(config: Path, name: str, host: str, *files: str, **more: object) -> Path:
    """A context as ``docker context create`` keeps it; the folder of its certificates."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta, tls = config / f"contexts/meta/{key}", config / f"contexts/tls/{key}/docker"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host, **more}}}))
    for file in files:
        tls.mkdir(parents=True, exist_ok=True)
        (tls / file).touch()
    return tls


@pytest.mark.parametrize(
    ("host", "current", "in_use", "expected", "builder"),
    [
        ("", "", "", Endpoint(), "default"),
        ("", "", "default", Endpoint(), "default"),
        ("", "", "far", Endpoint(FAR, "docker context far"), "far"),
        ("", "default", "far", Endpoint(), "default"),
        ("", "far", "", Endpoint(FAR, "docker context far"), "far"),
        ("tcp://given:1", "far", "far", Endpoint("tcp://given:1", "DOCKER_HOST"), "default"),
        ("given", "", "", Endpoint("tcp://given:2375", "DOCKER_HOST"), "default"),
        ("tcp://[::1]", "", "", Endpoint("tcp://[::1]:2375", "DOCKER_HOST"), "default"),
        ("ssh://me@builder", "", "", Endpoint("ssh://me@builder", "DOCKER_HOST"), "default"),
    ],
)
def test_the_engine_is_where_dockers_client_finds_it(
    host: str, current: str, in_use: str, expected: Endpoint, builder: str, tmp_path: Path
) -> None:
    context(tmp_path, "far", FAR)
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": in_use}))
    assert endpoint({"DOCKER_HOST": host, "DOCKER_CONTEXT": current}, tmp_path) == expected
    assert context_name(host, current, tmp_path) == builder


@pytest.mark.fault("C60")
def test_certificates_are_those_of_the_environment_or_of_the_context(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (folder / file).touch()
    ca, cert, key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    given = {"DOCKER_HOST": "tcp://far.example:2376", "DOCKER_CERT_PATH": str(folder)}

    def tls(**variables: str) -> Tls | None:
        return endpoint({**given, **variables}, tmp_path).tls

    assert tls() is None
    assert tls(DOCKER_TLS_VERIFY="1") == Tls(ca, cert, key, True, "DOCKER_CERT_PATH")
    assert tls(DOCKER_TLS="1") == Tls(ca, cert, key, False, "DOCKER_CERT_PATH")
    assert tls(DOCKER_TLS_VERIFY="1", DOCKER_HOST="unix:///run/docker.sock") is None
    cert.unlink()
    assert tls(DOCKER_TLS_VERIFY="1") == Tls(ca, None, key, True, "DOCKER_CERT_PATH")
    alone = endpoint({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}, tmp_path)
    assert (alone.address, alone.source) == ("tcp://localhost:2376", "DOCKER_TLS")
    with pytest.raises(PrerequisiteError, match=r"ca\.pem \(DOCKER_TLS\): no such file"):
        endpoint({"DOCKER_TLS_VERIFY": "1"}, tmp_path)
    kept = context(tmp_path, "sure", "tcp://sure.example:2376", "ca.pem", "cert.pem", "key.pem")
    context(tmp_path, "lax", "tcp://lax.example:2376", SkipTLSVerify=True)
    sure, lax = (endpoint({"DOCKER_CONTEXT": name, "DOCKER_TLS_VERIFY": "1"}, tmp_path) for name in ("sure", "lax"))
    assert sure.tls == Tls(kept / "ca.pem", kept / "cert.pem", kept / "key.pem", True, "docker context sure")
    assert lax.tls == Tls(None, None, None, False, "docker context lax")


@pytest.mark.fault("C61")
@pytest.mark.parametrize("host", ["foo://x", "http://127.0.0.1:2375", "npipe:////./pipe/docker_engine"])
def test_an_unsupported_address_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(PrerequisiteError, match=r"\(DOCKER_HOST\): not unix://…, tcp://…, ssh://…"):
        endpoint({"DOCKER_HOST": host}, tmp_path)


@pytest.mark.fault("C61")
@pytest.mark.parametrize("way", ["socket", "SDK"])
def test_a_server_that_is_not_an_engine_is_refused(tmp_path: Path, way: str) -> None:
    """A registry answers 404."""
    with served(tmp_path, way, 404, b"404 page not found") as engine:
        for question in (engine.images, engine.platform):
            with pytest.raises(PrerequisiteError, match="no engine answers, but something else: it has no /"):
                question()


@pytest.mark.parametrize(
    ("where", "near"),
    [
        (Endpoint(), True),
        (Endpoint("tcp://127.0.0.1:2376"), True),
        (Endpoint("tcp://docker:2376"), False),
        (Endpoint("ssh://builder"), False),
        (Endpoint("unix:///tmp/s", host="builder"), False),
    ],
)
def test_ports_are_published_where_the_engine_is(where: Endpoint, near: bool) -> None:
    assert where.is_near == near


def test_a_missing_context_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="docker context near: not there"):
        endpoint({"DOCKER_CONTEXT": "near"}, tmp_path)


@pytest.mark.fault("S30")
@pytest.mark.parametrize(
    ("where", "login", "there"),
    [
        ("ssh://builder", "builder", "docker system dial-stdio"),
        ("ssh://me@builder:2222/", "-l me -p 2222 builder", "docker system dial-stdio"),
        ("ssh://me@[fd00::1]:22", "-l me -p 22 fd00::1", "docker system dial-stdio"),
        ("ssh://b/run/d.sock", "b", "docker --host unix:///run/d.sock system dial-stdio"),
    ],
)
def test_an_engine_by_ssh_is_asked_as_dockers_client_asks_it(where: str, login: str, there: str) -> None:
    first, second = ssh_words(Endpoint(where))
    assert first[:6] == ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-T")
    assert " ".join(word for word in first[6:] if word != "--") == login and first[-2] == "--"
    assert " ".join(second) == there


@pytest.mark.fault("S30")
@pytest.mark.parametrize("where", ["ssh://", "ssh://me:secret@builder", "ssh://-oProxyCommand=x", "ssh://-l@builder"])
def test_an_address_by_ssh_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(PrerequisiteError, match=r"not ssh://\[user@\]host\[:port\]"):
        ssh_words(Endpoint(where))


HOST_KEY = """\
@@@@@@@@@@@@@@@@@@@@@@
No ED25519 host key is known for builder and you have requested strict checking.
Host key verification failed.
"""
KEY_REFUSED = "me@builder: Permission denied (publickey)."


@pytest.mark.fault("S30")
@pytest.mark.parametrize(
    ("exit_code", "stderr", "code", "cause", "hint"),
    [
        (255, HOST_KEY, 4, "No ED25519 host key is known for builder", "ssh builder, and answer yes when"),
        (255, KEY_REFUSED, 4, "me@builder: Permission denied (publickey)", "ssh-add a locked key"),
        (
            255,
            "ssh: connect to host b port 1: Connection refused\n",
            4,
            "connect to host b port 1: Connection",
            "host answers",
        ),
        (127, "sh: 1: docker: not found\n", 3, "sh: 1: docker: not found", "docker's client on that host"),
        (
            1,
            "permission denied while trying to connect\n",
            3,
            "permission denied on the engine's",
            "usermod -aG docker",
        ),
        (1, "Cannot connect to the Docker daemon at unix:///x\n", 3, "Cannot connect", "ssh builder docker version"),
    ],
)
def test_a_failure_of_ssh_is_reported_in_its_own_words(
    exit_code: int, stderr: str, code: int, cause: str, hint: str
) -> None:
    error = unusable_over_ssh(Endpoint("ssh://builder", "DOCKER_HOST"), exit_code, stderr, "ssh builder")
    assert error.exit_code == code
    assert error.message.startswith(f"engine ssh://builder (DOCKER_HOST): {cause}")
    assert hint in error.hint


LOCAL, GIVEN = Endpoint(), Endpoint("tcp://far.example:2375", "DOCKER_HOST")
NAMED = Endpoint("tcp://far.example:2376", "docker context far", Tls(None, None, None, True, "docker context far"))


@pytest.mark.fault("C61")
@pytest.mark.parametrize(
    ("where", "error", "said", "hint"),
    [
        (LOCAL, FileNotFoundError(2, "No such file"), f"engine {LOCAL.address}: no such socket", "invoke setup"),
        (LOCAL, PermissionError(13, "Permission denied"), "permission denied", "usermod -aG docker"),
        (GIVEN, ConnectionRefusedError(111, "Connection refused"), "connection refused", "unset DOCKER_HOST"),
        (GIVEN, TimeoutError(), "no answer within 5 s", "unset DOCKER_HOST"),
        (GIVEN, socket.gaierror(-2, "x"), "its host's name is not known", "unset DOCKER_HOST"),
        (GIVEN, OSError("400 Client sent an HTTP request to an HTTPS server."), "it speaks TLS", "DOCKER_TLS_VERIFY=1"),
        (GIVEN, OSError("JSONDecodeError: <html>"), "no engine answers, but something else: JSON", "unset DOCKER_HOST"),
        (NAMED, ssl.SSLError(1, "[SSL: X] x"), "TLS: no agreement", "docker context update far --docker host="),
        (
            NAMED,
            ConnectionResetError(104, "reset"),
            "TLS: it closed the connection; it may need another",
            "docker context update far",
        ),
        (
            NAMED,
            ssl.SSLEOFError(8, "EOF occurred"),
            "TLS: it closed the connection; it may need another",
            "docker context update far",
        ),
        (
            GIVEN,
            ConnectionResetError(104, "reset"),
            "no engine answers: the connection was closed",
            "unset DOCKER_HOST",
        ),
        (Endpoint("unix:///tmp/s", host="me@builder"), OSError("x"), "engine of me@builder: no", "invoke remote-check"),
    ],
)
def test_an_error_names_the_address_its_source_and_the_cause(
    where: Endpoint, error: OSError, said: str, hint: str
) -> None:
    told = unusable(where, error, seconds=5)
    assert told.message.startswith(str(where)) and said in told.message
    assert hint in told.hint
    assert str(unusable(where, error, what="tag x").message).startswith(f"tag x: {where}: ")


@pytest.mark.parametrize("folder", ["extra", "config/cli-plugins"])
def test_a_plugin_is_run_where_dockers_cli_would_find_it(tmp_path: Path, folder: str) -> None:
    config, plugins = tmp_path / "config", tmp_path / folder
    (config / "cli-plugins").mkdir(parents=True)
    plugins.mkdir(exist_ok=True)
    for name in ("docker-buildx", "docker-compose"):
        (plugins / name).touch(0o755)
    (config / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(tmp_path / "extra")]}))
    assert buildx_words(config) == (str(plugins / "docker-buildx"),)
    assert compose_words(config) == (str(plugins / "docker-compose"),)


def test_a_plugin_that_is_nowhere_is_left_to_dockers_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_PLUGINS", ())
    (tmp_path / "cli-plugins").mkdir()
    (tmp_path / "cli-plugins/docker-buildx").touch(0o644)
    (tmp_path / "config.json").write_text('{"cliPluginsExtraDirs": "no list"}')
    assert buildx_words(tmp_path) == ("docker", "buildx")
    assert compose_words(tmp_path) == ("docker", "compose")


class Listing(Answer):
    """An engine on a socket, with one image."""

    body = json.dumps([{"Id": "sha256:1", "RepoTags": ["a.example/b:1"], "Labels": None}]).encode()
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def address_string(self) -> str:
        return "socket"


class OnSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def served(folder: Path, way: str, status: int, body: bytes) -> Iterator[Engine]:
    """An engine that gives every question this answer, over a socket or, for the SDK, over a port."""
    handler = type("Handler", (Listing,), {"status": status, "body": body})
    server: socketserver.BaseServer
    if way == "socket":
        server, address = OnSocket(str(folder / "engine.sock"), handler), f"unix://{folder}/engine.sock"
    else:
        port = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server, address = port, f"tcp://127.0.0.1:{port.server_address[1]}"
    with server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        engine = Engine(address)
        yield engine
        if way == "SDK":
            engine.client.close()
        server.shutdown()


@pytest.mark.parametrize(("status", "body"), [(200, Listing.body), (500, b"no"), (200, b"[{"), (200, b"<html>")])
def test_images_are_listed_over_the_socket(tmp_path: Path, status: int, body: bytes) -> None:
    with served(tmp_path, "socket", status, body) as engine:
        if (status, body) == (200, Listing.body):
            assert [(image.id, image.tags) for image in engine.images()] == [("sha256:1", ("a.example/b:1",))]
            assert engine.version == "28.5.2"
        else:
            with pytest.raises(PrerequisiteError, match="sock: no engine answers, but something else: "):
                engine.images()


def test_a_list_that_was_begun_ahead_is_used_once(tmp_path: Path) -> None:
    with served(tmp_path, "socket", 200, Listing.body) as engine:
        engine.list_ahead()
        engine.list_ahead()
        assert [image.tags for image in engine.images()] == [("a.example/b:1",)]
    with pytest.raises(PrerequisiteError, match="connection refused"):
        engine.images()


def test_a_list_that_was_begun_ahead_gives_its_error_when_it_is_needed(tmp_path: Path) -> None:
    engine = Engine(f"unix://{tmp_path}/none.sock")
    engine.list_ahead()
    with pytest.raises(PrerequisiteError, match=r"none\.sock: no such socket"):
        engine.images()


ATTRIBUTES = {
    "Id": "sha256:1",
    "RepoTags": ["a.example/b:1"],
    "Config": {"Labels": {"slipway.input": "sha256:2"}},
    "Size": 3,
    "Created": "2026-11-21T11:57:25.123456789Z",
    "Os": "linux",
    "Architecture": "arm64",
    "Variant": "v8",
}
INSPECTED = LocalImage("sha256:1", ("a.example/b:1",), (), {"slipway.input": "sha256:2"}, 3, 0, "linux/arm64/v8")


@pytest.mark.parametrize("way", ["socket", "SDK"])
@pytest.mark.parametrize(("status", "found"), [(200, INSPECTED), (404, None)])
def test_an_image_is_inspected(tmp_path: Path, way: str, status: int, found: LocalImage | None) -> None:
    body = ATTRIBUTES if found else {"message": "No such image: a.example/b:1"}
    with served(tmp_path, way, status, json.dumps(body).encode()) as engine:
        assert engine.inspect("a.example/b:1") == found
        assert engine.find("a.example/b:1") == (found.id if found else "")


def test_images_are_listed_by_their_full_names(tmp_path: Path) -> None:
    """An engine leaves out what Docker takes for granted of a name on Docker Hub."""
    said = {
        "Id": "sha256:1",
        "RepoTags": ["me/b:1", "python:3.12", "docker.io/x:1", "registry-1.docker.io/me/b:1", "<none>:<none>"],
        "RepoDigests": ["me/b@sha256:2", "[::1]:5000/b@sha256:2", "<none>@<none>"],
    }
    with served(tmp_path, "socket", 200, json.dumps([said]).encode()) as engine:
        (image,) = engine.images()
    assert image.tags == (
        "docker.io/me/b:1",
        "docker.io/library/python:3.12",
        "docker.io/library/x:1",
        "registry-1.docker.io/me/b:1",
    )
    assert image.digests == ("docker.io/me/b@sha256:2", "[::1]:5000/b@sha256:2")


PACKED, UNPACKED = 200, 217


def platform_manifest(digest: str, unpacked: int, kind: str = "image") -> dict[str, Any]:
    size = {"Content": PACKED, "Total": PACKED + unpacked}
    data = {"ImageData": {"Size": {"Unpacked": unpacked}}} if kind == "image" else {"AttestationData": {"For": "x"}}
    return {"ID": digest, "Available": True, "Size": size, "Kind": kind, **data}


@pytest.mark.parametrize(
    ("manifests", "size"),
    [
        ([platform_manifest("sha256:1", UNPACKED)], UNPACKED),
        ([platform_manifest("sha256:2", UNPACKED), platform_manifest("sha256:3", 3)], UNPACKED),
        ([platform_manifest("sha256:2", UNPACKED), platform_manifest("sha256:3", 0, "attestation")], UNPACKED),
        (None, 0),
    ],
    ids=["one platform", "two platforms", "an attestation", "an engine that does not tell"],
)
def test_an_image_of_containerd_s_store_has_one_size(manifests: list[object] | None, size: int) -> None:
    """Its ``Size`` is another one when it is listed and when it is inspected."""
    said = {"Id": "sha256:1", "RepoDigests": ["a.example/b@sha256:1"], "Manifests": manifests}
    assert listed({**said, "Size": PACKED + UNPACKED}).size == size
    assert inspected({**said, "Size": PACKED, "Os": "linux", "Architecture": "amd64"}).size == size


def test_containerd_s_store_reports_the_platforms_that_it_has() -> None:
    manifests = [platform_manifest("sha256:2", UNPACKED), platform_manifest("sha256:3", 0)]
    for each, architecture, here in zip(manifests, ("amd64", "arm64"), (True, False), strict=True):
        each["ImageData"]["Platform"] = {"os": "linux", "architecture": architecture}
        each["Available"] = here
    image = listed({"Id": "sha256:1", "Manifests": [*manifests, platform_manifest("sha256:4", 0, "attestation")]})
    assert (image.platforms, image.elsewhere) == (("linux/amd64",), ("linux/arm64",))
    assert image.missing(["linux/amd64", "linux/arm64"]) == ("linux/arm64",)
    assert image.missing(["linux/arm64"]) == (), "an image of one platform is not an index"


def test_the_classic_store_s_size_is_that_of_the_unpacked_layers() -> None:
    said = {"Id": "sha256:1", "RepoDigests": ["a.example/b@sha256:2"], "Size": UNPACKED}
    assert listed(said).size == inspected(said).size == UNPACKED


DIGEST = f"sha256:{'5' * 64}"


@pytest.mark.fault("P44")
@pytest.mark.parametrize(
    ("event", "digest"),
    [
        ({"status": f"v1: digest: {DIGEST} size: 1468"}, DIGEST),
        ({"progressDetail": {}, "aux": {"Tag": "v1", "Digest": DIGEST, "Size": 1468}}, DIGEST),
        ({"status": "Pushed", "progressDetail": {}, "id": "6a3a7699354c"}, ""),
        ({"status": "v1: digest: sha256:55 size: 1"}, ""),
        ({"aux": {"manifestPushedInsteadOfIndex": True, "originalIndex": {"digest": DIGEST}}}, ""),
    ],
)
def test_an_event_of_a_push_gives_the_digest(event: dict[str, object], digest: str) -> None:
    """The classic store tells it twice, containerd's in the last line alone."""
    assert pushed_digest(event) == digest


def test_a_missing_socket_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"none\.sock: no such socket"):
        Engine(f"unix://{tmp_path}/none.sock").images()


class Transfers(Answer):
    """An engine whose pulls and pushes end with ``event``; ``logins`` holds those that came with them."""

    event: ClassVar[Mapping[str, object]] = {}
    logins: ClassVar[list[object]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.logins.append(json.loads(base64.urlsafe_b64decode(self.headers["X-Registry-Auth"])))
        status, body = (404, {"message": self.event["denied"]}) if "denied" in self.event else (200, self.event)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


DONE = {"aux": {"Digest": "sha256:1"}}
DENIED = {"error": "denied: requested access to the resource is denied"}
UNTOLD = RefusedError("login to docker.io: docker-credential-odd failed", hint="docker-credential-odd get")
ANN = Credentials("ann", Secret("open-sesame"))


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[object]]]:
    """Pulls and pushes an image with an engine that ends both with an event; the logins that came with them."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Transfers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def do(event: Mapping[str, object], logins: FindLogin, task: str, registry: str = "docker.io") -> list[object]:
        monkeypatch.setattr(Transfers, "event", event)
        monkeypatch.setattr(Transfers, "logins", [])
        engine = Engine(f"tcp://127.0.0.1:{server.server_address[1]}", logins=logins)
        with contextlib.closing(engine.client):
            getattr(engine, task)(Reference(registry, "me/x", "1"))
        return Transfers.logins

    yield do
    server.shutdown()
    server.server_close()


def untold(registry: str) -> None:
    raise UNTOLD


@pytest.mark.fault("P33")
@pytest.mark.parametrize("task", ["pull", "push"])
@pytest.mark.parametrize(
    ("found", "sent"),
    [
        (ANN, {"username": "ann", "password": "open-sesame"}),
        (Credentials(identity_token=Secret("t")), {"identitytoken": "t"}),
        (None, {"username": "", "password": ""}),
    ],
)
def test_a_login_travels_with_a_transfer(
    transfer: Callable[..., list[object]], task: str, found: Credentials | None, sent: object
) -> None:
    assert transfer(DONE, {"docker.io": found}.__getitem__, task) == [sent]


@pytest.mark.fault("P35")
@pytest.mark.parametrize("task", ["pull", "push"])
@pytest.mark.parametrize(
    ("event", "told"),
    [
        (DONE, None),
        (DENIED, UNTOLD.message),
        ({"denied": "pull access denied for me/x, may require 'docker login'"}, UNTOLD.message),
        ({"error": "manifest invalid"}, "manifest invalid"),
    ],
)
def test_a_helper_that_fails_counts_once_a_login_is_wanted(
    transfer: Callable[..., list[object]], task: str, event: Mapping[str, object], told: str | None
) -> None:
    with pytest.raises(RegistryError, match=told) if told else contextlib.nullcontext():
        assert transfer(event, untold, task) == [{"username": "", "password": ""}]


@pytest.mark.parametrize(
    ("registry", "event", "hint"),
    [
        ("docker.io", DENIED, "docker login docker.io"),
        ("reg.example:5000", DENIED, "docker login reg.example:5000"),
        ("docker.io", {"error": "x509: unknown authority"}, "its CA into the system's store, on the engine's machine"),
        (
            "reg.example:5000",
            {"error": "x509: unknown authority"},
            "its CA into /etc/docker/certs.d/reg.example:5000/ca.crt, on the engine's machine",
        ),
    ],
)
def test_the_hint_names_the_registry(
    transfer: Callable[..., list[object]], registry: str, event: Mapping[str, object], hint: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        transfer(event, anonymous, "push", registry)
    assert caught.value.hint == hint


def test_the_machine_behind_a_socket_is_this_one() -> None:
    memory, cores = Engine().capacity()
    assert cores == os.cpu_count() and memory > 2**28


def test_a_machine_elsewhere_is_asked(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answer, "listed", {"MemTotal": 5, "NCPU": 3})
    engine = Engine(serve())
    assert engine.capacity() == (5, 3)
    engine.client.close()
