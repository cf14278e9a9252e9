"""Runs on a build host after their client has gone: listed, listened to again, cleaned away."""

from __future__ import annotations

import os
import pty
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.hosts.remote.file_manifest import FileManifest
from slipway.hosts.remote.jobs import Job, JobInput, follow, stop
from slipway.hosts.runner import run
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connecting import connect
from slipway.hosts.ssh.host_config import User
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from tests.rig.stacks import Ran

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("another build host")]
SHOP = {"base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign"}
STEP = "RUN echo climbing && {{ sleep {seconds} || true; }} && echo there > /top\n"


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost) -> Iterator[Repository]:
    made = stack("shop")
    made.configure(**build_host.settings)
    yield made
    made.invoke("remote-clean", "--yes")
    made.invoke("build", "svc-sign").ok()
    assert made.secret_files() == [], "the next build removes the secrets of a client that was killed"


@dataclass(frozen=True)
class Left:
    """A build there whose client was killed. Its long step takes ``seconds``, or until it is ended."""

    seconds: str
    host: BuildHost

    def end_step(self) -> None:
        self.host.sh(f"pkill -f '^sleep {self.seconds}'")


def left_alone(shop: Repository, host: BuildHost, until: Until, seconds: int = 240) -> Left:
    """Kill the client of a build there while the cart takes its time."""
    left = Left(f"{seconds}.{secrets.randbelow(10**9)}", host)
    dockerfile = shop.root / "apps/svc_cart/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + STEP.format(seconds=left.seconds))
    with shop.start("build", "--remote") as process:
        until(lambda: climbs(shop), "the long step", 60)
        process.kill()
        process.communicate(timeout=30)
    return left


def climbs(shop: Repository) -> bool:
    """Tell whether the log of the newest run shows the long step."""
    log = shop.runs()[-1] / "svc-cart.log" if shop.runs() else Path()
    return log.is_file() and "climbing" in log.read_text()


@pytest.mark.fault("B04")
def test_a_run_is_listed_and_listened_to_again(shop: Repository, build_host: BuildHost, until: Until) -> None:
    left, runs = left_alone(shop, build_host, until), shop.runs()
    (listed, *_) = shop.json("remote-runs")
    assert listed["state"] == "running" and listed["statuses"] == [0, None, None]
    assert abs(listed["began"] - int(build_host.sh("date +%s"))) < 120
    with shop.start("remote-attach") as process:
        until(lambda: shop.runs() != runs and climbs(shop), "the run's output so far", 60)
        left.end_step()
        told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert shop.status() == dict.fromkeys(SHOP, "built")
    assert shop.json("remote-runs")[0]["state"] == "done"
    assert "5 built" in shop.invoke("remote-attach", listed["id"]).ok().stdout
    shop.invoke("remote-attach", "0000").failed(2, "error: 0000: ")


@pytest.mark.fault("B04")
def test_a_run_without_a_client_ends_at_its_time_limit(shop: Repository, build_host: BuildHost, until: Until) -> None:
    shop.configure(BUILD_TIMEOUT="4s")
    left_alone(shop, build_host, until)
    assert "buildx bake" in build_host.processes()
    until(lambda: "bake" not in build_host.processes(), "the end of its time, which is that of three waves", 40)
    assert shop.json("remote-runs")[0]["state"] == "ended"
    until(lambda: "sleep 240" not in build_host.processes(), "the end of the step")
    shop.invoke("remote-attach").failed(6, "(BUILD_TIMEOUT)")
    shop.configure(BUILD_TIMEOUT="2h")  # for the build with which each test here ends


def test_a_job_that_is_ended_while_it_is_begun(build_host: BuildHost, until: Until) -> None:
    """Ctrl-C comes when the host has not unpacked it yet."""
    folder = build_host.sh("mktemp -d", user="builder")
    build_host.sh(f"mkdir {folder}/tree", user="builder")
    client = SshClient(run, User(Path.home()), config=build_host.config)
    link = ReconnectingConnection(lambda: connect(Destination("builder"), client), lambda text: None)
    commands = (Command(("touch", f"{folder}/done")),)
    given = JobInput({"token": b"word"}, 60, FileManifest(Path("/"), {}).listed)
    try:
        stop(Job(folder, 1, commands), link)
        assert follow(Job(folder, 1, commands), 1, link, job_input=given).exit_code == 137
        until(lambda: build_host.sh(f"ls {folder}") == "jobs\ntree\nwhole", "its end, and that of its secrets")
        assert follow(Job(folder, 2, commands), 1, link, job_input=given).ok
        assert "done" in build_host.sh(f"ls {folder}"), "the next one is another"
    finally:
        link.close()
        build_host.sh(f"rm -rf {folder}")


def test_a_run_that_failed_meanwhile(shop: Repository, build_host: BuildHost, until: Until) -> None:
    till = shop.root / "apps/svc_till/Dockerfile"
    till.write_text(till.read_text() + "RUN echo broken >&2 && exit 3\n")
    left_alone(shop, build_host, until, 4)
    shop.invoke("remote-attach").failed(6, "build svc-till: ", "exit code: 3")
    assert shop.status() == dict.fromkeys(SHOP - {"svc-till"}, "built") | {"svc-till": "failed"}
    assert shop.json("remote-runs")[0]["state"] == "failed"


def answered(shop: Repository, answer: str, *words: str) -> Ran:
    """``invoke`` on a terminal where a person answers."""
    person, terminal = pty.openpty()
    os.write(person, f"{answer}\n".encode())
    argv = [sys.executable, "-m", "invoke", *words]
    environment = shop.environment({})
    done = subprocess.run(argv, cwd=shop.root, env=environment, stdin=terminal, capture_output=True, text=True)
    os.close(terminal)
    os.close(person)
    return Ran(done.returncode, done.stdout, done.stderr, 0)


@pytest.mark.fault("U35")
def test_remote_clean_keeps_a_running_run(shop: Repository, build_host: BuildHost, until: Until) -> None:
    shop.invoke("build", "svc-sign", "--remote").ok()
    left = left_alone(shop, build_host, until)
    shop.invoke("remote-clean").failed(2, "error: remote-clean: ", "--yes")
    assert "would remove 1 runs" in shop.invoke("remote-clean", "--dry-run").ok().stdout
    assert shop.json("remote-clean", "--yes")["living"] == 1
    assert [run["state"] for run in shop.json("remote-runs")] == ["running"]
    left.end_step()
    shop.invoke("remote-attach").ok()
    build_host.sh("touch /var/tmp/slipway/builder/mine")
    declined = answered(shop, "n", "remote-clean").failed(2, "error: remote-clean: ")
    assert "note: " in declined.stderr and ": 1 runs, " in declined.stderr and "[y/N]" in declined.stderr
    assert "removed 1 runs" in answered(shop, "y", "remote-clean").ok().stdout
    assert shop.json("remote-runs") == []
    assert shop.steps("plan", "--remote")["svc-sign"][0] == "reuse", "images stay"
    assert build_host.sh("ls /var/tmp/slipway/builder/mine && rm /var/tmp/slipway/builder/mine") != ""
    shop.invoke("remote-attach").failed(2, "invoke build --remote")
