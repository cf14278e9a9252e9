"""``invoke release`` ended by SIGINT or SIGKILL before each request that writes, which follows a line of its journal.

Outside, over plain HTTP, the registry then has the record and all tags, or no record. ``release-resume`` finishes the
release without a build.
"""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.proxy import Exchange, Proxy
from tests.release.keys import key

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
RELEASE = ("release", "--no-smoke", "--also", "latest")
CODES = {signal.SIGINT: 130, signal.SIGKILL: -9}
#: A signed release of five images that are in the registry: record, signature, its list, claim, older manifests of
#: latest, two tags of each image, the record's publication. The end of the claim follows.
WRITES = 1 + 2 + 1 + 5 + 2 * 5 + 1
WRITE = "PUT .*/manifests/"


@dataclass
class Yard:
    """A checkout whose releases alternate between two contents, so that latest moves in each."""

    shop: Repository
    proxy: Proxy
    registry: str
    number: int = 1
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def next(self, floor: str = "") -> str:
        """Change the content, build it if need be, and return the next version."""
        self.number += 1
        for path in ("libs/floor.txt", "apps/svc_sign/sign.txt"):
            self.shop.write(path, f"{floor or self.number % 2}\n")
        self.shop.invoke("build").ok()
        return f"v{self.number}"

    def strike(self, version: str, signum: signal.Signals, pattern: str, after: int) -> None:
        """Release, and send the signal when a request that matches arrives. The registry does not get this request."""

        def trouble(exchange: Exchange) -> None:
            self.started[-1].send_signal(signum)
            if signum == signal.SIGKILL:
                self.started[-1].wait(20)
            exchange.hang_up()

        fault = self.proxy.fail(pattern, trouble, after=after)
        before = self.tags("latest")
        self.started.append(self.shop.start(*RELEASE, "--version", version))
        _, said = self.started[-1].communicate(timeout=120)
        assert fault.struck and self.started[-1].returncode == CODES[signum], said
        own = self.content()
        assert all(digest in ("", own[name]) for name, digest in self.tags(version).items())
        assert self.digest("releases", version) == ""
        if signum == signal.SIGINT:
            assert self.tags("latest") == before, said
            assert "Traceback" not in said and "invoke release-resume " in said

    def finish(self, version: str) -> None:
        """Resume the newest run twice, and look at the registry from outside."""
        run = self.shop.runs()[-1].name
        self.shop.invoke("release-resume", run).ok()
        assert self.shop.bakes() == []
        found = self.tags(version)
        assert self.recorded(version) == found == self.tags("latest") == self.content()
        record = self.digest("releases", version)
        self.shop.invoke("release-resume", run).ok()
        assert (self.tags(version), self.digest("releases", version)) == (found, record)

    def content(self) -> dict[str, str]:
        return {
            step["image"]: self.digest(step["image"], step["content"].rpartition(":")[2])
            for step in self.shop.json("plan")["steps"]
        }

    def tags(self, tag: str) -> dict[str, str]:
        return {name: self.digest(name, tag) for name in NAMES}

    def digest(self, name: str, tag: str) -> str:
        """Ask the registry itself, not the proxy."""
        url = f"http://{self.registry}/v2/{self.shop.settings['OWNER']}/{name}/manifests/{tag}"
        kinds = ("oci.image.manifest.v1", "docker.distribution.manifest.v2")
        accept = ", ".join(f"application/vnd.{kind}+json" for kind in kinds)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept})) as reply:
                return str(reply.headers["Docker-Content-Digest"])
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return ""

    def recorded(self, version: str) -> dict[str, str]:
        home = f"http://{self.registry}/v2/{self.shop.settings['OWNER']}/releases"
        headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        with urllib.request.urlopen(urllib.request.Request(f"{home}/manifests/{version}", headers=headers)) as reply:
            (layer,) = json.load(reply)["layers"]
        with urllib.request.urlopen(f"{home}/blobs/{layer['digest']}") as reply:
            subjects = json.load(reply)["subject"]
        return {one["name"].rpartition("/")[2]: f"sha256:{one['digest']['sha256']}" for one in subjects}


@pytest.fixture
def yard(stack: Stack, proxy: Proxy, registry: str, tmp_path: Path) -> Yard:
    made = Yard(stack("shop", REGISTRY=proxy.address, SIGN_KEY=key(tmp_path, "alice")), proxy, registry)
    made.shop.invoke(*RELEASE, "--version", made.next()).ok()
    return made


@pytest.mark.fault("P46")
def test_a_release_that_a_signal_ends_is_finished(yard: Yard) -> None:
    for signum, pattern, position in (
        (signal.SIGKILL, "PUT .*/manifests/(v|latest)", 7),
        (signal.SIGINT, "PUT .*/releases/manifests/v", 0),
    ):
        version = yard.next()
        yard.strike(version, signum, pattern, position)
        yard.finish(version)


@pytest.mark.soak
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_release_that_a_signal_ends_at_each_write_is_finished(yard: Yard, signum: signal.Signals) -> None:
    yard.shop.invoke(*RELEASE, "--version", yard.next()).ok()
    for position in range(WRITES):
        version = yard.next()
        yard.strike(version, signum, WRITE, position)
        yard.finish(version)
    version = yard.next()
    asked = len(yard.proxy.asked(WRITE))
    yard.shop.invoke(*RELEASE, "--version", version).ok()
    assert len(yard.proxy.asked(WRITE)) - asked == WRITES + 1
    for position in (0, 4):
        version = yard.next(f"new content {position}")
        yard.strike(version, signum, "PUT .*/manifests/in-", position)
        yard.finish(version)
    print(f"{WRITES + 2} releases ended by {signum.name}, each finished by release-resume, none built again")
