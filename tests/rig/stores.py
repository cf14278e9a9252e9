"""The image store that a test session is about: the one of the machine's engine, or another.

``pytest --store containerd`` runs any tests against an engine with that store; ``--store both`` runs tests that are
marked ``both_stores`` twice. Where the machine's engine has another store than asked for, one of the tests' own runs in
a container, and DOCKER_HOST names it. Registries, relays and proxies of the tests listen on this
machine's loopback; so connections to that engine's own loopback are led here, and ``127.0.0.1:5000`` means the same to
slipway and to that engine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.config.settings import load
from tests.rig.engines import STORES, an_engine, make_engine_image, store_of
from tests.rig.outside import MACHINE_ENGINE, docker, machine_docker, machine_environment
from tests.rig.stacks import ROOT, make_root_image

if TYPE_CHECKING:
    from tests.rig.engines import OwnEngine

#: Runs in the engine's network namespace: takes what is redirected to it, and asks the machine for the same port.
_LEAD = """\
import socket, struct, sys, threading
gateway, port, word = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
            try:
                end.shutdown(how)
            except OSError:
                pass
def lead(client):
    with client, socket.create_connection((gateway, port)) as machine:
        wanted = struct.unpack('!2xH', client.getsockopt(socket.SOL_IP, 80, 16)[:4])[0]
        machine.sendall(f'{word} {wanted}\\n'.encode())
        back = threading.Thread(target=copy, args=(machine, client))
        back.start()
        copy(client, machine)
        back.join()
listener = socket.create_server(('127.0.0.1', 1))
while True:
    threading.Thread(target=lead, args=(listener.accept()[0],), daemon=True).start()
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    told = (
        "the image store of the engine to test against: the machine's own, one of the two, the one it has not, or both"
    )
    stores = ["machine", "classic", "containerd", "other", "both"]
    parser.addoption("--store", choices=stores, default="machine", help=told)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let one worker run the tests against the other store: it starts the engine once."""
    if metafunc.config.getoption("--store") == "both" and metafunc.definition.get_closest_marker("both_stores"):
        other = pytest.param("other", id="other store", marks=pytest.mark.xdist_group("other store"))
        machine = pytest.param(None, id="machine's store")
        metafunc.parametrize("_engine_under_test", [machine, other], indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _engine_under_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """DOCKER_HOST names an engine with the store that was asked for, where the machine's has another."""
    asked = getattr(request, "param", None) or request.config.getoption("--store")
    if asked in ("machine", "both") or asked == (store := store_of(machine_docker)):
        yield
        return
    with engine_with(asked if asked in STORES else "classic" if store == "containerd" else "containerd"):
        yield


@contextmanager
def engine_with(store: str) -> Iterator[OwnEngine]:
    """While this holds, DOCKER_HOST names an engine of the tests' own with this image store."""
    make_root_image()
    with (
        tempfile.TemporaryDirectory(prefix="slipway-store-") as folder,
        an_engine(make_engine_image(), *STORES[store], socket_in=Path(folder)) as engine,
        loopback_of(engine),
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv(MACHINE_ENGINE, os.environ.get("DOCKER_HOST", ""))
        environment.setenv("DOCKER_HOST", engine.address)
        yield engine


@pytest.fixture(scope="session")
def python_image(_engine_under_test: None) -> str:
    """PYTHON_IMAGE, in the engine that the tests are about: copied from the machine's, where it is not there."""
    name = load(ROOT)["PYTHON_IMAGE"]
    if not docker("image", "inspect", "--format", "{{.Id}}", name, check=False):
        save = ["docker", "save", name]
        with subprocess.Popen(save, stdout=subprocess.PIPE, env=machine_environment()) as saved:
            subprocess.run(
                ["docker", "load", "--quiet"], stdin=saved.stdout, capture_output=True, check=True, timeout=120
            )
    return name


@contextmanager
def loopback_of(engine: OwnEngine) -> Iterator[None]:
    """While this holds, the engine's connections to its loopback reach this machine's loopback."""
    form = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    gateway, word = machine_docker("inspect", "--format", form, engine.container), secrets.token_hex(8)
    with socket.create_server((gateway, 0)) as listener:
        threading.Thread(target=_serve, args=(listener, word), daemon=True).start()
        port = str(listener.getsockname()[1])
        machine_docker("exec", "--detach", engine.container, "python3", "-c", _LEAD, gateway, port, word)
        rule = "--table nat --append OUTPUT --protocol tcp --destination 127.0.0.1 --jump REDIRECT --to-ports 1"
        machine_docker("exec", engine.container, "iptables", *rule.split())
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, word: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=_pass_on, args=(listener.accept()[0], word), daemon=True).start()


def _pass_on(client: socket.socket, word: str) -> None:
    """``client`` sends the word and a port first; without them its connection is closed."""
    with client, contextlib.suppress(OSError):
        said = b""
        while not said.endswith(b"\n") and (byte := client.recv(1)):
            said += byte
        told, _, port = said.decode("ascii", "replace").strip().partition(" ")
        if told != word:
            return
        with socket.create_connection(("127.0.0.1", int(port))) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
