"""Test konnichiwa as a system: its key comes from compose's variable, and it writes nowhere."""

from __future__ import annotations

import pytest
import requests

from slipway.core.errors import SmokeError
from slipway.testing.plugin import RunningSystem

SECONDS = 30


def test_the_key_of_compose_s_variable_opens_inspect(system: RunningSystem, key: str) -> None:
    assert requests.get(f"{system.url('konnichiwa')}/health", timeout=SECONDS).status_code == 200
    url = f"{system.url('konnichiwa')}/inspect"
    opened = requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=SECONDS)
    assert (opened.status_code, opened.json()["user"]) == (200, 10001)
    closed = requests.get(url, timeout=SECONDS)
    assert (closed.status_code, closed.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("folder", ["/", "/app", "/opt/venv", "/var/tmp", "/tmp"])
def test_it_can_write_nowhere(system: RunningSystem, folder: str) -> None:
    with pytest.raises(SmokeError, match="Read-only file system"):
        system.service("konnichiwa").run("touch", f"{folder}/new")


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_it_answers_again_after_its_end(system: RunningSystem, ending: str) -> None:
    service = system.service("konnichiwa")
    service.stop() if ending == "stop" else service.kill()
    service.start()
    service.wait_until_healthy()
    assert requests.get(system.url("konnichiwa"), timeout=SECONDS).json() == {"message": "こんにちは"}
