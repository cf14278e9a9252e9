"""A real browser in a container of the rig, driven by the W3C's WebDriver protocol.

https://www.w3.org/TR/webdriver2/ defines the requests; chromedriver answers them.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import requests

from slipway.config.settings import load
from tests.rig.engines import make_image
from tests.rig.outside import LABEL, machine_docker
from tests.rig.stacks import ROOT

BROWSER_IMAGE = "slipway-browser"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's key of an element's reference
_FLAGS = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "disable-background-networking")


class Browser:
    """A session of the browser. An element that does not appear within ``patience`` seconds fails the test."""

    def __init__(self, url: str, container: str, patience: float = 30.0) -> None:
        self._url = url
        self._container = container
        self._patience = patience
        self._http = requests.Session()
        self._http.trust_env = False
        options = {"args": [*(f"--{flag}" for flag in _FLAGS), "--window-size=1400,1290"]}
        capabilities = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._url += f"/session/{self._ask('POST', '/session', capabilities)['sessionId']}"

    def open(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})

    def find(self, css: str) -> str:
        """Return the first element that the selector finds, once there is one."""
        deadline = time.monotonic() + self._patience
        while True:
            found = self._ask("POST", "/elements", {"using": "css selector", "value": css})
            if found:
                return str(found[0][_ELEMENT])
            assert time.monotonic() < deadline, f"{css}: not on the page: {self.text('body')[:2000]}"
            time.sleep(0.1)

    def text(self, css: str) -> str:
        return str(self._ask("GET", f"/element/{self.find(css)}/text"))

    def type(self, css: str, text: str) -> None:
        self._ask("POST", f"/element/{self.find(css)}/value", {"text": text})

    def upload(self, css: str, name: str, data: bytes) -> None:
        """Give a file to the page's input, as a person does who chooses it."""
        words = ["docker", "exec", "--interactive", self._container, "sh", "-c", f"cat >/tmp/{name}"]
        subprocess.run(words, input=data, check=True, timeout=60)
        self.type(css, f"/tmp/{name}")

    def run(self, script: str) -> Any:
        """Run JavaScript on the page, and return its value."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def picture(self) -> bytes:
        """Return the visible page as PNG."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        reply = self._http.request(method, self._url + path, json=body if method == "POST" else None, timeout=60)
        assert reply.ok, reply.text
        return reply.json()["value"]


@contextlib.contextmanager
def a_browser(network: str) -> Iterator[Browser]:
    """A browser in ``network`` while this holds; its image is made of infra/rig the first time."""
    make_image(BROWSER_IMAGE, "browser.Dockerfile", f"ROOT_IMAGE={load(ROOT)['PYTHON_IMAGE']}")
    where = ["--init", "--network", network, "--publish", "127.0.0.1::9515", "--shm-size", "256m"]
    container = machine_docker("run", "--detach", "--label", LABEL, *where, BROWSER_IMAGE)
    try:
        address = machine_docker("port", container, "9515").splitlines()[0]
        _wait_until_it_answers(f"http://{address}")
        yield Browser(f"http://{address}", container)
    finally:
        machine_docker("rm", "--force", "--volumes", container)


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{url}/status", timeout=5).json()["value"]["ready"]:
                return
        assert time.monotonic() < deadline, "chromedriver does not answer"
        time.sleep(0.1)
