"""slipway is interrupted, terminated and killed in each phase of a build, a push and a smoke test.

Afterwards nothing of the run is left, at the latest when the next run has ended, and that one finishes.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.proxy import hang
from tests.rig.stacks import Ran
from tests.rig.traces import SMOKE_ALONE

if TYPE_CHECKING:
    from tests.faults.proxy import Fault, Proxy
    from tests.rig.stacks import Repository
    from tests.rig.traces import Traces

    Stack = Callable[..., Repository]
    Until = Callable[..., None]
    Cli = Callable[..., str]

pytestmark = pytest.mark.integration
SEED = "T_SLIPWAY_SEED"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
#: How a run ends that had begun; what it says.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
WORDS = {signal.SIGINT: "error: interrupted; ", signal.SIGTERM: "error: ended by SIGTERM; ", signal.SIGKILL: ""}
#: How Python or Invoke ends before slipway has begun.
EARLY = {signal.SIGINT: {-2, 1, 130}, signal.SIGTERM: {-15, 143}, signal.SIGKILL: {-9}}
IMAGES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
TILL = """\
COPY apps/svc_till/bin /bin/
USER 10001:10001
HEALTHCHECK --interval=1s --start-interval=100ms --start-period=5s CMD test -f /floor.txt
CMD ["sleep", "infinity"]
"""
#: A smoke test that lasts as long as a file is there.
HELD = """\
import pathlib, time

def test_held(container):
    pathlib.Path("reached").touch()
    while pathlib.Path("held").exists():
        time.sleep(0.05)
"""


@dataclass
class Yard:
    """The shop, slowed down a little, with a till that can be smoke-tested."""

    shop: Repository
    traces: Traces
    until: Until
    cli: Cli
    salt: str = ""

    def prepare(self) -> None:
        till = self.shop.root / "apps/svc_till/Dockerfile"
        till.write_text(till.read_text() + TILL)
        self.shop.write_programs("apps/svc_till/bin")
        for path in ("infra/docker/base-floor.Dockerfile", "apps/svc_cart/Dockerfile"):
            file = self.shop.root / path
            file.write_text(file.read_text() + "RUN sleep 0.3\n")

    def change(self) -> None:
        """Other content in every image, under a version of its own."""
        self.salt = secrets.token_hex(4)
        self.shop.write("libs/floor.txt", self.salt)
        self.shop.write("apps/svc_sign/sign.txt", self.salt)
        self.shop.configure(BASE_VERSION=f"v-{self.salt}")

    def version(self, name: str) -> str:
        return self.shop.reference(name, f"v-{self.salt}")

    def left(self) -> list[str]:
        """Return the remains of runs that have ended: processes, containers, locks, files."""
        home = self.shop.root / ".slipway"
        names = {run.name for run in self.shop.runs()}
        found = [*self.traces.processes(), *self.traces.files()]
        for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
            listed = self.cli(*kind, "--filter", "label=slipway.run", "--format", '{{.Label "slipway.run"}}').split()
            found += [f"{kind[0]} of {run}" for run in listed if run in names]
        found += [str(path) for path in home.glob("runs/*/*.[0-9]*")]
        found += [str(path) for folder in ("inputs", "cache") for path in (home / folder).glob("*.[0-9]*")]
        return found + [str(file) for file in home.glob("locks/*") if not _free(file)]

    def built(self) -> None:
        """Every image is what its inputs say, under both its tags."""
        steps = self.shop.json("plan")["steps"]
        references = [step[key] for step in steps for key in ("reference", "content")]
        form = '{{index .Config.Labels "slipway.input"}}'
        labels = self.cli("image", "inspect", "--format", form, *references).split()
        assert labels == [step["input_digest"] for step in steps for _ in range(2)]
        assert {step["image"] for step in steps} == set(IMAGES)
        said = self.cli("run", "--rm", self.version("svc-till"), "cat", "/floor.txt", "/shop/total.txt")
        assert said.split() == [f"{self.salt}tea", "2"]

    def published(self) -> None:
        """Every version tag stands for its content."""
        assert all(tag and tag == content for content, tag in self._digests().values()), self._digests()

    def partly_published(self) -> None:
        """A version tag stands for its content or for nothing."""
        assert all(tag in ("", content) for content, tag in self._digests().values()), self._digests()

    def _digests(self) -> dict[str, tuple[str, str]]:
        """Image → what the registry has under its content tag and under its version tag."""
        found = {}
        for step in self.shop.json("plan")["steps"]:
            content, tag = (step[key].rpartition(":")[2] for key in ("content", "reference"))
            found[step["image"]] = self.shop.published(step["image"], content), self.shop.published(step["image"], tag)
        return found

    def gone(self, when: str) -> None:
        """Nothing is left, now or after a moment."""
        self.until(lambda: not self.left(), f"left {when}: {self.left()}", 5)


def _free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def yard(stack: Stack, traces: Traces, until: Until, cli: Cli) -> Yard:
    made = Yard(stack("shop"), traces, until, cli)
    made.prepare()
    return made


@dataclass(frozen=True)
class Kind:
    """An interrupted task: its words, its preparation, and the checks between and after."""

    words: tuple[str, ...]
    prepare: Callable[[Yard], None]
    between: Callable[[Yard], None]
    after: Callable[[Yard], None]


def _built_anew(yard: Yard) -> None:
    yard.change()
    yard.shop.invoke("build").ok()


def _nothing(yard: Yard) -> None:
    """A smoke test changes nothing, so there is nothing to prepare and nothing to look at."""


KINDS = {
    "build": Kind(("build",), Yard.change, _nothing, Yard.built),
    "push": Kind(("push",), _built_anew, Yard.partly_published, Yard.published),
    "smoke": Kind(("smoke", "svc-till"), _nothing, _nothing, _nothing),
}


@pytest.mark.fault("B02", "B04")
def test_a_build_is_hit_in_each_phase(yard: Yard) -> None:
    _built_anew(yard)
    _strike(yard, "build", signal.SIGTERM, lambda: True)
    _strike(yard, "build", signal.SIGINT, lambda: any("buildx bake" in line for line in yard.traces.processes()))
    _strike(yard, "build", signal.SIGKILL, yard.shop.bakes)


@pytest.mark.fault("B02", "B04")
@pytest.mark.parametrize(
    ("request_", "signums"),
    [
        ("PUT .*/manifests/in-", (signal.SIGTERM, signal.SIGKILL)),
        ("PUT .*/manifests/v-", (signal.SIGINT, signal.SIGKILL)),
    ],
    ids=["content", "version tags"],
)
def test_a_push_is_hit_in_each_phase(
    yard: Yard, proxy: Proxy, request_: str, signums: Sequence[signal.Signals]
) -> None:
    """The registry answers no more once the phase has begun, so the push cannot have ended by then."""
    yard.shop.configure(REGISTRY=proxy.address)
    for signum in signums:
        fault = proxy.fail(request_, hang())
        _strike(yard, "push", signum, partial(_has_struck, fault))


@SMOKE_ALONE
@pytest.mark.fault("B02", "B04")
def test_a_smoke_test_is_hit_while_its_container_runs(yard: Yard) -> None:
    yard.shop.write("apps/svc_till/smoke/test_held.py", HELD)
    _built_anew(yard)
    held, reached = yard.shop.root / "held", yard.shop.root / "reached"
    for signum in SIGNALS:
        held.touch()
        reached.unlink(missing_ok=True)
        _hit(yard, KINDS["smoke"], signum, lambda process: yard.until(reached.exists, "the test", 60))
    held.unlink()
    _goes_on(yard, KINDS["smoke"])


def _has_struck(fault: Fault) -> bool:
    return bool(fault.struck)


def _strike(yard: Yard, name: str, signum: signal.Signals, reached: Callable[[], object]) -> None:
    """Hit a run in a phase; the next run finishes what it began."""
    _hit(yard, KINDS[name], signum, lambda process: yard.until(reached, "the phase", 60))
    KINDS[name].between(yard)
    _goes_on(yard, KINDS[name])


def _goes_on(yard: Yard, kind: Kind) -> None:
    yard.shop.invoke(*kind.words).ok()
    kind.after(yard)
    yard.gone("after the next run")


@pytest.mark.soak
@SMOKE_ALONE
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_run_is_hit_at_any_moment(yard: Yard, name: str) -> None:
    kind, rounds = KINDS[name], 50
    seed = int(os.environ.get(SEED) or secrets.randbelow(10**6))
    chance = random.Random(seed)
    _built_anew(yard)
    kind.prepare(yard)
    length = _length(yard, kind)
    kind.after(yard)
    # One moment in each of as many equal parts of the run, in any order, so that each signal meets early and late.
    moments = [(part + chance.random()) / rounds * length for part in chance.sample(range(rounds), rounds)]
    print(f"{name}: {SEED}={seed}, a run lasts {length:.1f} s")
    for number, moment in enumerate(moments):
        signum = SIGNALS[number % len(SIGNALS)]
        print(f"  {signum.name} after {moment:.2f} s")
        while not _hit(yard, kind, signum, partial(_wait, seconds=moment)):
            moment /= 2  # it had ended by then
        kind.between(yard)
        if name != "smoke" or signum == signal.SIGKILL or number == rounds - 1:
            _goes_on(yard, kind)


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


@pytest.mark.fault("B02", "B04")
@pytest.mark.parametrize("signum", SIGNALS)
def test_a_run_is_hit_before_it_has_begun(yard: Yard, signum: signal.Signals) -> None:
    with yard.shop.start("build") as process:
        process.send_signal(signum)
        process.communicate(timeout=30)
    assert process.returncode in EARLY[signum]
    yard.gone(signum.name)


def _length(yard: Yard, kind: Kind) -> float:
    """How long a whole run lasts once it has begun, in seconds."""
    with _begun(yard, kind) as process:
        began = time.monotonic()
        process.communicate(timeout=180)
    assert process.returncode == 0
    return time.monotonic() - began


@contextmanager
def _begun(yard: Yard, kind: Kind) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun: it has its folder, and signals are heeded."""
    before = set(yard.shop.runs())
    with yard.shop.start(*kind.words) as process:
        yard.until(lambda: set(yard.shop.runs()) - before or process.poll() is not None, "a run's folder")
        yield process


def _hit(yard: Yard, kind: Kind, signum: signal.Signals, wait: Callable[[subprocess.Popen[str]], object]) -> bool:
    """Hit a run that has begun when ``wait`` returns; whether it had not ended before."""
    kind.prepare(yard)
    with _begun(yard, kind) as process:
        wait(process)
        process.send_signal(signum)
        stdout, stderr = process.communicate(timeout=30)
    ended = Ran(process.returncode, stdout, stderr, 0)
    yard.until(lambda: not yard.traces.processes(), f"processes left: {yard.traces.processes()}", 8)
    if signum != signal.SIGKILL or ended.code == 0:
        yard.gone(f"after {signum.name}")
    if ended.code == 0:
        return False
    assert ended.code == CODES[signum], f"exit {ended.code} after {signum.name}\n{stdout}\n{stderr}"
    assert WORDS[signum] in ended.decent().closing
    return True


@pytest.fixture
def climbing(stack: Stack) -> Repository:
    """The tower, with a step of its own that lasts for two minutes."""
    tower = stack("tower")
    tower.write("libs/wait.sh", f"sleep 120.{secrets.randbelow(10**9)}\n")
    return tower


def climbs(tower: Repository) -> bool:
    return any("climbing" in log.read_text() for log in tower.root.glob(".slipway/runs/*/svc-tower.log"))


@pytest.mark.fault("B04", "X10")
def test_killed_in_mid_build_its_buildx_dies_and_its_secrets_go_at_the_next_start(
    climbing: Repository, traces: Traces, until: Until
) -> None:
    with climbing.start("build") as process:
        until(lambda: climbs(climbing), "the long step")
        assert any("buildx bake" in line for line in traces.processes())
        files = climbing.secret_files()
        assert {file.name for file in files} >= {"uv.toml", "pip.conf"}
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert files[0].parent.stat().st_mode & 0o777 == 0o700
        climbing.invoke("build", "svc-step").ok()
        assert all(file.exists() for file in files), "a living run's secrets were swept"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    until(lambda: not traces.processes(), "buildx is gone", 5)
    assert all(file.exists() for file in files), "nothing was left to sweep"
    climbing.invoke("build", "svc-step").ok()
    assert not files[0].parent.exists()


#: A buildx whose builds heed neither Ctrl-C nor SIGTERM.
STUBBORN = """#!/bin/sh
trap '' INT TERM
echo $$ > "$STUBBORN"
while :; do sleep 0.1; done
"""


@pytest.mark.fault("B02")
def test_a_second_ctrl_c_does_not_wait(climbing: Repository, tmp_path: Path, traces: Traces, until: Until) -> None:
    climbing.write("docker/cli-plugins/docker-buildx", STUBBORN).chmod(0o755)
    begun, config = tmp_path / "begun", str(climbing.root / "docker")
    with climbing.start("build", DOCKER_CONFIG=config, STUBBORN=str(begun)) as process:
        until(begun.exists, "the build")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=2.5)
    Ran(process.returncode, stdout, stderr, 0).decent().failed(130, "error: interrupted; ", "run the same command")
    until(lambda: not traces.processes(), "the build is gone", 5)
    assert not climbing.secret_files()


#: A test that heeds no signal, so that it is killed with its container running.
STUCK = """\
import pathlib, signal, time

def test_stuck(container):
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    pathlib.Path("begun").touch()
    time.sleep(60)
"""


@SMOKE_ALONE
@pytest.mark.fault("B02")
def test_containers_of_a_test_that_had_to_be_killed_are_gone(yard: Yard) -> None:
    yard.shop.write("apps/svc_till/smoke/test_stuck.py", STUCK)
    _built_anew(yard)
    with yard.shop.start("smoke", "svc-till") as process:
        yard.until(lambda: (yard.shop.root / "begun").exists() or process.poll() is not None, "the stuck test", 60)
        assert any(entry.startswith("ps of ") for entry in yard.left())
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    Ran(process.returncode, stdout, stderr, 0).decent().failed(130, "error: interrupted; ")
    assert yard.left() == []
