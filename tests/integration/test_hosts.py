"""One stack through both hosts: a use case sees the same on this machine and on a build host."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slipway.core.image import INPUT_LABEL
from tests.rig.outside import docker

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Inspect = Callable[[str], dict[str, Any]]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("build host")]
SHOP = {"base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign"}
#: No two builds agree in these: each image has the time of its creation in its configuration.
OWN = ("seconds", "image_digest", "size")


@dataclass(frozen=True)
class Seen:
    """Plans before and after a build, its record, the tree of images and their labels; then a build that failed."""

    planned: dict[str, tuple[str, str]]
    built: dict[str, dict[str, Any]]
    roots: dict[str, str]
    planned_again: dict[str, tuple[str, str]]
    images: list[dict[str, Any]]
    labels: dict[str, dict[str, str]]
    planned_edit: dict[str, tuple[str, str]]
    failed: dict[str, dict[str, Any]]
    told: str


def see(shop: Repository, inspect: Inspect, flag: str) -> Seen:
    """Build, look, break an image, build again; ``flag`` chooses the host."""
    flags = flag.split()
    planned = shop.steps("plan", *flags)
    built = shop.json("build", *flags)
    record, planned_again = shop.record(), shop.steps("plan", *flags)
    assert list(record.values()) == built["images"], "the record says what the task answered"
    found = {name: inspect(shop.reference(name)) for name in record}
    assert {name: image["Id"] for name, image in found.items()} == {
        name: entry["image_digest"] for name, entry in record.items()
    }
    listed = [
        {key: value for key, value in entry.items() if key not in ("image_digest", "bytes")}
        for entry in shop.json("images", *flags)
    ]
    dockerfile = shop.root / "infra/docker/base-counter.Dockerfile"
    whole = dockerfile.read_text()
    dockerfile.write_text(f"{whole}RUN echo broken >&2 && exit 3\n")
    planned_edit = shop.steps("plan", *flags)
    ran = shop.invoke("build", *flags).failed(6, "build base-counter: ", "exit code: 3", "1 skipped")
    dockerfile.write_text(whole)
    return Seen(
        planned=planned,
        built=comparable(record),
        roots=built["roots"],
        planned_again=planned_again,
        images=listed,
        labels={name: dict(sorted(image["Config"]["Labels"].items())) for name, image in found.items()},
        planned_edit=planned_edit,
        failed=comparable(shop.record()),
        told=ran.closing.replace(flag, "").replace(shop.runs()[-1].name, "RUN"),
    )


def comparable(record: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: value for key, value in entry.items() if key not in OWN} for name, entry in sorted(record.items())
    }


@pytest.mark.both_stores
def test_both_hosts_show_the_same(stack: Stack, build_host: BuildHost) -> None:
    def here(reference: str) -> dict[str, Any]:
        return dict(json.loads(docker("image", "inspect", reference))[0])

    def there(reference: str) -> dict[str, Any]:
        return dict(json.loads(build_host.sh(f"docker image inspect {reference}"))[0])

    shop = stack("shop")
    shop.configure(**build_host.settings)
    remote = see(shop, there, " --remote")
    assert shop.tags() == set(), "nothing was built on this machine"
    local = see(shop, here, "")
    assert remote == local
    assert {name: entry["status"] for name, entry in local.built.items()} == dict.fromkeys(SHOP, "built")
    assert {action for action, _ in local.planned_again.values()} == {"reuse"}
    assert {name: labels[INPUT_LABEL] for name, labels in local.labels.items()} == {
        name: entry["input_digest"] for name, entry in local.built.items()
    }
    assert {name: entry["status"] for name, entry in local.failed.items()} == {
        "base-floor": "reused",
        "svc-sign": "reused",
        "svc-cart": "reused",
        "base-counter": "failed",
        "svc-till": "skipped",
    }
