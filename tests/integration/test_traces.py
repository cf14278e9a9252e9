"""The check that runs after every integration test does see what is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from slipway.smoke import orphans
from tests.rig import traces as looking
from tests.rig.outside import LABEL
from tests.rig.traces import SMOKE_ALONE, Traces

pytestmark = pytest.mark.integration


def test_a_process_is_seen_wherever_it_went(traces: Traces) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleep, cwd="/", env={**os.environ, **traces.environment}, start_new_session=True) as child:
        assert [line.split()[0] for line in traces.processes()] == [str(child.pid)]
        child.kill()
    assert traces.processes() == []


def test_a_temporary_file_is_seen(traces: Traces) -> None:
    made = traces.folder / "left"
    made.touch()
    assert traces.files() == ["left"]
    made.unlink()


def test_an_open_port_is_seen() -> None:
    before = looking._own_ports()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert looking._own_ports() - before == {server.getsockname()[1]}


@SMOKE_ALONE
def test_orphans_of_a_dead_run_in_the_engine_are_found(
    engine_client: Any, root_image: str, cli: Callable[..., str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        here = orphans.owner().rpartition(" ")[0].rpartition(" ")[0]
        owner = f"{here} {child.pid} 0"
    labels = ["--label", LABEL, "--label", "slipway.run=t", "--label", f"{orphans.OWNER_LABEL}={owner}"]
    made = [cli("create", *labels, root_image, "true")[:12], cli("volume", "create", *labels)]
    made.append(cli("network", "create", *labels, "t-slipway-left")[:12])
    try:
        assert {line.split()[0] for line in looking.orphaned(engine_client)} >= set(made)
    finally:
        cli("rm", made[0]), cli("volume", "rm", made[1]), cli("network", "rm", made[2])
    assert not {line.split()[0] for line in looking.orphaned(engine_client)} & set(made)
