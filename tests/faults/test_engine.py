"""The engine fails under slipway: it is killed in mid-build, its disk is full, its bridge is gone."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.rig.stacks import Ran

if TYPE_CHECKING:
    from tests.rig.engines import OwnEngine
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    MakeEngine = Callable[..., OwnEngine]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
DISK = 64_000_000
AGAIN = "run the same command: finished images are kept"


class Bay:
    """A stack that is built in an engine of its own."""

    def __init__(self, repository: Repository, engine: OwnEngine) -> None:
        self.repository = repository
        self.engine = engine

    def invoke(self, *words: str) -> Ran:
        return self.repository.invoke(*words, DOCKER_HOST=self.engine.address)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.repository.start(*words, DOCKER_HOST=self.engine.address)

    def tags(self) -> set[str]:
        """All tags that the engine has of this repository, without the prefix."""
        listed = self.engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        prefix = f"{self.repository.prefix}/"
        return {tag.removeprefix(prefix) for tag in listed if tag.startswith(prefix)}

    def log(self, image: str) -> str:
        files = [run / f"{image}.log" for run in self.repository.runs()[-1:]]
        return "".join(file.read_text() for file in files if file.exists())


@pytest.fixture
def tower(stack: Stack, own_engine: MakeEngine) -> Bay:
    """One image that is built in no time, and one that takes a while."""
    return Bay(stack("tower"), own_engine())


def kill_in_mid_build(bay: Bay, process: subprocess.Popen[str], until: Until, *finished: str) -> None:
    """Once the long step runs and ``finished`` images are there."""
    until(lambda: process.poll() is not None or "climbing" in bay.log("svc-tower"), "the long step")
    until(lambda: process.poll() is not None or {f"{name}:v1" for name in finished} <= bay.tags(), "the others")
    assert process.poll() is None, process.communicate()
    bay.engine.kill()


@pytest.mark.fault("B05")
def test_an_engine_that_comes_back_is_waited_for(tower: Bay, until: Until) -> None:
    tower.repository.write("libs/wait.sh", f"sleep 4.{secrets.randbelow(10**9)}\n")
    with tower.start("build") as process:
        kill_in_mid_build(tower, process, until)
        assert process.stderr
        gone = next(line for line in process.stderr if line.startswith("engine "))
        tower.engine.start()
        _, rest = process.communicate(timeout=120)
    version = tower.engine.docker("version", "--format", "{{.Server.Version}}").partition("+")[0]
    assert f" (was {version})" in gone
    assert process.returncode == 0, rest
    assert rest.startswith("engine is back")
    assert "error" not in rest and "Traceback" not in rest
    assert tower.repository.status() == {"svc-step": "built", "svc-tower": "built"}
    assert {"svc-step:v1", "svc-tower:v1"} <= tower.tags()
    assert "2 to reuse" in tower.invoke("build").ok().stdout


@pytest.mark.soak
@pytest.mark.fault("B05")
def test_an_engine_that_stays_away_fails_the_build(tower: Bay, until: Until) -> None:
    tower.repository.write("libs/wait.sh", f"sleep 60.{secrets.randbelow(10**9)}\n")
    with tower.start("build") as process:
        kill_in_mid_build(tower, process, until, "svc-step")
        stdout, stderr = process.communicate(timeout=180)
    ran = Ran(process.returncode, stdout, stderr, 0).decent()
    ran.failed(6, "error: build svc-step: ", "; 1 more failed", f"invoke doctor, then {AGAIN}")
    assert tower.repository.error_code() == "engine-gone"
    assert "2 failed" in stdout
    tower.engine.start()
    assert "svc-step:v1" in tower.tags() and "svc-tower:v1" not in tower.tags()
    tower.repository.write("libs/wait.sh", "echo short\n")
    tower.invoke("build").ok()
    assert tower.repository.status() == {"svc-step": "reused", "svc-tower": "built"}


@pytest.mark.fault("B12")
def test_a_full_disk_fails_the_build_and_slipway_prunes_nothing(
    stack: Stack, own_engine: MakeEngine, root_image: str
) -> None:
    shop = Bay(stack("shop"), own_engine(disk=DISK))
    shop.invoke("build", "base-counter").ok()
    shop.engine.docker("tag", root_image, "others:1")
    shop.engine.docker("create", "--name", "others", root_image, "sh")
    kept = shop.tags()
    shop.engine.fill()
    shop.invoke("build").failed(6, "no space left on device", "docker system df")
    assert shop.repository.error_code() == "disk-full"
    assert shop.tags() == kept >= {"base-floor:v1", "base-counter:v1"}
    assert shop.engine.docker("images", "--quiet", "others:1") and shop.engine.docker("ps", "--all", "--quiet")
    assert shop.repository.status()["svc-cart"] == "failed"
    shop.engine.make_room()
    shop.invoke("build").ok()
    assert shop.repository.status() == {
        **dict.fromkeys(("base-floor", "base-counter"), "reused"),
        **dict.fromkeys(("svc-cart", "svc-till", "svc-sign"), "built"),
    }


@pytest.mark.fault("B13")
def test_an_engine_without_its_bridge_is_named(stack: Stack, own_engine: MakeEngine) -> None:
    shop = Bay(stack("shop"), own_engine("--bridge=none"))
    ran = shop.invoke("build").failed(
        6, "build base-floor: RUN mkdir /shop: network bridge not found; 3 skipped", AGAIN
    )
    assert shop.repository.error_code() == "engine-bridge-lost"
    assert "svc-sign       built" in ran.stdout
    assert {"svc-sign:v1"} < shop.tags() and "base-floor:v1" not in shop.tags()
