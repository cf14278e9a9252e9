"""Images for two platforms, one of them by emulation: built, tested, pushed and released as one index."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slipway.config.environment import surroundings
from slipway.core.platform import this_platform
from tests.rig.stacks import MANIFESTS
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.builders import Builder
    from tests.rig.engines import OwnEngine
    from tests.rig.stacks import Ran, Repository

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("platforms")]
BOTH = ["linux/amd64", "linux/arm64"]
(FOREIGN,) = {*BOTH} - {this_platform()}
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
RELEASE = ("release", "--no-smoke", "--also", "latest")
#: buildx, on a machine that runs no program of another platform.
BUILDX = """\
#!/bin/sh
case "$*" in *type=cacheonly*) echo "exec format error" >&2; exit 1 ;; esac
exec {buildx} "$@"
"""


def manifest(shop: Repository, name: str, tag: str) -> dict[str, Any]:
    """Return a manifest of the registry, as any client reads it."""
    url = f"http://{shop.settings['REGISTRY']}/v2/{shop.settings['OWNER']}/{name}/manifests/{tag}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFESTS}), timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def platforms(shop: Repository, name: str, tag: str) -> list[str]:
    """Return the platforms of an index in the registry."""
    kinds = [each["platform"] for each in manifest(shop, name, tag).get("manifests", ())]
    return [f"{kind['os']}/{kind['architecture']}" for kind in kinds]


def content_tag(shop: Repository, name: str) -> str:
    return shop.content(name).rpartition(":")[2]


def verdicts(ran: Ran) -> dict[str, str]:
    """Return platform → verdict, of the smoke tests of one image."""
    rows = [line.split("   ") for line in ran.stdout.splitlines()]
    return {row[0].split()[1]: row[1].strip() for row in rows}


@SMOKE
def test_an_index_is_tested_on_each_platform_released_and_returned_to(
    twins: Repository, with_indexes: OwnEngine
) -> None:
    twins.invoke("build").ok()
    assert verdicts(twins.invoke("smoke", "svc-twin").ok()) == dict.fromkeys(BOTH, "passed")
    run = ("run", "--rm", "--platform", FOREIGN, twins.reference("svc-twin"), "sh", "-c")
    for command in ("uname -m", "cat /site/machine"):
        assert with_indexes.docker(*run, command) == MACHINES[FOREIGN]

    twins.invoke(*RELEASE).ok()
    one = twins.published("svc-twin")
    assert platforms(twins, "svc-twin", "v1") == BOTH and twins.image_id(twins.reference("svc-twin")) == one
    recorded_images = json.loads((twins.root / ".slipway/releases/v1.json").read_text())["predicate"]["images"]
    (_, recorded) = recorded_images
    members = [manifest(twins, "svc-twin", each["digest"]) for each in manifest(twins, "svc-twin", "v1")["manifests"]]
    sizes = [blob["size"] for member in members for blob in (member["config"], *member["layers"])]
    assert (recorded["digest"], recorded["platforms"], recorded["size"]) == (one, BOTH, sum(sizes))

    twins.write("apps/svc_twin/hello.txt", "another hello\n")
    ran = twins.invoke("base.rehearse", "release", "--also", "latest", "--version", "v2").ok()
    again = re.findall(r"^(\S+) +rehearsed +sha256:", ran.stdout, re.MULTILINE)
    assert again == [image["name"] for image in recorded_images], "the release tested none again"
    two = twins.published("svc-twin", "v2")
    assert (twins.published("svc-twin", "latest"), twins.published("svc-twin")) == (two, one) and one != two
    twins.invoke("release.rollback", "v1", "--yes").ok()
    assert (twins.published("svc-twin", "latest"), twins.published("svc-twin", "v2")) == (one, two)
    twins.invoke("release.verify", "v1").ok()


@pytest.mark.fault("P72", "P73")
def test_an_index_without_a_platform_gets_no_version_tag(twins: Repository, with_indexes: OwnEngine) -> None:
    """An engine that pulled an index has its own platform, and pushes that as an image of its own, without an error."""
    twins.invoke("build").ok()
    twins.invoke("push", "base-box").ok()
    content, staged = twins.content("svc-twin"), twins.reference("svc-twin", "staged")
    tag = content_tag(twins, "svc-twin")
    with_indexes.docker("tag", content, staged)
    with_indexes.docker("push", "--quiet", staged)
    with_indexes.docker("rmi", content, twins.reference("svc-twin"), staged)
    with_indexes.docker("builder", "prune", "--all", "--force")
    with_indexes.docker("pull", "--quiet", staged)
    with_indexes.docker("tag", staged, content)
    twins.invoke("push", "svc-twin").failed(2, "push svc-twin", "invoke build push")
    assert twins.published("svc-twin", tag) == ""
    with_indexes.docker("push", "--quiet", content)
    assert platforms(twins, "svc-twin", tag) == [], "it is not an index any more"

    twins.invoke("push", "svc-twin").failed(2, "push svc-twin", "invoke build push")
    assert twins.published("svc-twin") == ""
    twins.invoke("build", "svc-twin").ok()
    assert twins.status()["svc-twin"] == "built"
    ran = twins.invoke("push", "svc-twin").ok()
    assert f"{tag} in the registry has no {', '.join(BOTH)}" in ran.stdout
    assert platforms(twins, "svc-twin", "v1") == platforms(twins, "svc-twin", tag) == BOTH

    with_indexes.docker("rmi", content, twins.reference("svc-twin"), staged)
    assert twins.steps("plan", "svc-twin")["svc-twin"][0] == "pull"


@SMOKE
def test_a_builder_stores_an_index_that_the_engine_cannot_hold(
    twins: Repository, index_builder: Builder, store: str
) -> None:
    twins.configure(BUILDER=index_builder.name)
    twins.invoke("build").ok()
    assert twins.status() == {"base-box": "built", "svc-twin": "built"} and twins.published("svc-twin") == ""
    tag = content_tag(twins, "svc-twin")
    assert platforms(twins, "svc-twin", tag) == BOTH if store == "classic" else twins.published("svc-twin", tag) == ""
    ran = twins.invoke("smoke", "svc-twin").ok()
    assert verdicts(ran) == dict.fromkeys(BOTH, "passed") and "tested is" not in ran.stderr
    twins.invoke("push").ok()
    assert platforms(twins, "svc-twin", "v1") == BOTH
    assert twins.published("svc-twin", tag) == twins.published("svc-twin")
    assert {action for action, _ in twins.steps().values()} == {"reuse"}

    twins.write("apps/svc_twin/hello.txt", "another hello\n")
    twins.invoke("build", "svc-twin").ok()
    assert twins.status() == {"base-box": "reused", "svc-twin": "built"}


@SMOKE
@pytest.mark.fault("P71")
def test_a_platform_that_the_machine_does_not_run_is_named(
    twins: Repository, with_indexes: OwnEngine, tmp_path: Path
) -> None:
    plugin = tmp_path / "docker/cli-plugins/docker-buildx"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(BUILDX.format(buildx=" ".join(surroundings().buildx)))
    plugin.chmod(0o755)
    unable = {"DOCKER_CONFIG": str(tmp_path / "docker")}
    twins.invoke("build", **unable).failed(3, f"error: {FOREIGN}: ", "invoke setup --platforms")
    twins.invoke("release", **unable).failed(3, f"error: {FOREIGN}: ", "invoke setup --platforms")
    assert not twins.runs() and twins.tags() == set()

    twins.invoke("build").ok()
    ran = twins.invoke("smoke", "svc-twin", **unable).failed(3, f"error: {FOREIGN}: ", "invoke setup --platforms")
    assert verdicts(ran) == {FOREIGN: "not run", this_platform(): "passed"}
