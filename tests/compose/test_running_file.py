"""Turn a resolved compose file into the one that runs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from slipway.compose.ports import choose
from slipway.compose.running_file import project_name, running_file
from slipway.compose.system import Config, read_system

IMAGE = "localhost:5000/acme/svc-a:v1"
CHECK = {"Test": ["CMD", "probe"], "Interval": 10}


def running(services: dict[str, Any], *, kept: dict[str, int] | None = None, **checks: dict[str, Any]) -> Config:
    config = {"name": "old", "services": services}
    before = copy.deepcopy(config)
    system = read_system("shop", config, {IMAGE: "svc-a"}, {"apps/svc_b/Dockerfile": {"": "svc-b"}}, "/repo")
    chosen = choose(system.ports, {}, kept or {}, strict=False)
    made = running_file(
        system, "repo-12ab-shop", "repo-12ab", {"svc-a": "sha256:aa", "svc-b": "sha256:bb"}, checks, chosen
    )
    assert config == before
    return made


def test_an_image_of_the_stack_runs_by_its_id_and_is_never_pulled_or_built() -> None:
    made = running({"a": {"image": IMAGE}, "b": {"build": {"context": "/repo/apps/svc_b"}}, "r": {"image": "redis"}})
    a, b, redis = (made["services"][name] for name in ("a", "b", "r"))
    assert (a["image"], a["pull_policy"]) == ("sha256:aa", "never")
    assert (b["image"], b["pull_policy"], "build" in b) == ("sha256:bb", "never", False)
    assert redis["image"] == "redis" and "pull_policy" not in redis
    assert a["labels"]["slipway.image"] == "svc-a" and "slipway.image" not in redis["labels"]


def test_the_project_and_the_labels_name_system_and_checkout() -> None:
    made = running({"r": {"image": "redis", "container_name": "redis", "labels": {"mine": "1"}}})
    assert made["name"] == "repo-12ab-shop"
    service = made["services"]["r"]
    assert service["labels"] == {"mine": "1", "slipway.system": "shop", "slipway.checkout": "repo-12ab"}
    assert "container_name" not in service


def test_ports_are_the_chosen_ones() -> None:
    ports = [{"target": 80, "published": "8080"}, {"target": 81}]
    made = running({"r": {"image": "redis", "ports": ports}}, kept={"r 80/tcp": 8085})
    assert made["services"]["r"]["ports"] == [{"target": 80, "published": "8085"}, {"target": 81}]


@pytest.mark.parametrize(
    ("own", "image", "expected"),
    [
        ({}, CHECK, {"start_interval": "1s", "start_period": "60s"}),
        ({}, {**CHECK, "StartPeriod": 5}, {"start_interval": "1s"}),
        ({}, {**CHECK, "StartInterval": 1}, None),
        ({}, {}, None),
        ({"disable": True}, CHECK, {"disable": True}),
        ({"test": ["CMD", "x"]}, {}, {"test": ["CMD", "x"], "start_interval": "1s", "start_period": "60s"}),
        ({"test": ["CMD", "x"], "start_interval": "2s"}, CHECK, {"test": ["CMD", "x"], "start_interval": "2s"}),
        ({"interval": "9s"}, CHECK, {"interval": "9s", "start_interval": "1s", "start_period": "60s"}),
    ],
)
def test_a_health_check_runs_once_a_second_while_a_service_starts(
    own: dict[str, Any], image: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    service = {"image": "redis", **({"healthcheck": own} if own else {})}
    assert running({"r": service}, r=image)["services"]["r"].get("healthcheck") == expected


def test_two_checkouts_of_a_repository_get_two_projects() -> None:
    one, two = project_name("/home/me/shop", "cat-dog"), project_name("/home/me/copy/shop", "cat-dog")
    assert one.startswith("shop-") and one.endswith("-cat-dog")
    assert one != two and one == project_name("/home/me/shop", "cat-dog")
