"""A BuildKit of the tests' own behind buildx's ``remote`` driver, as a team has one in a cluster.

It is the BuildKit inside an engine of the tests' own, which offers it at ``/grpc`` to a client that asks for the
upgrade; a relay asks, so that buildx finds a plain gRPC port.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.engines import STORES
from tests.rig.outside import docker

if TYPE_CHECKING:
    from tests.rig.engines import OwnEngine

_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Builder:
    """``name`` is known to buildx where ``BUILDX_CONFIG`` is ``config``; ``asked`` counts its connections."""

    name: str
    config: str
    engine: OwnEngine
    asked: int = 0


@pytest.fixture
def builder(own_engine: Callable[..., OwnEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    with a_builder(own_engine(*STORES["containerd"]), str(tmp_path / "buildx")) as made:
        yield made


@contextlib.contextmanager
def a_builder(engine: OwnEngine, config: str) -> Iterator[Builder]:
    """The BuildKit of ``engine`` as a builder of its own, where ``BUILDX_CONFIG`` is ``config``."""
    made = Builder(f"team-{secrets.token_hex(3)}", config, engine)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, made), daemon=True).start()
        where = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        docker("buildx", "create", "--name", made.name, "--driver", "remote", where)
        yield made
        docker("buildx", "rm", made.name)
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, builder: Builder) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            builder.asked += 1
            threading.Thread(target=_join, args=(client, builder.engine), daemon=True).start()


def _join(client: socket.socket, to: OwnEngine) -> None:
    with client, to.connection() as engine, contextlib.suppress(OSError):
        engine.sendall(_UPGRADE)
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            said += engine.recv(1)
        threading.Thread(target=_pass, args=(client, engine), daemon=True).start()
        _pass(engine, client)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
