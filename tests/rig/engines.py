"""Engines of the tests' own, to be killed, restarted, paused and filled."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipway.config.environment import surroundings
from slipway.config.pip import read_pip_config
from slipway.config.settings import load
from tests.rig.outside import LABEL, docker, free_port, machine_docker, machine_environment, machine_lock, wait_until
from tests.rig.stacks import ROOT, ROOT_IMAGE

ENGINE_IMAGE = "slipway-engine"
#: An engine's image stores: name → the flags that choose it. Engines before 28 have no flag --feature.
STORES = {
    "classic": ("--config-file", "/etc/docker/classic.json"),
    "containerd": ("--config-file", "/etc/docker/containerd.json"),
}
_DISK = "/var/lib/docker"
_BALLAST = f"{_DISK}/ballast"


@dataclass(frozen=True)
class OwnEngine:
    """An engine in a container: ``address`` is what DOCKER_HOST is set to; it stays when the engine is restarted."""

    address: str
    container: str

    def connection(self) -> socket.socket:
        """A new connection to the engine's API."""
        kind, _, where = self.address.partition("://")
        if kind == "unix":
            made = socket.socket(socket.AF_UNIX)
            made.connect(where)
            return made
        return socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2])))

    def docker(self, *argv: str, check: bool = True) -> str:
        """docker's CLI against this engine."""
        return docker("--host", self.address, *argv, check=check)

    def client_error(self, *argv: str) -> str:
        """Return the stderr of docker's CLI when it fails."""
        argv = ("docker", "--host", self.address, *argv)
        failed = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert failed.returncode != 0, failed.stdout
        return failed.stderr

    def start(self) -> None:
        machine_docker("start", self.container)
        wait_until(lambda: answers(self.address), "the engine's answer")

    def kill(self) -> None:
        """SIGKILL, as a crash: what was built stays on its disk."""
        machine_docker("kill", self.container)

    def pause(self) -> None:
        """A black hole: connections stay, nothing is answered."""
        machine_docker("pause", self.container)

    def resume(self) -> None:
        machine_docker("unpause", self.container)

    def load(self, image: str) -> None:
        """Copy an image of the outer engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE, env=machine_environment()) as saved:
            argv = ["docker", "--host", self.address, "load", "--quiet"]
            subprocess.run(argv, stdin=saved.stdout, capture_output=True, check=True, timeout=120)

    def fill(self) -> None:
        """Leave no byte free on the engine's disk."""
        machine_docker("exec", self.container, "dd", "if=/dev/zero", f"of={_BALLAST}", "bs=64k", check=False)
        assert self.free() == 0

    def make_room(self) -> None:
        machine_docker("exec", self.container, "rm", _BALLAST)

    def free(self) -> int:
        """Bytes free on the engine's disk."""
        return int(machine_docker("exec", self.container, "df", "--block-size=1", "--output=avail", _DISK).split()[-1])


def answers(address: str) -> bool:
    """Tell whether an engine answers at ``address``, without a process for each question."""
    import docker as sdk  # slow to import, and only integration tests use it

    try:
        with contextlib.closing(sdk.DockerClient(address)) as client:
            return bool(client.ping())
    except (OSError, sdk.errors.DockerException):
        return False


def make_engine_image() -> str:
    """The rig's engine as an image, built from infra/rig; its build is cached, so the tag stays."""
    make_image(ENGINE_IMAGE, "engine.Dockerfile")
    return ENGINE_IMAGE


def store_of(cli: Callable[..., str]) -> str:
    """The image store of the engine that ``cli`` asks."""
    status = cli("info", "--format", "{{json .DriverStatus}}")
    return "containerd" if "io.containerd.snapshotter" in status else "classic"


@pytest.fixture(scope="session")
def store(_engine_under_test: None) -> str:
    """The image store of the engine that the tests are about."""
    return store_of(docker)


def make_image(name: str, dockerfile: str, argument: str = "") -> None:
    """An image of infra/rig, whose packages come from where this machine's do."""
    load_it = ["--load", "--tag", name, "--label", LABEL]
    with machine_lock("images"):
        machine_docker(*rig_build(dockerfile, argument), *load_it, str(ROOT / "infra/rig"), timeout=900)


def rig_build(dockerfile: str, argument: str = "") -> list[str]:
    """The words that build a Dockerfile of infra/rig, on the root image of the bases or with another argument."""
    bundle = load(ROOT)["CA_BUNDLE"] or read_pip_config(surroundings().pip, Path(sys.prefix), Path.home()).cert
    secret = ["--secret", f"id=ca,src={bundle}"] if bundle else []
    root = argument or f"ROOT_IMAGE={load(ROOT)['PYTHON_IMAGE']}"
    build = ["buildx", "build", "--quiet", "--provenance=false", "--file", str(ROOT / "infra/rig" / dockerfile)]
    return [*build, "--build-arg", root, *secret]


@pytest.fixture(scope="session")
def engine_image() -> str:
    return make_engine_image()


@contextlib.contextmanager
def an_engine(image: str, *flags: str, disk: int = 0, socket_in: Path | None = None) -> Iterator[OwnEngine]:
    """An engine of the tests' own that runs while this holds, with the tiny root image.

    ``disk`` bytes instead of a volume make its disk a small one in memory, lost when the engine ends. ``socket_in``: it
    listens on ``docker.sock`` in this folder, as an engine of this machine does.
    """
    room = f"type=tmpfs,destination={_DISK},tmpfs-size={disk}" if disk else f"type=volume,destination={_DISK}"
    port = free_port()
    address = f"unix://{socket_in}/docker.sock" if socket_in else f"tcp://127.0.0.1:{port}"
    where = ["--init", "--privileged", "--tmpfs", "/run", "--mount", room, "--publish", f"127.0.0.1:{port}:2375"]
    where += ["--volume", f"{socket_in}:{socket_in}"] if socket_in else []
    listening = ["--host", address] if socket_in else []
    container = machine_docker("create", "--label", LABEL, *where, image, *listening, *flags)
    try:
        engine = OwnEngine(address, container)
        engine.start()
        engine.load(ROOT_IMAGE)
        yield engine
    finally:
        machine_docker("rm", "--force", "--volumes", container)


@pytest.fixture
def own_engine(engine_image: str, root_image: str) -> Iterator[Callable[..., OwnEngine]]:
    """Starts engines that end with the test: ``own_engine()``, ``own_engine("--bridge=none")``; see ``an_engine``."""
    with contextlib.ExitStack() as running:

        def make(*flags: str, disk: int = 0) -> OwnEngine:
            return running.enter_context(an_engine(engine_image, *flags, disk=disk))

        yield make
