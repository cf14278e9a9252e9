"""Test konnichiwa as a system: it answers where the table says, and its key opens /inspect."""

from __future__ import annotations

import os

import requests

from slipway.testing.plugin import RunningSystem

SECONDS = 30


def test_the_key_of_the_environment_opens_inspect(system: RunningSystem) -> None:
    url = system.url("konnichiwa")
    assert requests.get(f"{url}/health", timeout=SECONDS).status_code == 200
    assert requests.get(f"{url}/inspect", timeout=SECONDS).status_code == 401
    key = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    assert requests.get(f"{url}/inspect", headers=key, timeout=SECONDS).status_code == 200


def test_it_comes_back_after_a_stop(system: RunningSystem) -> None:
    service = system.service("konnichiwa")
    service.stop()
    service.start()
    service.wait_until_healthy()
    assert requests.get(system.url("konnichiwa"), timeout=SECONDS).json() == {"message": "こんにちは"}
