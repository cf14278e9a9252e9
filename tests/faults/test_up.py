"""Systems that cannot come up: the first line names the cause, and nothing is left behind."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.proxy import hang
from tests.rig.systems import FOREIGN_IMAGE, RunningSystem, cart, other

if TYPE_CHECKING:
    from tests.faults.proxy import Proxy
    from tests.rig.engines import OwnEngine
    from tests.rig.traces import Traces

    MakeEngine = Callable[..., OwnEngine]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
System = Callable[..., RunningSystem]
#: A health check that never succeeds.
NEVER = {"test": ["CMD", "test", "-f", "/never"], "interval": "1s"}
NO_PROGRAM = {"test": ["CMD", "no-such-program"], "interval": "1s"}
#: Bytes of an engine's disk.
DISK = 64_000_000


def broken(name: str, row: str, service: dict[str, Any], code: str, word: str, **others: Any) -> Any:
    """A case: the service that cannot come up, the code of its problem, and a word of the first line."""
    return pytest.param(service, code, word, others, id=f"{row} {name}")


CASES = [
    broken("exits at once", "Y02", other("echo out of paper; exit 3"), "service-ended", "out of paper"),
    broken("exit 137", "Y03", other("exit 137"), "service-ended", "137: killed"),
    broken("a server that ends", "Y04", other("exit 0", ports=["8080"]), "service-ended", "needs it to run"),
    broken("health command missing", "Y06", other(healthcheck=NO_PROGRAM), "service-unhealthy", "cannot run"),
    broken("restarts for ever", "Y07", other("echo again; exit 1", restart="always"), "restart-loop", "again"),
    broken("image absent", "Y08", {"image": "localhost:1/nowhere/no-image:v1"}, "registry-unreachable", "no-image"),
    broken("program missing", "Y09", other(entrypoint=["/no/program"]), "service-not-started", "/no/program"),
    broken(
        "volume of another owner",
        "Y15",
        other("echo x > /kept/file || exit 4", user="10001", volumes=["kept:/kept"]),
        "service-ended",
        "ermission denied",
    ),
    broken(
        "full file system",
        "Y16",
        other("cat /bin/sh > /small/file || exit 5", tmpfs=["/small:size=64k"]),
        "service-ended",
        "No space left",
    ),
    broken(
        "network missing",
        "Y17",
        other(networks=["front"]),
        "network-missing",
        "no-such-network",
        networks={"front": {"external": True, "name": "no-such-network"}},
    ),
    broken(
        "log flood", "Y14", other("while :; do echo flood; done", healthcheck=NO_PROGRAM), "service-unhealthy", "run"
    ),
    broken(
        "a program of another architecture",
        "Y21",
        {"image": FOREIGN_IMAGE, "command": ["/program"]},
        "wrong-architecture",
        "linux/arm64",
    ),
    broken(
        "another platform in the file",
        "Y21",
        {"image": FOREIGN_IMAGE, "platform": "linux/amd64"},
        "wrong-architecture",
        "linux/arm64",
    ),
]
#: The engine or compose refuses these before a container starts, and so the service is not at fault.
REFUSED = ("network-missing", "registry-unreachable", "wrong-architecture")


@pytest.mark.fault("Y02", "Y03", "Y04", "Y06", "Y07", "Y08", "Y09", "Y14", "Y15", "Y16", "Y17", "Y21")
@pytest.mark.usefixtures("foreign_image")
@pytest.mark.parametrize(("service", "code", "word", "others"), CASES)
def test_a_service_that_cannot_come_up_is_named_with_its_cause(
    system: System, service: dict[str, Any], code: str, word: str, others: dict[str, Any]
) -> None:
    till = system()
    till.write({"beside": other(volumes=["kept:/kept"]), "broken": service}, volumes={"kept": {}}, **others)
    ran = till.fails(12, word, given=("--deadline", "90"))
    assert ran.codes[0] == code and ("broken" in ran.closing or code in REFUSED)
    assert till.volumes() == {"kept"} or "beside  " not in ran.stderr


@pytest.mark.fault("Y03")
def test_a_kill_for_memory_is_named_as_far_as_the_engine_reports_it(system: System) -> None:
    """Under load the engine misses 1 to 4 of 100 such kills."""
    till = system()
    till.write({"broken": other("x=12345678; while :; do x=$x$x; done", mem_limit="16m", memswap_limit="16m")})
    ran = till.fails(12, "broken: it ended; exit code 137: killed", "for memory", given=("--deadline", "90"))
    assert ran.codes == ["service-ended" if "perhaps for memory" in ran.closing else "out-of-memory"]


@pytest.mark.fault("Y05")
def test_a_service_that_never_becomes_healthy_is_named_at_the_deadline(system: System) -> None:
    till = system()
    waits = other(depends_on={"broken": {"condition": "service_healthy"}})
    till.write({"broken": other(healthcheck=NEVER), "waits": waits})
    assert till.fails(12, "broken", "15 s", given=("--deadline", "15")).codes == ["service-unhealthy"]


@pytest.mark.fault("Y13")
def test_a_crash_of_a_healthy_service_ends_the_wait_for_the_others(system: System) -> None:
    till = system()
    once = {"test": ["CMD", "test", "-f", "/ready"], "interval": "1s"}
    till.write(
        {
            "broken": other(": > /ready; sleep 2; echo no more; exit 6", healthcheck=once),
            "late": other(healthcheck=NEVER),
        }
    )
    ran = till.fails(12, "broken", "no more", "exit code 6", given=("--deadline", "60"))
    assert "broken  healthy" in ran.stderr


@pytest.mark.fault("Y10")
def test_every_missing_variable_is_named_before_anything_starts(system: System) -> None:
    till = system()
    environment = {"A": "${ONE:?}", "B": "${TWO:?}", "C": "${THREE:-3}"}
    token = {"token": {"environment": "TOKEN"}}
    till.write({"beside": other(environment=environment, secrets=["token"])}, secrets=token)
    ran = till.fails(2, "ONE").failed(2, "TWO")
    assert ran.codes == ["variable-missing", "variable-missing"]
    till.shop.configure(ONE="1", TWO="2")
    assert till.fails(2, "TOKEN").codes == ["variable-missing"]
    till.up(TOKEN="geheim-4711").ok()
    till.down().ok()


@pytest.mark.fault("Y11")
def test_every_missing_file_is_named_before_anything_starts(system: System) -> None:
    till = system()
    mount = {"type": "bind", "source": "./no-such-shelf", "target": "/shelf"}
    till.write({"a": other(), "b": other(secrets=["pin"], volumes=[mount])}, secrets={"pin": {"file": "./no-such-pin"}})
    ran = till.fails(2, "b: bind mount /shelf", "no-such-shelf").failed(2, "b: secret pin", "no-such-pin")
    assert ran.codes == ["file-missing", "file-missing"]


@pytest.mark.fault("Y12")
@pytest.mark.parametrize(
    "services",
    [
        {"a": other(depends_on=["b"]), "b": other(depends_on=["a"])},
        {"a": {"imag": "x"}},
        {"a": other(depends_on=["nobody"])},
    ],
    ids=["circle", "unknown key", "unknown service"],
)
def test_a_file_that_compose_refuses_starts_nothing(system: System, services: dict[str, Any]) -> None:
    till = system()
    till.write(services)
    till.fails(2, "infra/compose/till.yaml")


@pytest.mark.fault("Y18")
@pytest.mark.parametrize("moment", ["RUN sleep", "a  starting", "b  running", "a  healthy"])
def test_ctrl_c_leaves_nothing_half_up(system: System, moment: str) -> None:
    till = system()
    till.write({"a": cart(till.shop), "b": other(), "late": other(healthcheck=NEVER)})
    if moment == "RUN sleep":
        dockerfile = till.shop.root / "apps/svc_cart/Dockerfile"
        dockerfile.write_text(f"{dockerfile.read_text()}RUN sleep 60.{secrets.randbelow(10**9)}\n")
    else:
        till.shop.invoke("build", "svc-cart").ok()
    with till.coming_up("--deadline", "60") as coming:
        coming.shows(moment)
        coming.ends(130, signal.SIGINT)
    assert till.left() == []


@pytest.mark.fault("Y18")
def test_ctrl_c_while_an_image_is_pulled_leaves_nothing_half_up(system: System, proxy: Proxy, until: Until) -> None:
    till = system()
    till.write({"beside": other(), "late": {"image": f"{proxy.address}/nowhere/image:v1"}})
    fault = proxy.fail("GET .*", hang())
    with till.coming_up() as coming:
        until(lambda: fault.struck, "the pull")
        coming.ends(130, signal.SIGINT)
    assert till.left() == []


@pytest.mark.fault("Y24")
def test_a_second_ctrl_c_is_answered_with_the_command_that_removes_the_rest(
    system: System, traces: Traces, until: Until
) -> None:
    till = system()
    stubborn = other("trap '' TERM; while :; do sleep 0.1; done", healthcheck=NEVER, stop_grace_period="5s")
    till.write({"late": stubborn})
    with till.coming_up("--deadline", "60") as coming:
        coming.shows("late  starting")
        coming.process.send_signal(signal.SIGINT)
        until(lambda: any(" down --remove-orphans" in line for line in traces.processes()), "the removal")
        assert "invoke down till removes them" in coming.ends(130, signal.SIGINT)
    assert till.left(), "the removal was not interrupted"
    till.down().ok()
    assert till.left() == []


@pytest.mark.fault("Y22")
def test_the_next_up_or_down_removes_the_containers_of_a_killed_up(
    system: System, traces: Traces, until: Until
) -> None:
    till = system()

    def is_killed() -> None:
        till.write({"beside": other(), "late": other(healthcheck=NEVER)})
        with till.coming_up("--deadline", "60") as coming:
            coming.shows("late  starting")
            coming.ends(-signal.SIGKILL, signal.SIGKILL)
        until(lambda: not traces.processes(), "the end of compose")
        assert till.left(), "nothing was left to remove"

    is_killed()
    till.write({"instead": other()})
    till.up().ok()
    assert set(till.containers()) == {"instead"}
    is_killed()
    till.down().ok()
    assert till.left() == []


@pytest.mark.fault("Y20")
def test_a_second_up_waits_for_no_other(system: System) -> None:
    till = system()
    till.write({"late": other(healthcheck=NEVER)})
    with till.coming_up("--deadline", "60") as coming:
        coming.shows("late  starting")
        first, *_ = till.up().failed(11).closing.splitlines()
        assert f"up-{till.project}" in first and str(coming.process.pid) in first
        coming.ends(130, signal.SIGINT)
    assert till.left() == []


@pytest.mark.fault("Y19")
def test_an_engine_that_is_killed_while_a_system_comes_up_is_named(own_engine: MakeEngine, system: System) -> None:
    engine = own_engine()
    till = system(engine.address)
    till.write({"late": other(healthcheck=NEVER)})
    with till.coming_up("--deadline", "60") as coming:
        coming.shows("late  starting")
        engine.kill()
        said = coming.ends(3)
    [error] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert engine.address in error and "invoke down till removes them" in said
    engine.start()
    assert till.left(), "nothing was left to remove"
    till.down().ok()
    assert till.left() == []


@pytest.mark.soak
@pytest.mark.fault("Y27")
def test_an_engine_that_hangs_while_a_system_comes_up_is_named(own_engine: MakeEngine, system: System) -> None:
    engine = own_engine()
    till = system(engine.address)
    till.write({"late": other(healthcheck=NEVER)})
    with till.coming_up("--deadline", "60") as coming:
        coming.shows("late  starting")
        engine.pause()
        try:
            said = coming.ends(3, within=180.0)  # slipway waits two minutes for an answer
        finally:
            engine.resume()
    [error] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert engine.address in error and "no answer within" in error and "invoke down till removes them" in said
    assert till.left(), "nothing was left to remove"
    till.down().ok()
    assert till.left() == []


@pytest.mark.fault("Y23")
def test_a_full_disk_of_the_engine_is_named(own_engine: MakeEngine, system: System) -> None:
    engine = own_engine(disk=DISK)
    till = system(engine.address)
    till.write({"one": other(), "two": other()})
    engine.fill()
    assert till.fails(12, "no space left on device").codes == ["disk-full"]
    engine.make_room()
    till.up().ok()
    till.down().ok()
