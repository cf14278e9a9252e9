"""Systems of containers for tests: a sample repository with a compose file, of which nothing is left afterwards."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.rig.hosts import BuildHost
from tests.rig.outside import docker
from tests.rig.stacks import ROOT_IMAGE, Ran, Repository

#: An image of the stack that needs a moment until it is healthy, and ends on SIGTERM.
SERVES = "echo cart begins; sleep 0.3; : > /ready; trap 'exit 0' TERM; while :; do sleep 0.1; done"
PROBE = {"test": ["CMD", "test", "-f", "/ready"], "interval": "30s"}


@dataclass(frozen=True)
class RunningSystem:
    """A repository with the system ``till``; its services are what the test wrote."""

    shop: Repository

    def write(self, services: Mapping[str, Any], **others: Any) -> None:
        self.shop.write("infra/compose/till.yaml", json.dumps({"services": services, **others}))

    def up(self, *words: str, **environment: str) -> Ran:
        return self.shop.invoke("up", "till", *words, **environment)

    @property
    def project(self) -> str:
        return str(self.shop.json("up", "till", "--dry-run")["project"])

    def containers(self) -> dict[str, dict[str, Any]]:
        """Service → what ``inspect`` says of its container."""
        listed = docker("ps", "--all", "--quiet", "--filter", f"label=slipway.checkout={self.checkout}").split()
        found = json.loads(docker("inspect", *listed)) if listed else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    @property
    def checkout(self) -> str:
        from slipway.compose.running_file import checkout_name

        return checkout_name(str(self.shop.root.resolve()))

    def left(self) -> list[str]:
        """Containers, networks and volumes of the system."""
        label = f"label=com.docker.compose.project={self.checkout}-till"
        found = [
            docker(*words, "--quiet", "--filter", label)
            for words in (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        ]
        return [line for text in found for line in text.split()]


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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


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
def system(stack: Callable[..., Repository]) -> Iterator[Callable[[], RunningSystem]]:
    """Makes a repository with a system. Afterwards its containers, networks and volumes are removed."""
    made: list[RunningSystem] = []

    def make() -> RunningSystem:
        made.append(RunningSystem(stack("shop")))
        return made[-1]

    yield make
    for one in made:
        label = f"label=com.docker.compose.project={one.checkout}-till"
        for listed, remove in (
            (("ps", "--all"), ("rm", "--force", "--volumes")),
            (("network", "ls"), ("network", "rm")),
            (("volume", "ls"), ("volume", "rm")),
        ):
            if names := docker(*listed, "--quiet", "--filter", label).split():
                docker(*remove, *names)
