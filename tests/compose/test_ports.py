"""Choose ports: the kept one, else the published one, else the next free one."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.compose.ports import choose, refused, taken
from slipway.compose.system import Port
from slipway.core.errors import PrerequisiteError

APP, REDIS = Port("app", 4000, 4000), Port("redis", 6379, 6379)


def numbers(ports: list[Port], held: dict[int, str], kept: dict[str, int] | None = None) -> list[int]:
    return [one.port.published for one in choose(ports, held, kept or {}, strict=False)]


def test_a_free_port_is_taken_as_published() -> None:
    assert numbers([APP, REDIS], {}) == [4000, 6379]


def test_a_taken_port_gives_way_to_the_next_free_one_and_names_its_holder() -> None:
    (one,) = choose([APP], {4000: "the container x", 4001: "a program"}, {}, strict=False)
    assert (one.port.published, one.instead_of, one.holder) == (4002, 4000, "the container x")


def test_two_services_never_get_one_port() -> None:
    assert numbers([APP, Port("other", 80, 4000)], {}) == [4000, 4001]


def test_a_checkout_keeps_its_port_even_if_the_published_one_is_free_again() -> None:
    assert numbers([APP], {}, {"app 4000/tcp": 4007}) == [4007]
    assert numbers([APP], {4007: "x"}, {"app 4000/tcp": 4007}) == [4000]
    (one,) = choose([APP], {4000: "x"}, {"app 4000/tcp": 4007}, strict=False)
    assert (one.port.published, one.instead_of, one.holder) == (4007, 0, "")


def test_a_port_that_the_file_leaves_to_the_engine_stays_open() -> None:
    assert numbers([Port("app", 80, 0)], {}) == [0]


def test_strict_ports_refuse_a_taken_port_with_every_holder() -> None:
    with pytest.raises(PrerequisiteError) as caught:
        choose([APP, REDIS], {4000: "the container x", 6379: "the container y"}, {"app 4000/tcp": 5000}, strict=True)
    assert [problem.where for problem in caught.value.problems] == ["app", "redis"]
    assert {problem.code for problem in caught.value.problems} == {"port-taken"}
    assert "the container x" in caught.value.message


def container(name: str, project: str, port: int) -> dict[str, Any]:
    labels = {"com.docker.compose.project": project} if project else {}
    return {"Names": [f"/{name}"], "Labels": labels, "Ports": [{"PublicPort": port}, {"PrivatePort": 1}]}


def test_a_port_of_the_project_itself_counts_as_free() -> None:
    found = taken([4000, 4001, 9000], [container("mine", "p", 4000), container("other", "q", 4001)], "p")
    assert 4000 not in found
    assert found[4001] == "the container other of the project q"
    assert "program" in found[9000]


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("driver failed: Bind for 0.0.0.0:8080 failed: port is already allocated", 8080),
        ("failed to bind host port 127.0.0.1:40001/tcp: address already in use", 40001),
        ("failed to bind host port for 127.0.0.1:40001:172.19.0.2:8080/tcp: address already in use", 40001),
        ("failed to bind host port [::1]:53/udp: address already in use", 53),
        ("driver failed: no such network", 0),
    ],
)
def test_the_engine_names_the_port_that_it_cannot_publish(said: str, port: int) -> None:
    assert refused(said) == port
