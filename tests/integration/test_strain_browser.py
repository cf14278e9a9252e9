"""strain-seer in a real browser: choose a file, see its curve and its properties. ``nox -s browser`` runs this.

The system is the one of infra/compose/strain-seer.yaml, with the image that ``invoke build svc-strain-seer`` made; the
browser is the rig's. ``STRAIN_PICTURE=FILE`` keeps the picture of the page.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from svc_strain_seer import examples

from slipway.config.settings import load
from tests.rig.browser import Browser, a_browser
from tests.rig.stacks import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.soak, pytest.mark.browser]
FILE_INPUT = "input[type=file]"
#: The browser is in the system's network, and a developer's own system may have the port.
UNPUBLISHED = "services: {strain-seer: {ports: !reset []}}"
#: The test that the pictures of docs/ show: steel, 12 mm in diameter, 80 mm between the marks.
TEST = examples.pull(examples.STEEL, noise=(4e-6, 0.5), seed=7)


def compose(project: str, *words: str) -> str:
    """Run docker compose on the system's own file, as a user does."""
    settings = load(ROOT)
    named = {name: settings[name] for name in ("REGISTRY", "OWNER")} | {"VERSION": settings.version("service")}
    files = ["--file", "infra/compose/strain-seer.yaml", "--file", "-"]
    command = ["docker", "compose", "--project-name", project, *files, *words]
    environment = os.environ | named
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=UNPUBLISHED, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def system() -> Iterator[str]:
    """The network of the running system."""
    project = f"t-strain-{os.getpid()}"
    try:
        compose(project, "up", "--wait", "--no-recreate")
        yield f"{project}_default"
    finally:
        compose(project, "down", "--volumes", "--timeout", "5")


@pytest.fixture
def page(system: str) -> Iterator[Browser]:
    with a_browser(system) as browser:
        browser.open("http://strain-seer:8501")
        browser.find(FILE_INPUT)
        yield browser


def wait_for(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def metrics(page: Browser) -> dict[str, str]:
    script = """return JSON.stringify(Object.fromEntries([...document.querySelectorAll('[data-testid=stMetric]')].map(
        one => [one.querySelector('[data-testid=stMetricLabel]').innerText.split(', ').pop(),
                one.querySelector('[data-testid=stMetricValue]').innerText])))"""
    found: dict[str, str] = json.loads(page.run(script))
    return found


def test_a_file_is_chosen_and_its_curve_is_seen(page: Browser) -> None:
    page.upload(FILE_INPUT, "S275-07.csv", examples.as_csv(TEST, area=113.1, gauge_length=80))
    page.find("[data-testid=stAlert]")
    page.type("input[aria-label='Cross section (mm²)']", "\ue009a\ue000113.1\ue007")
    page.type("input[aria-label='Gauge length (mm)']", "\ue009a\ue00080\ue007")
    wait_for(lambda: set(metrics(page)) == {"E", "Rp0.2", "Rm", "A"})
    shown = {symbol: float(value.split()[0]) for symbol, value in metrics(page).items()}
    assert shown["E"] == pytest.approx(206, rel=0.02)
    assert shown["Rp0.2"] == pytest.approx(285, rel=0.02)
    assert shown["Rm"] == pytest.approx(390, rel=0.01)
    wait_for(lambda: bool(page.run("return [...document.images].some(one => one.complete && one.naturalWidth > 1000)")))
    page.find("[data-testid=stDownloadButton]")
    assert page.run("return document.querySelectorAll('[data-testid=stDownloadButton]').length") == 4
    picture = page.picture()
    assert picture.startswith(b"\x89PNG")
    if kept := os.environ.get("STRAIN_PICTURE"):
        Path(kept).write_bytes(picture)


def test_a_file_that_is_too_large_is_refused(page: Browser) -> None:
    page.upload(FILE_INPUT, "large.csv", b"1;2\n" * 6_000_000)
    wait_for(lambda: "File must be 20.0MB or smaller" in page.text("[data-testid=stFileUploader]"))


def test_a_file_that_is_not_a_table_is_refused_with_its_reason(page: Browser) -> None:
    page.upload(FILE_INPUT, "picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert "binary, not text" in page.text("[data-testid=stAlert]")
