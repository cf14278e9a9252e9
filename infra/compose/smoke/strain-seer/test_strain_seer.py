"""Test strain-seer as a system: the page is served, and a tmpfs of its user is the one place that it writes to."""

from __future__ import annotations

import pytest
import requests

from slipway.core.errors import SmokeError
from slipway.testing.plugin import RunningSystem

SECONDS = 30


def test_the_page_and_its_programs_are_served(system: RunningSystem) -> None:
    url = system.url("strain-seer")
    page = requests.get(url, timeout=SECONDS)
    assert page.status_code == 200
    script = page.text.partition('src="./')[2].partition('"')[0]
    assert requests.get(f"{url}/{script}", timeout=SECONDS).headers["content-type"].endswith("/javascript")


def test_its_temporary_folder_is_its_own_and_the_one_place_that_it_writes_to(system: RunningSystem) -> None:
    service = system.service("strain-seer")
    assert service.run("stat", "--format", "%u:%g %a", "/tmp/app").strip() == "1000:1000 700"
    service.run("python", "-c", "import tempfile; tempfile.NamedTemporaryFile()")
    for folder in ("/", "/app", "/opt/venv", "/var/tmp", "/tmp"):
        with pytest.raises(SmokeError, match="Read-only file system"):
            service.run("touch", f"{folder}/new")


def test_it_answers_again_after_a_kill(system: RunningSystem) -> None:
    service = system.service("strain-seer")
    service.kill()
    service.start()
    service.wait_until_healthy()
    assert requests.get(f"{system.url('strain-seer')}/_stcore/health", timeout=SECONDS).text == "ok"
