"""The long round of cat-dog: its Redis is upgraded on its volume."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.config.settings import load
from tests.fresh.__main__ import one_line, sources
from tests.rig.outside import LABEL, docker, wait_until
from tests.rig.traces import SMOKE, Traces

#: They build and test in this very checkout: a run in it locks out any other.
pytestmark = [pytest.mark.integration, pytest.mark.soak, SMOKE, pytest.mark.xdist_group("this checkout")]
ROOT = Path(__file__).parents[2]
KEYS = 2000


def invoke(traces: Traces, *words: str, **env: str) -> str:
    environment = {**os.environ, **traces.environment, **env}
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def trixie() -> Iterator[str]:
    """An image of Debian 13's minimal root."""
    name = f"slipway-trixie-{secrets.token_hex(3)}"
    lines = [line for source in sources("trixie") for line in one_line(source)]
    made = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "trixie", "-", *lines]
    with subprocess.Popen(made, stdout=subprocess.PIPE) as making:
        imported = ["docker", "import", "--change", f"LABEL {LABEL}", "-", name]
        subprocess.run(imported, stdin=making.stdout, check=True, stdout=subprocess.DEVNULL)
    assert making.returncode == 0, "mmdebstrap failed"
    yield name
    docker("rmi", "--force", name)


@contextmanager
def a_volume(*options: str) -> Iterator[str]:
    """A volume. In the end it is removed, with all containers that use it."""
    name = f"slipway-redis-{secrets.token_hex(3)}"
    docker("volume", "create", "--label", LABEL, *options, name)
    try:
        yield name
    finally:
        if left := docker("ps", "--all", "--quiet", "--filter", f"volume={name}").split():
            docker("rm", "--force", *left)
        docker("volume", "rm", name)


def own_image() -> str:
    """The reference of svc-redis, as this checkout builds it."""
    settings = load(ROOT)
    version = settings["VERSION"] or settings["BASE_VERSION"]
    return f"{settings['REGISTRY']}/{settings['OWNER']}/svc-redis:{version}"


@pytest.fixture
def newer(trixie: str) -> Iterator[str]:
    """An image of svc-redis on Debian 13."""
    name, authorities = f"{trixie}-redis", load(ROOT)["CA_BUNDLE"] or "/etc/ssl/certs/ca-certificates.crt"
    given = ["--build-arg", f"PYTHON_IMAGE={trixie}", "--secret", f"id=ca,src={authorities}", "--label", LABEL]
    docker("build", *given, "--file", f"{ROOT}/apps/svc_redis/Dockerfile", "--tag", name, str(ROOT), timeout=600)
    yield name
    docker("rmi", "--force", name)


class Redis:
    """A container of an image of svc-redis, healthy on a volume."""

    def __init__(self, image: str, volume: str) -> None:
        sandbox = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none", "--init"]
        self.id = docker("run", "--detach", "--label", LABEL, *sandbox, f"--volume={volume}:/data", image)
        wait_until(lambda: self.health() == "healthy", f"{image}: {docker('logs', self.id, check=False)}")

    def health(self) -> str:
        return docker("inspect", "--format", "{{.State.Health.Status}}", self.id)

    def ask(self, *commands: str) -> list[str]:
        """Return the lines of the replies, up to the end of Redis."""
        argv = ["exec", "--interactive", self.id, "redis-cli"]
        return docker(*argv, stdin="\n".join(commands), check=False, timeout=300).splitlines()

    def version(self) -> str:
        [line] = [line for line in self.ask("INFO server") if line.startswith("redis_version:")]
        return line.partition(":")[2].strip()

    def write(self, prefix: str) -> None:
        written = self.ask(*(f"SET {prefix}-{number} {prefix}{number}" for number in range(KEYS)))
        assert written == ["OK"] * KEYS

    def has(self, prefix: str) -> bool:
        kept = self.ask(*(f"GET {prefix}-{number}" for number in range(KEYS)))
        return kept == [f"{prefix}{number}" for number in range(KEYS)]

    def end(self) -> None:
        """Kill it, if it still runs."""
        docker("rm", "--force", self.id)


def test_a_newer_redis_takes_over_the_volume_with_every_write(traces: Traces, newer: str) -> None:
    """Debian 12's 7.0 is killed; Debian 13's 8.0 starts on its volume, writes, is killed, and starts again."""
    invoke(traces, "build", "svc-redis")
    with a_volume() as volume:
        old = Redis(own_image(), volume)
        before = old.version()
        old.write("old")
        old.end()
        new = Redis(newer, volume)
        after = new.version()
        assert tuple(map(int, before.split("."))) < tuple(map(int, after.split(".")))
        assert new.has("old")
        new.write("new")
        new.ask("BGREWRITEAOF")
        new.end()
        again = Redis(newer, volume)
        assert again.has("old") and again.has("new")
        again.end()
