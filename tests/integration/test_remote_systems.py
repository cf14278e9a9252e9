"""Systems on a real second host: containers run there, and their ports are reached from here."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.rig.systems import RunningSystem, cart

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration


@pytest.fixture
def till(stack: Stack, build_host: BuildHost) -> Iterator[RunningSystem]:
    made = RunningSystem(stack("shop"))
    made.shop.configure(**build_host.settings)
    yield made
    everything = build_host.sh("docker ps -aq; docker volume ls -q; docker network ls -q --filter type=custom")
    assert everything == "", "left there"


def test_a_system_comes_up_on_the_build_host_and_is_reached_from_here(
    till: RunningSystem, build_host: BuildHost
) -> None:
    shop = till.shop
    till.write({"cart": cart(shop, ports=["8080"], volumes=["kept:/kept"])}, volumes={"kept": {}})
    with shop.start("up", "till", "--remote", "--forward") as process:
        assert process.stdout
        row = next(line for line in process.stdout if line.startswith("cart"))
        address, _, port = row.split()[4].rpartition(":")
        socket.create_connection((address.removeprefix("http://"), int(port)), 10).close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    [shown] = shop.json("ps", "--remote")["containers"]
    assert (shown["state"], shown["planned"]) == ("healthy", "as planned")
    assert "port" in shown["urls"][0] and till.containers() == {}
    assert "cart begins" in shop.invoke("logs", "--remote").ok().stdout
    assert build_host.sh("docker ps --quiet") != ""
    shop.invoke("down", "--remote", "--volumes", "--yes").ok()


def test_a_file_of_this_machine_is_refused_for_the_build_host(till: RunningSystem) -> None:
    till.write({"cart": cart(till.shop, volumes=["./near:/near"])})
    till.up("--remote").failed(2, "cart", "/near", "build host")
