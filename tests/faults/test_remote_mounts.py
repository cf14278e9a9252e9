"""Files that a system on a build host mounts: missing, closed, of another owner, or left there by a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig import in_process
from tests.rig.capabilities import modes_count
from tests.rig.stacks import Ran
from tests.rig.systems import RemoteSystem, cart

pytestmark = pytest.mark.integration
#: A health check that never succeeds.
NEVER = {"test": ["CMD", "test", "-f", "/never"], "interval": "1s"}
PIN = {"pin": {"file": "./pin"}}


def up_where_modes_count(till: RemoteSystem, *words: str) -> Ran:
    """Bring the system up without root's right to read every file."""
    environment = till.shop.environment({})
    with modes_count():
        done = in_process.invoke("up", "till", *words, cwd=till.shop.root, env=environment)
    return Ran(done.returncode, done.stdout, done.stderr, 0).decent()


@pytest.fixture
def closed(remote_system: RemoteSystem) -> Iterator[Path]:
    """The file of a secret, without any permission."""
    pin = remote_system.shop.write("infra/compose/pin", "geheim-4711")
    pin.chmod(0)
    yield pin
    pin.chmod(0o600)


@pytest.mark.fault("Y30")
@pytest.mark.parametrize("where", [(), ("--remote",)], ids=["here", "on the build host"])
def test_a_secret_that_the_user_may_not_read_starts_nothing(
    remote_system: RemoteSystem, closed: Path, where: tuple[str, ...]
) -> None:
    till = remote_system
    till.write({"beside": cart(till.shop), "vault": cart(till.shop, secrets=["pin"])}, secrets=PIN)
    ran = up_where_modes_count(till, "--json", *where).failed(2, "vault", "secret pin", "infra/compose/pin")
    assert ran.codes == ["file-unreadable"]
    assert till.left() == [] and till.shop.tags() == set(), "nothing was started or built"


@pytest.mark.fault("Y31")
def test_every_file_to_send_that_is_missing_is_named_before_anything_starts(remote_system: RemoteSystem) -> None:
    till = remote_system
    till.write({"vault": cart(till.shop, secrets=["pin"], volumes=["./shelf:/shelf"])}, secrets=PIN)
    ran = till.up("--remote", "--json").failed(2, "secret pin", "infra/compose/pin", "/shelf", "infra/compose/shelf")
    assert ran.codes == ["file-missing", "file-missing"]


def writer(till: RemoteSystem, mount: str) -> dict[str, Any]:
    """A service that writes a file of its mount as a user that does not own it."""
    command = ["sh", "-c", "echo x > /shelf/list.txt || exit 4"]
    return cart(till.shop, user="10001", command=command, volumes=[f"{mount}:/shelf"])


@pytest.mark.fault("Y32")
def test_a_folder_of_another_owner_is_named_by_the_service_that_writes_it(remote_system: RemoteSystem) -> None:
    till = remote_system
    till.shop.write("infra/compose/shelf/list.txt", "")
    till.write({"vault": writer(till, "./shelf")})
    ran = till.up("--json").failed(12, "vault", "ermission denied")
    assert ran.codes == ["service-ended"] and till.left() == []


@pytest.mark.fault("Y32", "Y34")
def test_a_mount_that_fails_on_the_build_host_leaves_nothing_there(remote_system: RemoteSystem) -> None:
    """The engine makes no folder in place of a missing path."""
    till = remote_system
    till.shop.write("infra/compose/shelf/list.txt", "")
    till.write({"vault": writer(till, "./shelf")})
    ran = till.up("--remote", "--json").failed(12, "vault", "ermission denied")
    assert ran.codes == ["service-ended"] and till.left_there() == ""
    till.write({"vault": writer(till, "/srv/no-such-folder")})
    ran = till.up("--remote", "--json").failed(12, "/srv/no-such-folder")
    assert ran.codes == ["file-missing"] and till.left_there() == ""
    assert till.host.sh("ls -d /srv/no-such-folder 2>/dev/null || true") == ""


@pytest.mark.fault("Y33")
def test_the_secrets_of_a_killed_up_go_with_the_next_run(remote_system: RemoteSystem) -> None:
    till = remote_system
    till.shop.write("infra/compose/pin", "geheim-4711").chmod(0o600)
    till.write({"late": cart(till.shop, secrets=["pin"], healthcheck=NEVER)}, secrets=PIN)
    with till.shop.start("up", "till", "--remote", "--deadline", "60") as process:
        assert process.stderr
        assert any("late  starting" in line for line in process.stderr)
        process.kill()
        process.communicate(timeout=60)
    assert till.copies()["pin"] == "444 builder", "the system is still up"
    till.shop.invoke("remote-clean", "--yes").ok()
    assert till.copies()["pin"] == "444 builder", "no run takes the files of a system that is up"
    till.host.sh("docker ps -aq | xargs docker rm --force; docker network prune --force")
    till.shop.invoke("build", "svc-sign", "--remote").ok()
    assert till.left_there() == ""
    till.shop.invoke("remote-clean", "--yes").ok()


@pytest.mark.fault("Y35")
def test_a_connection_that_is_lost_while_a_system_comes_up_leaves_no_secret(remote_system: RemoteSystem) -> None:
    till = remote_system
    till.shop.write("infra/compose/pin", "geheim-4711").chmod(0o600)
    till.write({"late": cart(till.shop, secrets=["pin"], healthcheck=NEVER)}, secrets=PIN)
    with till.shop.start("up", "till", "--remote", "--deadline", "12") as process:
        assert process.stderr
        assert any("late  starting" in line for line in process.stderr)
        assert till.host.cut()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 12 and "connected again" in said, said
    assert till.left_there() == ""
