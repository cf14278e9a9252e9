"""Smoke tests on a real second host: containers run there, their ports are reached from here, nothing of them stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("build host")]
SERVED = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s \\
    CMD ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000))"]
CMD ["python3", "-m", "http.server", "8000", "--directory", "/run/secrets"]
"""
ASKED = """\
import pytest

pytestmark = pytest.mark.slipway(secrets={"token": "a word", "other": ""})


def test_a_container_on_the_host_gets_its_own_secret(container):
    assert container.get("/token").text == "a word"
    assert container.exec("sh", "-c", "echo x > /run/secrets/token").exit_code != 0
    assert container.exec("stat", "-c", "%a", "/run/secrets/token").output == "444\\n"


def test_a_port_that_was_published_again(container):
    container.restart()
    assert "token" in container.get("/").text


def test_two_that_see_each_other(stack):
    first = stack.start("svc-served", volumes={"shared": "/data"})
    second = stack.start("svc-served", secrets={"token": "another word"}, volumes={"shared": "/data"})
    assert (first.url != second.url) and second.get("/token").text == "another word"
    assert first.get("/token").status_code == 404
"""


@pytest.fixture
def harbour(stack: Stack, build_host: BuildHost, python_image: str) -> Iterator[Repository]:
    made = stack("blank", PYTHON_IMAGE=python_image)
    made.configure(**build_host.settings)
    made.write("apps/svc_served/Dockerfile", SERVED)
    made.write("apps/svc_served/smoke/test_served.py", ASKED)
    made.invoke("build", "--remote").ok()
    yield made
    everything = build_host.sh("docker ps -aq; docker volume ls -q; docker network ls -q --filter type=custom")
    assert everything == "", "left there"


@pytest.mark.both_stores
def test_containers_run_there_and_are_asked_from_here(harbour: Repository, build_host: BuildHost) -> None:
    tested = harbour.json("smoke", "--remote")
    [entry] = tested["images"]
    assert (entry["passed"], entry["failed"]) == (13, 0)
    assert entry["image"] == build_host.sh(
        f"docker image inspect --format '{{{{.Id}}}}' {harbour.reference('svc-served')}"
    )
    assert harbour.tags() == set(), "here nothing was built, and so nothing tested"
    harbour.invoke("smoke").failed(2, "svc-served: not built", "hint:  invoke build svc-served\n")


def test_a_container_that_fails_on_the_host_is_reported_with_its_log(harbour: Repository) -> None:
    harbour.write("apps/svc_ends/Dockerfile", SERVED + 'CMD ["sh", "-c", "echo the last words; exit 9"]\n')
    harbour.invoke("smoke", "--remote").failed(2, "svc-ends: not built", "hint:  invoke build svc-ends --remote")
    ran = harbour.invoke("build", "--remote", "smoke", "svc-ends")
    ran.failed(9, "exit code 9; ", "hint:  invoke smoke svc-ends --remote\n")
    report = harbour.runs()[-1] / "smoke-svc-ends/pytest.log"
    assert "exit code 9" in report.read_text() and "the last words" in report.read_text()


def test_a_host_that_forwards_no_port(harbour: Repository, build_host: BuildHost) -> None:
    config = "/etc/ssh/sshd_config"
    build_host.sh(f"cp {config} /root/kept && sed -i '1i AllowTcpForwarding no' {config} && pkill -HUP -o -x sshd")
    try:
        ran = harbour.invoke("smoke", "--remote").failed(9, "smoke svc-served: ")
    finally:
        build_host.sh(f"mv /root/kept {config} && pkill -HUP -o -x sshd")
    assert "prohibited" in ran.stderr
