"""Test strain-seer as a system: the page is served where the table says, and what it writes is lost."""

from __future__ import annotations

import requests

from slipway.testing.plugin import RunningSystem

SECONDS = 30


def test_the_page_is_served(system: RunningSystem) -> None:
    url = system.url("strain-seer")
    assert requests.get(f"{url}/_stcore/health", timeout=SECONDS).text == "ok"
    page = requests.get(url, timeout=SECONDS)
    assert page.status_code == 200 and "text/html" in page.headers["Content-Type"]


def test_it_writes_into_its_temporary_folder_alone(system: RunningSystem) -> None:
    service = system.service("strain-seer")
    assert service.run("sh", "-c", 'echo x > "$TMPDIR/x" && cat "$TMPDIR/x"') == "x\n"
    assert service.run("sh", "-c", "touch /app/x 2>/dev/null || echo refused") == "refused\n"
