"""Read a container's use of memory and processors, and its addresses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from slipway.compose.containers import Found, Use, by_service, has_parts, use
from slipway.compose.kept_ports import keep_ports, read_ports
from slipway.compose.ports import choose
from slipway.compose.report import near_url, urls
from slipway.compose.system import Port
from slipway.compose.volumes import Volume, volumes_of

INSPECTED = {
    "Id": "abc",
    "Name": "/shop-1-cart-1",
    "Image": "sha256:aa",
    "RestartCount": 2,
    "Config": {"Labels": {"com.docker.compose.service": "cart", "slipway.image": "svc-cart"}},
    "HostConfig": {"RestartPolicy": {"Name": "always"}},
    "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, "Error": "", "StartedAt": "2026-11-26T10:00:00Z"},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8081"}], "81/tcp": None}},
}


def test_a_container_is_read_from_the_engines_answer() -> None:
    found = Found.of(INSPECTED)
    assert (found.name, found.service, found.image) == ("shop-1-cart-1", "cart", "sha256:aa")
    assert found.ports == {"80/tcp": ("0.0.0.0", 8081)}
    assert found.state.restarted and found.state.restarts == 2
    assert by_service([found]) == {"cart": [found]}


def test_a_port_for_all_addresses_is_reached_at_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.compose.report.speaks_http", lambda address, port: port == 8081)
    assert list(urls(Found.of(INSPECTED), near_url)) == ["http://127.0.0.1:8081"]
    monkeypatch.setattr("slipway.compose.report.speaks_http", lambda address, port: False)
    assert list(urls(Found.of(INSPECTED), near_url)) == ["127.0.0.1:8081"]


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({"memory_stats": {"usage": 300, "stats": {"inactive_file": 100}}}, Use(200, 0.0)),
        ({"memory_stats": {"usage": 300, "stats": {"total_inactive_file": 400}}}, Use(0, 0.0)),
        ({}, Use(0, 0.0)),
        (
            {
                "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
                "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            },
            Use(0, 0.4),
        ),
    ],
)
def test_use_is_computed_as_docker_stats_does(stats: dict[str, Any], expected: Use) -> None:
    assert use(stats) == expected


def test_the_chosen_ports_of_each_system_are_kept(tmp_path: Any) -> None:
    chosen = choose([Port("app", 80, 8080), Port("app", 81, 0)], {8080: "x"}, {}, strict=False)
    keep_ports(tmp_path, "shop", chosen)
    keep_ports(tmp_path, "other", choose([Port("app", 80, 9000)], {}, {}, strict=False))
    assert read_ports(tmp_path, "shop") == {"app 80/tcp": 8081}
    assert read_ports(tmp_path, "other") == {"app 80/tcp": 9000}
    assert read_ports(tmp_path / "nowhere", "shop") == {}


def test_volumes_have_the_sizes_that_the_engine_measures() -> None:
    api = SimpleNamespace(
        volumes=lambda filters: {"Volumes": [{"Name": "p_b"}, {"Name": "p_a"}]},
        df=lambda: {"Volumes": [{"Name": "p_a", "UsageData": {"Size": 12}}, {"Name": "z"}]},
    )
    assert volumes_of(SimpleNamespace(api=api), "p") == (Volume("p_a", 12), Volume("p_b", -1))


@pytest.mark.parametrize(("containers", "networks", "has"), [([], [], False), ([{}], [], True), ([], [{}], True)])
def test_a_project_has_parts_while_a_container_or_a_network_is_left(
    containers: list[Any], networks: list[Any], has: bool
) -> None:
    answers = {"containers": containers, "networks": networks}
    assert has_parts(lambda path: answers[path.partition("?")[0].split("/")[2]], "p") is has
