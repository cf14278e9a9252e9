"""Read a resolved compose file: services, their images and ports, and which of them are jobs."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.compose.system import Port, Service, System, read_system

REFERENCES = {"localhost:5000/acme/svc-a:v1": "svc-a"}
DOCKERFILES = {"apps/svc_b/Dockerfile": {"": "svc-b"}, "web/Dockerfile": {"": "web", "dev": "web-dev"}}


def read(services: dict[str, Any]) -> System:
    return read_system("shop", {"services": services}, REFERENCES, DOCKERFILES, "/repo")


def service(content: dict[str, Any], **others: Any) -> Service:
    return next(one for one in read({"it": content, **others}).services if one.name == "it")


@pytest.mark.parametrize(
    ("content", "built"),
    [
        ({"image": "localhost:5000/acme/svc-a:v1"}, "svc-a"),
        ({"image": "localhost:5000/acme/svc-a:v0"}, ""),
        ({"image": "redis"}, ""),
        ({"build": {"context": "/repo/apps/svc_b"}}, "svc-b"),
        ({"build": {"context": "/repo", "dockerfile": "apps/svc_b/Dockerfile"}, "image": "mine"}, "svc-b"),
        ({"build": {"context": "/repo", "dockerfile": "apps/svc_b/Dockerfile", "target": "one"}}, "svc-b"),
        ({"build": {"context": "/repo/web"}}, "web"),
        ({"build": {"context": "/repo/web", "target": "dev"}}, "web-dev"),
        ({"build": {"context": "/repo/web", "target": "gone"}}, ""),
        ({"build": {"context": "/repo/tools"}}, ""),
    ],
)
def test_a_service_runs_an_image_of_the_stack_by_reference_or_by_dockerfile(
    content: dict[str, Any], built: str
) -> None:
    assert service(content).built == built


def test_an_image_has_its_full_name() -> None:
    assert service({"image": "redis"}).image == "docker.io/library/redis:latest"


def test_ports_have_a_number_or_leave_it_to_the_engine() -> None:
    content = {
        "ports": [
            {"target": 80, "published": "8080", "protocol": "tcp"},
            {"target": 81, "published": "9000-9010", "host_ip": "127.0.0.1"},
            {"target": 82, "protocol": "udp"},
        ]
    }
    assert service(content).ports == (
        Port("it", 80, 8080),
        Port("it", 81, 9000, "tcp", "127.0.0.1"),
        Port("it", 82, 0, "udp"),
    )


@pytest.mark.parametrize(
    ("content", "job"),
    [
        ({}, True),
        ({"restart": "on-failure"}, True),
        ({"restart": "always"}, False),
        ({"ports": [{"target": 80}]}, False),
        ({"healthcheck": {"test": ["CMD", "true"]}}, False),
        ({"healthcheck": {"disable": True}}, True),
    ],
)
def test_a_service_without_port_and_probe_may_end(content: dict[str, Any], job: bool) -> None:
    assert service(content).job is job


def test_a_service_whose_end_another_one_awaits_is_a_job() -> None:
    other = {"depends_on": {"it": {"condition": "service_completed_successfully"}}}
    assert service({"restart": "always"}, other=other).job


def test_a_system_lists_the_stacks_images_once() -> None:
    image = {"image": "localhost:5000/acme/svc-a:v1"}
    assert read({"one": image, "two": image, "redis": {"image": "redis"}}).built == ("svc-a",)
