"""A release, its rollback and its continuation on each kind of registry, and the registry asked past slipway.

Debian's registry asks for a password, and has TLS at an address that docker verifies. Before the others stand proxies
that do what Gitea and zot do differently.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.registry.artifact import fallback_tag
from tests.faults.proxy import Fault, Proxy, status
from tests.rig.dialects import PASSWORD, USER, Gitea, Zot
from tests.rig.engines import STORES, OwnEngine
from tests.rig.outside import docker, machine_docker, wait_until
from tests.rig.registries import a_registry, a_tls_registry
from tests.rig.stacks import MANIFESTS

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
DOCUMENTS = ["application/vnd.cyclonedx+json", "application/vnd.in-toto+json"]
RELEASE = ("release", "--no-smoke", "--also", "latest")
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
#: The second version has a letter that Gitea does not keep.
FIRST, SECOND = "v1", "V2"
JOURNAL = "journal.jsonl"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Place:
    """Hold a registry to release to. ``url`` and ``context`` lead to it past slipway and past a proxy.

    ``lists``: the URL of a registry that lists referrers itself. ``begins`` comes before the first release. ``breaks``
    begins the second one, which ends early; ``repairs`` ends the cause, and ``finishes`` ends the release.
    """

    address: str
    container: str
    url: str
    breaks: Callable[[Repository], object]
    repairs: Callable[[], object] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    lists: str = ""
    begins: Callable[[Repository], object] = lambda shop: None
    finishes: Callable[[Repository], object] = lambda shop: resumed(shop)

    def ask(self, path: str, url: str = "") -> bytes | None:
        headers = {"Accept": MANIFESTS, "Authorization": f"Basic {LOGIN}"}
        request = urllib.request.Request(f"{url or self.url}/v2/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.context) as reply:
                content: bytes = reply.read()
                return content
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    def stands(self, shop: Repository, tag: str) -> dict[str, str]:
        """Return the digest for which a tag of each image stands."""
        found = {name: self.ask(f"{shop.settings['OWNER']}/{name}/manifests/{tag}") for name in NAMES}
        return {name: sha256(body) if body else "" for name, body in found.items()}

    def documents(self, shop: Repository, name: str, digest: str) -> list[str]:
        """Return the types of the artifacts in the list of an image, which stands in one place alone."""
        home = f"{shop.settings['OWNER']}/{name}"
        tagged = self.ask(f"{home}/manifests/{fallback_tag(digest)}")
        listed = self.ask(f"{home}/referrers/{digest}", self.lists) if self.lists else tagged
        assert listed and bool(tagged) != bool(self.lists)
        return sorted(entry["artifactType"] for entry in json.loads(listed)["manifests"])

    def uploads(self) -> str:
        """Return the uploads that neither ended nor were cancelled. Of these, the registry keeps an empty folder."""
        return machine_docker("exec", self.container, "find", "/var/lib/registry", "-path", "*/_uploads/*/startedat")


def resumed(shop: Repository) -> None:
    broken = next(run for run in reversed(shop.runs()) if (run / "release.json").exists())
    shop.invoke("release.resume", broken.name).ok()


def released_again(shop: Repository) -> None:
    """Release as another machine does: the journal is lost, and the engine has no image."""
    shutil.rmtree(shop.root / ".slipway")
    docker("image", "rm", "--force", *(f"{shop.prefix}/{tag}" for tag in shop.tags()))
    listed = shop.json(*RELEASE, "--version", SECOND, "--dry-run")
    assert (listed["builds"], listed["record"], sum(bool(tag["stands"]) for tag in listed["tags"])) == ([], "", 10)
    shop.invoke(*RELEASE, "--version", SECOND).ok()


def bakes(runs: Iterable[Path]) -> list[str]:
    """Return the commands of bakes in the journals of runs."""
    lines = [line for run in runs if (run / JOURNAL).exists() for line in (run / JOURNAL).read_text().splitlines()]
    return [line for line in lines if '"command":' in line]


def docker_config(folder: Path, registry: str) -> dict[str, str]:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": LOGIN}}}))
    return {"DOCKER_CONFIG": str(folder)}


@contextmanager
def debian(folder: Path, own_engine: Callable[..., OwnEngine], store: str) -> Iterator[Place]:
    """Debian's registry with TLS and a password, and an engine that trusts its CA. The second release is killed."""
    with a_tls_registry(folder, PASSWORD) as registry:
        engine = own_engine(*STORES[store])
        trusted = f"/etc/docker/certs.d/{registry.address}"
        machine_docker("exec", engine.container, "mkdir", "--parents", trusted)
        machine_docker("cp", str(registry.certificate), f"{engine.container}:{trusted}/ca.crt")
        environment = {
            **docker_config(folder / "docker", registry.address),
            "DOCKER_HOST": engine.address,
            "SSL_CERT_FILE": str(registry.certificate),
        }
        context = ssl.create_default_context(cafile=registry.certificate)
        url = f"https://{registry.address}"
        yield Place(registry.address, registry.container, url, killed, environment=environment, context=context)


def killed(shop: Repository) -> None:
    before = set(shop.runs())

    def uploads() -> bool:
        journals = [run / JOURNAL for run in shop.runs() if run not in before]
        return any('"upload":' in journal.read_text() for journal in journals if journal.exists())

    process = shop.start(*RELEASE, "--version", SECOND)
    wait_until(uploads, "the second release uploads")
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -9


@contextmanager
def gitea(folder: Path) -> Iterator[Place]:
    """A registry that behaves as Gitea: tokens expire amid the release, and the record of the second is refused.

    Before that one, a tag stands for a manifest that no other tag names.
    """
    with a_registry({}) as (behind, container):
        proxy = Gitea(behind)
        refuses, repairs = broken_by(proxy)

        def breaks(shop: Repository) -> None:
            path = f"{shop.settings['OWNER']}/svc-cart/manifests"
            alone = proxy.put(f"{path}/latest", proxy.ask("GET", f"{path}/latest") + b"\n")
            refuses(shop)
            assert sha256(proxy.ask("GET", f"{path}/latest")) == alone
            assert alone not in proxy.removed

        try:
            proxy.fail("PUT .*/svc-cart/manifests/v1", proxy.expire)
            environment = docker_config(folder / "docker", proxy.address)
            yield Place(proxy.address, container, f"http://{behind}", breaks, repairs, environment)
            proxy.check()
            assert proxy.overlaps == 0 and proxy.tokens > 2
        finally:
            proxy.close()


@contextmanager
def zot(store: str) -> Iterator[Place]:
    """A registry that behaves as zot, which takes Docker's own manifests only with ``compat``."""
    with a_registry({}) as (behind, container):
        proxy = Zot(behind)

        def begins(shop: Repository) -> None:
            if store == "classic":
                shop.invoke(*RELEASE).failed(7, "manifest invalid", "zot: compat docker2s2")
            proxy.compat = True

        try:
            lists = f"http://{proxy.address}"
            breaks, repairs = broken_by(proxy)
            url = f"http://{behind}"
            yield Place(
                *(proxy.address, container, url, breaks, repairs), lists=lists, begins=begins, finishes=released_again
            )
            proxy.check()
            assert proxy.asked_for_lists > len(NAMES)
        finally:
            proxy.close()


def broken_by(proxy: Proxy) -> tuple[Callable[[Repository], object], Callable[[], object]]:
    """Let the registry refuse the record of the second release, until ``repairs``."""
    faults: list[Fault] = []

    def breaks(shop: Repository) -> None:
        faults.append(proxy.fail(f"PUT .*/releases/manifests/{SECOND}", status(403), times=9))
        shop.invoke(*RELEASE, "--version", SECOND).failed(8, "5 of 10 version tags moved", "invoke release-resume ")

    def repairs() -> None:
        faults[0].times = 0

    return breaks, repairs


@pytest.fixture(params=["debian", "gitea", "zot"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, own_engine: Callable[..., OwnEngine], store: str
) -> Iterator[Place]:
    kinds = {
        "debian": lambda: debian(tmp_path, own_engine, store),
        "gitea": lambda: gitea(tmp_path),
        "zot": lambda: zot(store),
    }
    with kinds[request.param]() as place:
        yield place


@pytest.mark.fault("P01", "P08", "P13", "P14", "P16", "P18", "P49")
def test_a_release_on_each_kind_of_registry(stack: Stack, place: Place) -> None:
    shop = stack("shop", REGISTRY=place.address)
    shop.around = {**shop.around, **place.environment}
    shop.write("pyproject.toml", (shop.root / "pyproject.toml").read_text() + 'attach = ["sbom", "provenance"]\n')
    place.begins(shop)
    shop.invoke(*RELEASE).ok()
    one = place.stands(shop, FIRST)
    assert place.stands(shop, "latest") == one and "" not in one.values()
    assert [place.documents(shop, name, one[name]) for name in NAMES] == [DOCUMENTS] * len(NAMES)
    assert place.uploads() == ""

    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    place.breaks(shop)
    runs = shop.runs()
    assert bakes(runs)
    place.repairs()
    place.finishes(shop)
    finishing = [run for run in shop.runs() if run not in runs]
    assert finishing and bakes(finishing) == []
    kept = "V2" if place.ask(f"{shop.settings['OWNER']}/releases/manifests/V2") else "v2"
    two = place.stands(shop, kept)
    assert place.stands(shop, "latest") == two
    assert {name for name in NAMES if one[name] != two[name]} == {"svc-cart"}
    assert place.documents(shop, "svc-cart", two["svc-cart"]) == DOCUMENTS
    shop.invoke("release.verify", SECOND).ok()

    shop.invoke("release.rollback", FIRST, "--yes").ok()
    assert (place.stands(shop, FIRST), place.stands(shop, kept), place.stands(shop, "latest")) == (one, two, one)
    assert {entry["version"] for entry in shop.json("release.list")} == {FIRST, SECOND}
