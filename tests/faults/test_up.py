"""Systems that cannot come up: the first line names the cause, and nothing is left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.rig.engines import OwnEngine
from tests.rig.stacks import Repository
from tests.rig.systems import RunningSystem, cart, other

pytestmark = pytest.mark.integration
System = Callable[[], RunningSystem]
#: A health check that never succeeds.
NEVER = {"test": ["CMD", "test", "-f", "/never"], "interval": "1s"}
NO_PROGRAM = {"test": ["CMD", "no-such-program"], "interval": "1s"}


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
        volumes={"kept": {}},
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
]


@pytest.mark.fault("Y02", "Y03", "Y04", "Y06", "Y07", "Y08", "Y09", "Y14", "Y15", "Y16", "Y17")
@pytest.mark.parametrize(("service", "code", "word", "others"), CASES)
def test_a_service_that_cannot_come_up_is_named_with_its_cause(
    system: System, service: dict[str, Any], code: str, word: str, others: dict[str, Any]
) -> None:
    till = system()
    till.write({"beside": other(), "broken": service}, **others)
    ran = till.up("--json", "--deadline", "90").failed(12, word)
    assert "broken" in ran.closing or code in ("network-missing", "registry-unreachable")
    assert word in ran.closing.splitlines()[0] and ran.codes[0] == code
    assert [name for name in till.left() if not name.endswith("_kept")] == []


@pytest.mark.fault("Y05")
def test_a_service_that_never_becomes_healthy_is_named_at_the_deadline(system: System) -> None:
    till = system()
    till.write({"broken": other(healthcheck=NEVER)})
    ran = till.up("--json", "--deadline", "15").failed(12, "broken", "15 s")
    assert ran.codes == ["service-unhealthy"] and till.left() == []


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
    ran = till.up("--deadline", "60").failed(12, "broken", "no more", "exit code 6")
    assert "broken  healthy" in ran.stderr and till.left() == []


@pytest.mark.fault("Y10")
def test_every_missing_variable_is_named_before_anything_starts(system: System) -> None:
    till = system()
    environment = {"A": "${ONE:?}", "B": "${TWO:?}", "C": "${THREE:-3}"}
    token = {"token": {"environment": "TOKEN"}}
    till.write({"beside": other(environment=environment, secrets=["token"])}, secrets=token)
    ran = till.up("--json").failed(2, "ONE", "TWO")
    assert ran.codes == ["variable-missing", "variable-missing"] and till.left() == []
    till.shop.configure(ONE="1", TWO="2")
    assert till.up("--json").failed(2, "TOKEN").codes == ["variable-missing"] and till.left() == []
    till.up(TOKEN="geheim-4711").ok()


@pytest.mark.fault("Y11")
def test_every_missing_file_is_named_before_anything_starts(system: System) -> None:
    till = system()
    mount = {"type": "bind", "source": "./no-such-shelf", "target": "/shelf"}
    till.write({"a": other(), "b": other(secrets=["pin"], volumes=[mount])}, secrets={"pin": {"file": "./no-such-pin"}})
    ran = till.up("--json").failed(2, "b: secret pin", "no-such-pin", "/shelf", "no-such-shelf")
    assert ran.codes == ["file-missing", "file-missing"] and till.left() == []


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
    till.up().failed(2, "infra/compose/till.yaml")
    assert till.left() == []


@pytest.mark.fault("Y18")
@pytest.mark.parametrize("moment", ["a  starting", "b  running", "a  healthy"])
def test_ctrl_c_leaves_nothing_half_up(system: System, moment: str) -> None:
    till = system()
    till.write({"a": cart(till.shop), "b": other(), "late": other(healthcheck=NEVER)})
    till.shop.invoke("build", "svc-cart").ok()
    with till.shop.start("up", "till", "--deadline", "60") as process:
        assert process.stderr
        assert any(moment in line for line in process.stderr), f"{moment!r} was never shown"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert till.left() == []


@pytest.mark.fault("Y20")
def test_a_second_up_waits_for_no_other(system: System) -> None:
    till = system()
    till.write({"late": other(healthcheck=NEVER)})
    with till.shop.start("up", "till", "--deadline", "60") as process:
        assert process.stderr
        assert any("late  starting" in line for line in process.stderr)
        till.up().failed(11, f"up-{till.project}", str(process.pid))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert till.left() == []


@pytest.mark.fault("Y19")
def test_an_engine_that_is_killed_while_a_system_comes_up_is_named(
    stack: Callable[..., Repository], own_engine: Callable[..., OwnEngine]
) -> None:
    shop, engine = stack("shop"), own_engine()
    RunningSystem(shop).write({"late": other(healthcheck=NEVER)})
    with shop.start("up", "till", "--deadline", "60", DOCKER_HOST=engine.address) as process:
        assert process.stderr
        assert any("late  starting" in line for line in process.stderr), "it never started"
        engine.kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 3 and engine.address in said and "Traceback" not in said
