"""The link is cut, the host paused or killed, the client killed or interrupted in every phase of a build: connecting,
looking, sending, comparing, beginning, building, asking how it ended. A phase is where a build stands when it has sent
so many bytes, so each fault is certain to strike. Afterwards nothing is left over, and the next build is right."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from tests.rig.stacks import Ran

if TYPE_CHECKING:
    from tests.faults.wire import Wire
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Deed = Callable[[subprocess.Popen[str]], object]
    MakeWire = Callable[[int], Wire]
    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
#: Built · not reached · not synced · not built.
CODES = {0, 4, 5, 6}
#: How a client ends by a signal.
ENDED = {signal.SIGKILL: -9, signal.SIGINT: 130}
#: A heartbeat outlives the one, and not the other; in seconds.
SHORT, LONG = 2.0, 16.0


class Shop:
    """A repository behind a wire; ``length``: the bytes that a build of one edited image sends."""

    def __init__(self, repository: Repository, host: BuildHost, wire: Wire, until: Until) -> None:
        self._repository = repository
        self._host = host
        self._wire = wire
        self._until = until
        self._turn = 0
        self._build().ok()
        self._edit()
        before = wire.sent
        self._build().ok()
        self.length = wire.sent - before

    def fails(self, at: float, kind: str, deed: Deed = lambda process: None) -> Ran:
        """One build that meets a fault at so much of its length; the next one is right, and nothing is left over."""
        self._edit()
        started: Future[subprocess.Popen[str]] = Future()
        fault = self._wire.fail(kind, after=int(at * self.length), deed=lambda: deed(started.result()))
        with self._repository.start("build", "svc-cart", "--remote") as process:
            started.set_result(process)
            stdout, stderr = process.communicate(timeout=180)
        ran = Ran(process.returncode, stdout, stderr, 0).decent()
        assert fault.struck, f"at {at:.2f}: nothing struck\n{ran.stderr}"
        self._is_right_after()
        return ran

    def _is_right_after(self) -> None:
        self._host.wait()
        self._build().ok()
        said = self._host.sh(f"docker run --rm {self._repository.reference('svc-cart')} cat /shop/cart.txt")
        assert said == f"cart {self._turn}"
        for left in ("buildx bake", "rsync --server", "dial-stdio"):
            self._until(lambda left=left: left not in self._host.processes(), f"the end of every {left}", 60)
        runs = f"/var/tmp/slipway/builder/{self._repository.settings['OWNER']}-*/runs/*"
        assert self._host.sh(f"ls -d {runs}/secrets 2>/dev/null || true") == ""
        assert int(self._host.sh(f"ls -d {runs} | wc -l")) <= 5, "older runs go"

    def _edit(self) -> None:
        self._turn += 1
        self._repository.write("apps/svc_cart/cart.txt", f"cart {self._turn}\n")

    def _build(self) -> Ran:
        return self._repository.invoke("build", "svc-cart", "--remote")


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost, wire: MakeWire, until: Until) -> Iterator[Shop]:
    between = wire(build_host.port)
    config = build_host.options("wired", Port=str(between.port), HostKeyAlias=f"[127.0.0.1]:{build_host.port}")
    repository = stack("shop")
    repository.configure(REMOTE_HOST="builder", SSH_CONFIG=f"'{config}'")
    yield Shop(repository, build_host, between, until)
    repository.invoke("remote-clean", "--yes").ok()


def phases(count: int) -> list[float]:
    """The middles of so many equal parts, but for the last bytes: no two builds send quite as many."""
    return [0.95 * (number + 0.5) / count for number in range(count)]


def cut_everywhere(shop: Shop, count: int) -> None:
    codes = [shop.fails(at, "cut").code for at in phases(count)]
    assert set(codes) <= CODES
    assert codes.count(0) >= count / 2, f"what had begun went on: {codes}"


def pause_everywhere(shop: Shop, host: BuildHost, count: int, seconds: float) -> None:
    def pause(process: object) -> None:
        with host.paused():
            threading.Event().wait(seconds)

    codes = [shop.fails(at, "do", pause).code for at in phases(count)]
    assert set(codes) <= (CODES if seconds == LONG else {0}), f"a short pause was noticed: {codes}"


def crash_everywhere(shop: Shop, host: BuildHost, count: int) -> None:
    codes = [shop.fails(at, "do", lambda process: host.crash()).code for at in phases(count)]
    assert set(codes) <= CODES


def signal_everywhere(shop: Shop, signum: signal.Signals, count: int) -> None:
    """The client gets the signal before the bytes of that phase go on, so it cannot have ended by then."""
    codes = [shop.fails(at, "first", lambda process: process.send_signal(signum)).code for at in phases(count)]
    assert codes == [ENDED[signum]] * count


@pytest.mark.fault("S08", "S10")
def test_a_link_that_is_cut_in_every_phase(shop: Shop) -> None:
    cut_everywhere(shop, 3)


@pytest.mark.fault("S07", "S12")
def test_a_host_that_is_paused_in_every_phase(shop: Shop, build_host: BuildHost) -> None:
    pause_everywhere(shop, build_host, 2, SHORT)


@pytest.mark.fault("S08")
def test_a_host_that_is_killed_in_every_phase(shop: Shop, build_host: BuildHost) -> None:
    crash_everywhere(shop, build_host, 2)


@pytest.mark.fault("S09")
def test_a_client_that_ends_in_every_phase(shop: Shop) -> None:
    for signum in ENDED:
        signal_everywhere(shop, signum, 2)


@pytest.mark.soak
def test_every_phase_in_small_steps(shop: Shop, build_host: BuildHost) -> None:
    cut_everywhere(shop, 40)
    pause_everywhere(shop, build_host, 12, LONG)
    crash_everywhere(shop, build_host, 20)
    for signum in ENDED:
        signal_everywhere(shop, signum, 40)
