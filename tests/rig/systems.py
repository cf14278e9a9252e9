"""Systems of containers for tests: a sample repository with a compose file, of which nothing is left afterwards."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.rig.hosts import BuildHost
from tests.rig.outside import LABEL, docker, machine_lock
from tests.rig.stacks import ROOT_IMAGE, Ran, Repository
from tests.rig.terminals import a_terminal

#: An image of the stack that needs a moment until it is healthy, and ends on SIGTERM.
SERVES = "echo cart begins; sleep 0.3; : > /ready; trap 'exit 0' TERM; while :; do sleep 0.1; done"
PROBE = {"test": ["CMD", "test", "-f", "/ready"], "interval": "30s"}
#: An image for another machine. Its program is one for no machine, so that no emulator starts it. No registry is there.
FOREIGN_IMAGE = "localhost:1/t-slipway-foreign:1"
_FOREIGN = "FROM scratch\nCOPY --chmod=755 <<END /program\nno program of any machine\nEND\n"
#: Lists of the engine, and the words that remove an entry.
CONTAINERS = (("ps", "--all"), ("rm", "--force", "--volumes"))
NETWORKS = (("network", "ls"), ("network", "rm"))
VOLUMES = (("volume", "ls"), ("volume", "rm"))


@dataclass(frozen=True)
class RunningSystem:
    """A repository with the system ``till``; its services are what the test wrote.

    ``engine``: the address of an engine of the test's own.
    """

    shop: Repository
    engine: str = field(default="", kw_only=True)

    def write(self, services: Mapping[str, Any], **others: Any) -> None:
        self.shop.write("infra/compose/till.yaml", json.dumps({"services": services, **others}))

    def up(self, *words: str, **environment: str) -> Ran:
        return self.shop.invoke("up", "till", *words, **self._environment, **environment)

    def down(self, *words: str) -> Ran:
        return self.shop.invoke("down", "till", *words, **self._environment)

    def fails(self, code: int, *words: str, given: tuple[str, ...] = ()) -> Ran:
        """Bring the system up in vain: the first line of the error holds ``words``, and only volumes are left."""
        before = self.volumes()
        ran = self.up("--json", *given).failed(code, *words)
        first = ran.closing.splitlines()[0]
        assert all(word in first for word in words), f"the first line does not name the cause:\n{ran.closing}"
        assert self.left() == [], f"left by {ran.closing}"
        assert before <= self.volumes(), "volumes are kept"
        return ran

    @contextmanager
    def coming_up(self, *words: str) -> Iterator[Coming]:
        """Start to bring the system up, to be interrupted or killed."""
        with self.shop.start("up", "till", *words, **self._environment) as process:
            yield Coming(process)

    @property
    def _environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.engine} if self.engine else {}

    @property
    def project(self) -> str:
        return str(self.shop.json("up", "till", "--dry-run", **self._environment)["project"])

    def containers(self) -> dict[str, dict[str, Any]]:
        """Service → what ``inspect`` says of its container."""
        listed = self._listed(*CONTAINERS[0])
        found = json.loads(self._docker("inspect", *listed)) if listed else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    @property
    def checkout(self) -> str:
        from slipway.compose.running_file import checkout_name

        return checkout_name(str(self.shop.root.resolve()))

    def left(self) -> list[str]:
        """Containers and networks of the system."""
        return [*self._listed(*CONTAINERS[0]), *self._listed(*NETWORKS[0])]

    def volumes(self) -> set[str]:
        """The names of the system's volumes, without that of the project."""
        return {name.removeprefix(f"{self.checkout}-till_") for name in self._listed(*VOLUMES[0])}

    def remove(self) -> None:
        """Remove containers, networks and volumes."""
        for listed, remove in (CONTAINERS, NETWORKS, VOLUMES):
            if names := self._listed(*listed):
                self._docker(*remove, *names)

    def _listed(self, *words: str) -> list[str]:
        label = f"label=com.docker.compose.project={self.checkout}-till"
        return self._docker(*words, "--quiet", "--filter", label).split()

    def _docker(self, *words: str) -> str:
        return docker(*(("--host", self.engine) if self.engine else ()), *words)


@dataclass(frozen=True)
class Coming:
    """An ``invoke up`` that runs."""

    process: subprocess.Popen[str]

    def shows(self, text: str) -> None:
        """Wait until it writes a line that holds ``text``."""
        assert self.process.stderr
        assert any(text in line for line in self.process.stderr), f"{text!r} was never shown"

    def ends(self, code: int, *signals: signal.Signals, within: float = 60.0) -> str:
        """Send signals; return the rest of stderr after the end with this exit code, ``within`` seconds."""
        for signum in signals:
            self.process.send_signal(signum)
        _, said = self.process.communicate(timeout=within)
        assert self.process.returncode == code and "Traceback" not in said, said
        return said


@dataclass(frozen=True)
class RemoteSystem(RunningSystem):
    """A repository with the system ``till``, whose containers run on ``host``."""

    host: BuildHost

    def there(self) -> dict[str, dict[str, Any]]:
        """Service → what ``inspect`` on the build host says of its container."""
        found = json.loads(self.host.sh('ids=$(docker ps --all --quiet); [ -z "$ids" ] || docker inspect $ids') or "[]")
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def copies(self) -> dict[str, str]:
        """Path of each file that the build host has for mounts → its mode and owner."""
        listed = self.host.sh(f"find {self.folder} -mindepth 2 -printf '%P %m %u\\n' 2>/dev/null || true")
        return dict(line.partition("/")[2].split(" ", 1) for line in listed.splitlines())

    @property
    def folder(self) -> str:
        return f"/var/tmp/slipway/builder/{self.shop.settings['OWNER']}-*/systems/{self.checkout}-till"

    def left_there(self) -> str:
        """Containers, volumes, networks and files of systems on the build host."""
        listed = "docker ps -aq; docker volume ls -q; docker network ls -q --filter type=custom"
        return self.host.sh(f"{listed}; ls -d /var/tmp/slipway/builder/*/systems/* 2>/dev/null || true")

    def clean(self) -> None:
        self.host.sh(
            "docker ps -aq | xargs -r docker rm --force --volumes; docker volume ls -q | xargs -r docker volume rm;"
            " docker network prune --force; rm -rf /var/tmp/slipway/builder/*/systems"
        )


def cart(shop: Repository, **more: Any) -> dict[str, Any]:
    """The service ``svc-cart`` of the shop, in a form that comes up."""
    image = "${REGISTRY}/${OWNER}/svc-cart:${VERSION}"
    return {"image": image, "command": ["sh", "-c", SERVES.replace("$", "$$")], "healthcheck": PROBE, **more}


def other(command: str = "while :; do sleep 0.1; done", **more: Any) -> dict[str, Any]:
    """A service whose image is not the stack's."""
    return {"image": ROOT_IMAGE, "command": ["sh", "-c", f"trap 'exit 0' TERM; {command}".replace("$", "$$")], **more}


def uses_a_shell(shop: Repository, *words: str) -> None:
    """Type in the shell that ``invoke`` opens with these words: its commands run, Ctrl-C is its own, and so is its end.

    The container's PS1 is ``ready> ``.
    """
    with a_terminal((sys.executable, "-m", "invoke", *words), shop.root, shop.environment({})) as terminal:
        terminal.sees("ready> ")
        # The child says it: it is in the foreground by then, and Ctrl-C reaches it.
        terminal.type("sh -c 'echo begun-$((3+3)); exec sleep 1000'\r")
        terminal.sees("begun-6")
        terminal.type("\x03")
        terminal.sees("ready> ")
        terminal.type("echo after-$((4+4))\r")
        terminal.sees("after-8")
        terminal.type("exit 7\r")
        assert terminal.ends() == 7


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def foreign_image(_engine_under_test: None) -> str:
    """Build the image for linux/arm64; its build is cached, so the tag stays."""
    build = ["buildx", "build", "--quiet", "--load", "--provenance=false", "--platform=linux/arm64", "--label", LABEL]
    with machine_lock("images"):
        docker(*build, "--tag", FOREIGN_IMAGE, "-", stdin=_FOREIGN)
    return FOREIGN_IMAGE


@pytest.fixture
def remote_system(stack: Callable[..., Repository], build_host: BuildHost) -> Iterator[RemoteSystem]:
    """A repository with a system that runs on the build host. Afterwards nothing of it may be left there."""
    made = RemoteSystem(stack("shop"), build_host)
    made.shop.configure(**build_host.settings)
    yield made
    left = made.left_there()
    made.clean()
    assert left == "", "left on the build host"


@pytest.fixture
def system(request: pytest.FixtureRequest, stack: Callable[..., Repository]) -> Iterator[Callable[..., RunningSystem]]:
    """Makes a repository with a system. Afterwards its containers, networks and volumes are removed.

    A test that shows a fault fails when it leaves a container or a network.
    """
    made: list[RunningSystem] = []

    def make(engine: str = "") -> RunningSystem:
        made.append(RunningSystem(stack("shop"), engine=engine))
        return made[-1]

    yield make
    left = {one.checkout: one.left() for one in made}
    for one in made:
        one.remove()
    if request.node.get_closest_marker("fault"):
        assert not any(left.values()), f"the fault left containers or networks: {left}"
