"""``invoke clean`` with the real engine and registries, seen from outside: docker's CLI and plain HTTP.

Every image has a name of its own, because an image without a tag belongs to all checkouts with images of its name.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slipway.clean.items import Kind, Stay
from slipway.core.image import RUN_LABEL
from slipway.runs.lock import lock
from slipway.smoke.orphans import OWNER_LABEL, owner
from tests.faults.proxy import Proxy, status
from tests.rig.engines import OwnEngine
from tests.rig.outside import LABEL, docker
from tests.rig.registries import a_registry
from tests.rig.stacks import MANIFESTS, Ran
from tests.rig.terminals import a_terminal
from tests.rig.traces import SMOKE_ALONE

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("clean")]
RELEASE = ("release", "--no-smoke", "--also", "latest")
CLEAN = ("clean", "--yes", "--older-than", "0s")
#: The bytes of a file, which are whole blocks: some engines count blocks.
BLOCK = 4096
SIZE = 75 * BLOCK
#: No server listens there.
NOWHERE = "127.0.0.1:9"
TABLE = """
[tool.slipway]
moving-tags = ["latest"]
attach = ["provenance"]
"""
BASE = """\
ARG PYTHON_IMAGE
FROM ${{PYTHON_IMAGE}}
LABEL t={mark}
"""
SERVICE = """\
ARG REGISTRY
ARG OWNER
ARG BASE_VERSION
FROM ${{REGISTRY}}/${{OWNER}}/{base}:${{BASE_VERSION}}
COPY {folder}/content /
"""


@pytest.fixture
def keeping() -> Iterator[str]:
    """host:port of a registry that deletes nothing."""
    with a_registry({"REGISTRY_STORAGE_DELETE_ENABLED": "false"}) as (host, _):
        yield host


class Yard:
    """A base and a service on it, whose names no other test has; each edit of the service is other content."""

    def __init__(self, shop: Repository) -> None:
        self.shop, mark = shop, secrets.token_hex(3)
        self.base, self.service = f"base-{mark}", f"svc-{mark}"
        self._folder = f"apps/svc_{mark}"
        project = (shop.root / "pyproject.toml").read_text()
        shop.write("pyproject.toml", f"{project}{TABLE}")
        shop.write(f"infra/docker/{self.base}.Dockerfile", BASE.format(mark=mark))
        shop.write(f"{self._folder}/Dockerfile", SERVICE.format(base=self.base, folder=self._folder))
        self.edit()

    def edit(self) -> str:
        """Give the service other content; return its content tag."""
        (self.shop.root / self._folder / "content").write_bytes(os.urandom(SIZE))
        return self.shop.content(self.service).rpartition(":")[2]

    def push(self, *words: str) -> None:
        self.shop.invoke("build", "push", *words).ok()

    def clean(self, *words: str) -> dict[str, list[dict[str, Any]]]:
        """Clean, and return the items of each kind."""
        answer = self.shop.json(*CLEAN, *words)
        return {kind: [item for item in answer["items"] if item["kind"] == kind] for kind in Kind}

    def tags(self, name: str = "") -> set[str]:
        """All tags of an image in the registry, as it lists them itself."""
        path = f"{self.shop.settings['OWNER']}/{name or self.service}"
        return set(json.loads(get(self.shop, f"{path}/tags/list")).get("tags") or ())

    def manifest(self, reference: str) -> Any:
        return json.loads(get(self.shop, f"{self.shop.settings['OWNER']}/{self.service}/manifests/{reference}"))

    def holds(self, digest: str) -> bool:
        """Tell whether the registry has a manifest of the service."""
        try:
            return bool(self.manifest(digest))
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return False


def get(shop: Repository, path: str) -> bytes:
    request = urllib.request.Request(f"http://{shop.settings['REGISTRY']}/v2/{path}", headers={"Accept": MANIFESTS})
    with urllib.request.urlopen(request, timeout=10) as reply:
        content: bytes = reply.read()
        return content


def still_stands(shop: Repository, version: str) -> None:
    """Check that a release is whole, and that slipway can return to it."""
    shop.invoke("release.verify", version).ok()
    shop.invoke("release.rollback", version, "--yes").ok()
    assert "moved on" not in shop.invoke("release.verify", version).ok().stdout


@pytest.mark.both_stores
@pytest.mark.fault("P18")
@pytest.mark.fault("P75")
def test_every_release_stands_after_a_cleaning_that_removes_all_it_may(stack: Stack) -> None:
    yard = Yard(stack("blank"))
    shop = yard.shop
    shop.invoke("build", *RELEASE).ok()
    second = yard.edit()
    shop.invoke(*RELEASE, "--version", "v2").ok()
    left = yard.edit()
    yard.push("--version", "v3")
    digest = shop.published(yard.service, "v3")
    moved_on = yard.edit()
    yard.push("--version", "v3", "--force")
    now = yard.edit()
    yard.push("--version", "v4")
    before = yard.tags()
    referrers = digest.replace(":", "-")
    artifacts = [one["digest"] for one in yard.manifest(referrers)["manifests"]]
    assert {left, referrers} <= before and yard.holds(digest)

    by_age = shop.json("clean", "--dry-run")
    assert by_age["items"] == [] and by_age["stays"][Kind.CONTENT][Stay.YOUNG] == 1
    looked = shop.json("clean", "--dry-run", "--older-than", "0s")
    assert yard.tags() == before and yard.holds(digest)
    done = yard.clean()
    items = [item for kind in done.values() for item in kind]
    assert {item["name"] for item in items} == {item["name"] for item in looked["items"]}
    assert all(item["removed"] for item in items)

    assert before - yard.tags() == {left, referrers}
    assert len(artifacts) == 1 and not any(map(yard.holds, [digest, *artifacts]))
    content = done[Kind.CONTENT][0]
    assert SIZE < content["bytes"] < SIZE + 20_000, "its layer, manifest, configuration and document, nothing shared"
    sizes = [item["bytes"] - SIZE for item in done[Kind.IMAGE]]
    assert sizes in ([0, 0], [BLOCK, BLOCK]), "containerd counts the block of the folder, too"
    here = {tag for tag in shop.tags() if tag.startswith(yard.service)}
    assert {f"{yard.service}:{tag}" for tag in (second, now)} <= here
    assert not {f"{yard.service}:{tag}" for tag in (left, moved_on)} & here
    ended = [run / "run.json" for run in shop.runs() if (run / "run.json").exists()]
    assert [json.loads(run.read_text())["command"] for run in ended] == ["clean"]
    still_stands(shop, "v1")
    still_stands(shop, "v2")
    assert shop.steps()[yard.service][0] == "reuse"
    assert {item["kind"] for kind in yard.clean().values() for item in kind} == {Kind.RUN}


@pytest.mark.fault("P76")
def test_a_registry_that_deletes_nothing_keeps_all_and_the_rest_goes(stack: Stack, keeping: str) -> None:
    yard = Yard(stack("blank", REGISTRY=keeping))
    yard.push()
    first = yard.edit()
    yard.push("--force")
    yard.edit()
    yard.push("--force")
    before = yard.tags()
    ran = yard.shop.invoke(*CLEAN).ok()
    assert f"{yard.shop.settings['REGISTRY']} deletes nothing (405)" in ran.stderr
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in ran.stderr
    assert yard.tags() == before and first in before
    assert f"{yard.service}:{first}" not in yard.shop.tags()


@SMOKE_ALONE
@pytest.mark.fault("P77")
def test_containers_in_use_stay_with_their_image_and_those_of_killed_tests_go(stack: Stack) -> None:
    yard = Yard(stack("blank"))
    used = yard.edit()
    yard.shop.invoke("build").ok()
    image = yard.shop.reference(yard.service, used)
    container = docker("create", "--label", LABEL, image, "sh")
    run = secrets.token_hex(4)
    dead = ["--label", f"{RUN_LABEL}={run}", "--label", f"{OWNER_LABEL}={owner().rpartition(' ')[0]} 1"]
    living = ["--label", f"{RUN_LABEL}={run}", "--label", f"{OWNER_LABEL}={owner()}"]
    made = [docker("volume", "create", *dead, f"t-{run}-dead"), docker("network", "create", *dead, f"t-{run}-dead")]
    kept = docker("volume", "create", *living, f"t-{run}-living")
    orphan = docker("create", *dead, "--volume", f"{made[0]}:/data", image, "sh")
    try:
        yard.edit()
        done = yard.clean()
        assert [item["name"].partition(" ")[0] for item in done[Kind.LEFTOVER]] == ["container", "volume", "network"]
        assert all(item["removed"] for item in done[Kind.LEFTOVER])
        filters = ("--filter", f"label={RUN_LABEL}={run}", "--quiet")
        assert docker("ps", "--all", *filters) == docker("network", "ls", *filters) == ""
        assert docker("volume", "ls", *filters) == kept
        assert done[Kind.IMAGE] == [] and yard.shop.image_id(image)
    finally:
        docker("rm", "--force", container, orphan, check=False)
        docker("volume", "rm", "--force", kept, made[0], check=False)
        docker("network", "rm", made[1], check=False)
    (gone,) = yard.clean()[Kind.IMAGE]
    assert image in gone["name"] and not yard.shop.image_id(image)


@pytest.mark.fault("P78")
def test_a_cleaning_waits_for_no_other_run_of_the_checkout(stack: Stack) -> None:
    yard = Yard(stack("blank"))
    home = yard.shop.root / ".slipway"
    target = f"{yard.shop.settings['REGISTRY']}-{yard.shop.settings['OWNER']}".replace(":", "-")
    for name in ("build", f"push-{target}", f"release-{target}"):
        with lock(home, name):
            yard.shop.invoke(*CLEAN).failed(11, f"{name}: held by process {os.getpid()}")
    yard.shop.invoke(*CLEAN).ok()


@pytest.mark.fault("P79")
def test_a_removal_that_fails_is_reported_and_the_rest_goes_on(stack: Stack, registry: str) -> None:
    proxy = Proxy(registry)
    try:
        yard = Yard(stack("blank", REGISTRY=proxy.address))
        tags = [yard.edit()]
        yard.push()
        tags.append(yard.edit())
        yard.push("--force")
        lost = [yard.shop.published(yard.service, tag) for tag in tags]
        yard.edit()
        yard.push("--force")
        before = yard.shop.tags()
        unread = proxy.fail("GET .*/releases/tags/list", status(403))
        yard.shop.invoke(*CLEAN).failed(7, "/releases: tags")
        assert unread.struck and yard.shop.tags() == before and all(map(yard.holds, lost))
        fault = proxy.fail(f"DELETE .*{lost[0]}", status(403), times=9)
        ran: Ran = yard.shop.invoke(*CLEAN).failed(7, f"{yard.service}:{tags[0]}: ", "could not be removed")
        assert fault.struck and "denied without a login" in ran.closing
        assert (yard.holds(lost[0]), yard.holds(lost[1])) == (True, False)
        fault.times = 0
        yard.shop.invoke(*CLEAN).ok()
        assert not yard.holds(lost[0])
    finally:
        proxy.close()


def test_a_person_at_a_terminal_sees_the_bytes_and_may_decline_also_without_a_registry(stack: Stack) -> None:
    yard = Yard(stack("blank", REGISTRY=NOWHERE))
    yard.shop.invoke("build").ok()
    old = yard.shop.content(yard.service)
    yard.edit()
    argv = (sys.executable, "-m", "invoke", "clean", "--older-than", "0s")
    with a_terminal(argv, yard.shop.root, yard.shop.environment({})) as terminal:
        terminal.sees(f"{NOWHERE} does not answer: slipway looks at nothing in it")
        terminal.sees("images in the engine")
        terminal.sees("307 kB")
        terminal.sees("Remove them for good?")
        terminal.type("no\n")
        terminal.sees("declined; nothing was removed")
        assert terminal.ends() == 2
    assert yard.shop.image_id(old)


def test_the_bytes_are_those_that_the_engine_frees_and_its_cache_goes_only_when_asked_for(
    stack: Stack, own_engine: Callable[..., OwnEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = own_engine()
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    yard = Yard(stack("blank"))
    for _ in range(3):
        yard.edit()
        yard.shop.invoke("build").ok()

    def usage() -> tuple[int, int]:
        said = json.loads(engine.docker("system", "df", "--format", "json").splitlines()[0])
        assert said["Type"] == "Images"
        raw: Any = engine_get(engine, "/system/df")
        return int(raw["LayersSize"]), len(raw["BuildCache"] or ())

    layers, records = usage()
    done = yard.clean()
    assert len(done[Kind.IMAGE]) == 2 and done[Kind.CACHE] == []
    assert layers - usage()[0] == sum(item["bytes"] for item in done[Kind.IMAGE]) == 2 * SIZE
    assert usage()[1] == records > 0
    (cache,) = yard.clean("--cache")[Kind.CACHE]
    assert cache["removed"] and usage()[1] < records


def engine_get(engine: OwnEngine, path: str) -> Any:
    with urllib.request.urlopen(f"http://{engine.address.removeprefix('tcp://')}{path}", timeout=30) as reply:
        return json.load(reply)


@pytest.mark.xdist_group("build host")
def test_old_runs_on_the_build_host_go_and_young_ones_stay(stack: Stack, build_host: BuildHost) -> None:
    yard = Yard(stack("blank", **build_host.settings))
    for _ in range(2):
        yard.edit()
        yard.shop.invoke("build", "--remote").ok()
    find = f"find /var/tmp/slipway -path '*{yard.shop.settings['OWNER']}*/runs/*' -maxdepth 5 -prune"
    runs = build_host.sh(find).split()
    old = next(run for run in runs if Path(run).name == yard.shop.runs()[0].name)
    build_host.sh(f"touch -d '2 days ago' {old}")
    answer = yard.shop.json("clean", "--yes", "--older-than", "1d", "--remote")
    (item,) = [item for item in answer["items"] if item["kind"] == Kind.REMOTE_RUN]
    assert item["removed"] and item["bytes"] > 0
    assert set(build_host.sh(find).split()) == set(runs) - {old}
    yard.shop.invoke("remote-clean", "--yes").ok()
