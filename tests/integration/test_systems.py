"""Systems of containers: up, ps, logs, restart, down, with a real engine and docker compose."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable

import pytest

from tests.rig.outside import docker
from tests.rig.systems import RunningSystem, cart, free_port, other

pytestmark = pytest.mark.integration
System = Callable[[], RunningSystem]


def test_a_system_comes_up_is_shown_restarted_and_taken_down(system: System) -> None:
    till = system()
    port = free_port()
    till.write(
        {
            "cart": cart(
                till.shop,
                ports=[f"{port}:8080"],
                volumes=["kept:/kept"],
                depends_on={"init": {"condition": "service_completed_successfully"}},
            ),
            "init": other("echo prepared; exit 0"),
            "beside": other("echo beside; while :; do sleep 0.1; done"),
        },
        volumes={"kept": {}},
    )

    came = till.up().ok()
    lines = {line.split()[0]: line for line in came.stdout.splitlines() if line.strip()}
    assert lines["cart"].split()[1] == "healthy" and f"127.0.0.1:{port}" in lines["cart"]
    assert lines["beside"].split()[1] == "running" and lines["init"].split()[1] == "done"
    assert "cart  healthy" in came.stderr
    running = till.containers()
    assert running["cart"]["Image"] == till.shop.image_id(till.shop.reference("svc-cart"))

    # The image is named as planned, and as stale once its inputs have changed.
    shown = {row["service"]: row for row in till.shop.json("ps")["containers"]}
    assert (shown["cart"]["state"], shown["cart"]["planned"], shown["beside"]["planned"]) == (
        "healthy",
        "as planned",
        "",
    )
    assert shown["cart"]["memory"] > 0
    till.shop.write("apps/svc_cart/cart.txt", "another cart\n")
    assert {row["service"]: row["planned"] for row in till.shop.json("ps")["containers"]}["cart"] == "stale"

    # A second up builds the stale image, replaces its container alone, and keeps the port.
    till.up().ok()
    replaced = till.containers()
    assert replaced["cart"]["Image"] == till.shop.image_id(till.shop.reference("svc-cart"))
    assert replaced["cart"]["Id"] != running["cart"]["Id"] and replaced["beside"]["Id"] == running["beside"]["Id"]

    written = [json.loads(line) for line in till.shop.invoke("logs", "--json").ok().stdout.splitlines()]
    assert [line["at"] for line in written] == sorted(line["at"] for line in written)
    assert {(line["service"], line["text"]) for line in written} >= {("init", "prepared"), ("cart", "cart begins")}
    assert "prepared" not in till.shop.invoke("logs", "cart", "--tail", "1").ok().stdout

    started = replaced["cart"]["State"]["StartedAt"]
    till.shop.invoke("restart", "cart").ok()
    assert till.containers()["cart"]["State"]["StartedAt"] > started

    assert "its volumes stay" in till.shop.invoke("down").ok().stdout
    assert till.left() == [] and till.volumes() == {"kept"}
    till.shop.invoke("down", "--volumes").failed(2, "down till")
    assert till.volumes() == {"kept"}
    assert "_kept" in till.shop.invoke("down", "--volumes", "--yes").ok().stderr
    assert till.volumes() == set()


@pytest.mark.fault("Y26")
def test_a_port_that_the_engine_cannot_publish_gives_way(system: System) -> None:
    till = system()
    with socket.socket() as held:  # no list of listeners shows a port that is only bound
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        till.write({"beside": other(ports=[f"127.0.0.1:{port}:8080"])})
        till.fails(12, str(port), given=("--strict-ports",))
        came = till.up().ok()
        assert f"port {port} is held by another program" in came.stderr
        (binding,) = till.containers()["beside"]["NetworkSettings"]["Ports"]["8080/tcp"]
        assert int(binding["HostPort"]) > port
    till.down().ok()


@pytest.mark.fault("Y01")
def test_two_checkouts_run_side_by_side(system: System) -> None:
    one, two = system(), system()
    port = free_port()
    for till in (one, two):
        till.write({"beside": other(ports=[f"{port}:8080"])})
    one.up().ok()
    holder = one.containers()["beside"]["Name"].lstrip("/")
    two.up("--strict-ports").failed(3, "beside", str(port), holder)
    assert two.left() == []
    came = two.up().ok()
    assert holder in came.stderr
    (binding,) = two.containers()["beside"]["NetworkSettings"]["Ports"]["8080/tcp"][:1]
    assert int(binding["HostPort"]) > port
    # The second checkout keeps its port when the first one has gone.
    one.shop.invoke("down").ok()
    two.shop.invoke("down").ok()
    two.up().ok()
    assert two.containers()["beside"]["NetworkSettings"]["Ports"]["8080/tcp"][0] == binding
    two.shop.invoke("down").ok()


def test_the_file_that_runs_can_be_read_and_kept(system: System) -> None:
    till = system()
    till.write({"cart": cart(till.shop, environment={"TOKEN": "${SHOP_TOKEN:?the token}"})})
    token = "geheim-4711"
    environment = {"SHOP_TOKEN": token}
    shown = till.up("--dry-run", **environment).ok()
    assert "start_interval" in shown.stdout and till.left() == []
    again = till.up("--dry-run", **environment).ok()
    assert again.stdout == shown.stdout
    till.shop.invoke("build", "svc-cart").ok()
    kept = till.shop.root / "kept.yaml"
    till.up("--write", str(kept), **environment).ok()
    assert kept.stat().st_mode & 0o777 == 0o600 and till.left() == []
    docker("compose", "--file", str(kept), "up", "--wait", "--detach")
    assert till.containers()["cart"]["State"]["Health"]["Status"] == "healthy"


def test_a_watch_rebuilds_only_the_images_of_a_change(system: System) -> None:
    till = system()
    till.write({"cart": cart(till.shop), "beside": other()})
    with till.shop.start("watch", "till") as process:
        assert process.stderr
        shown = iter(process.stderr.readline, "")
        assert any("watching" in line for line in shown)
        before = till.containers()
        till.shop.write("apps/svc_cart/cart.txt", "a third cart\n")
        assert any("changed: apps/svc_cart/cart.txt" in line for line in shown)
        assert any("cart  healthy" in line for line in shown)
        after = till.containers()
        assert after["cart"]["Image"] != before["cart"]["Image"] and after["beside"]["Id"] == before["beside"]["Id"]

        # An error leaves the containers alone, and the next save is built.
        dockerfile = till.shop.root / "apps/svc_cart/Dockerfile"
        good = dockerfile.read_text()
        dockerfile.write_text(f"{good}RUN exit 7\n")
        assert any("error: build svc-cart" in line for line in shown)
        assert till.containers()["cart"]["Id"] == after["cart"]["Id"]
        dockerfile.write_text(f"{good}ENV MENDED=1\n")
        assert any("cart  healthy" in line for line in shown)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert set(till.containers()) == {"cart", "beside"}
