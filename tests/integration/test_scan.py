"""Scans of real images by real scanners, with advisories of a server on loopback, and slipway's own data readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from slipway.audit.scan.debian_version import DebianVersion
from tests.audit.trees import RELEASE, deb
from tests.rig.advisories import Advisories, advisories, advisory, debian_data
from tests.rig.outside import docker

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
SITE = "/usr/lib/python3/dist-packages"


@pytest.fixture
def known() -> Iterator[Advisories]:
    with advisories() as server:
        yield server


def add_packages(shop: Repository) -> None:
    """Give the lowest base a list of requirements with two packages, and Debian's data; give a service a package."""
    shop.write("libs/packages/status", deb("libfloor1", "1:1.0-1", "Source: floor (1:1.0-1)"))
    shop.write("libs/packages/release", "".join(RELEASE.values()))
    for name, version, requires in (("plank", "1.0", "nail"), ("nail", "0.9+steel", ""), ("cart", "1.0", "")):
        required = f"Requires-Dist: {requires}\n" if requires else ""
        shop.write(f"libs/packages/{name}", f"Name: {name}\nVersion: {version}\n{required}\nText.\n")
    shop.write("libs/requirements-floor.in", "# of the floor\nplank\n")
    shop.write("libs/requirements-floor.txt", "nail==0.9 \\\n    --hash=sha256:0\nplank==1.0 \\\n    --hash=sha256:1\n")
    shop.write("apps/svc_cart/requirements.txt", "cart==1.0\n")
    base, service = "infra/docker/base-floor.Dockerfile", "apps/svc_cart/Dockerfile"
    copied = {
        base: {
            "libs/packages/status": "/var/lib/dpkg/status",
            "libs/packages/release": "/etc/os-release",
            "libs/packages/plank": f"{SITE}/plank-1.0.dist-info/METADATA",
            "libs/packages/nail": f"{SITE}/nail-0.9.dist-info/METADATA",
            "libs/requirements-floor.txt": "/floor/",
        },
        service: {
            "libs/packages/cart": f"{SITE}/cart-1.0.dist-info/METADATA",
            "apps/svc_cart/requirements.txt": "/cart/",
        },
    }
    for file, copies in copied.items():
        lines = "".join(f"COPY {source} {target}\n" for source, target in copies.items())
        shop.write(file, f"{(shop.root / file).read_text()}\n{lines}")


@pytest.mark.fault("X60")
def test_a_finding_names_the_image_the_line_and_the_base_that_fixes_it(stack: Stack, known: Advisories) -> None:
    known.add(
        advisory("PYSEC-2099-1", "nail", "1.0", aliases=["CVE-2099-1"]),
        advisory("CVE-2099-1", "other", severity="critical"),
        advisory("GHSA-cart", "cart", severity="low"),
    )
    known.debian["bookworm"] = debian_data("floor,0, M F,1:1.0-2,", advisories=["CVE-2099-2"])
    shop = stack("shop", BASE_VERSION="v1.0.0", OSV_URL=known.url)
    for file in shop.root.glob("*/*/*ockerfile"):
        file.write_text(file.read_text().replace("BASE_VERSION=v1\n", "BASE_VERSION=v1.0.0\n"))
    shop.write("pyproject.toml", (shop.root / "pyproject.toml").read_text() + 'attach = ["sbom"]\n')
    add_packages(shop)
    publish_a_newer_base(shop)
    shop.invoke("scan", "svc-cart").failed(2, "svc-cart", "invoke build svc-cart")
    shop.invoke("build", "svc-cart").ok()

    def scan(*words: str) -> Ran:
        return shop.invoke("scan", "svc-cart", "--source", known.tracker, *words)

    found = json.loads(scan("base-floor", "--json").ok().stdout)
    assert found["ok"] and found["incomplete"] == []
    ran = {one["scanner"]: (one["ran"], one["packages"]) for one in found["scanners"]}
    assert ran == {"pip-audit": (True, 3), "debian-tracker": (True, 1), "trivy": (False, 0), "grype": (False, 0)}
    keys = ("advisory", "severity", "package", "fixed", "brought_by", "role", "requirement")
    assert [tuple(one[key] for key in keys) for one in found["findings"]] == [
        ("PYSEC-2099-1", "critical", "nail", ["1.0"], "base-floor", "base", "libs/requirements-floor.in:2"),
        ("CVE-2099-2", "medium", "libfloor1", ["1:1.0-2"], "base-floor", "base", ""),
        ("GHSA-cart", "low", "cart", [], "svc-cart", "service", "apps/svc_cart/requirements.txt:1"),
    ]
    nail, libfloor, cart = found["findings"]
    assert (nail["required_by"], nail["pinned"]) == (["nail", "plank"], "libs/requirements-floor.txt:1")
    assert sorted(nail["images"]) == ["base-floor", "svc-cart"] and cart["images"] == ["svc-cart"]
    assert nail["newer_base"] == {"version": "v1.1.0", "installed": ["1.1"], "fixes": True}
    assert libfloor["newer_base"] == {"version": "v1.1.0", "installed": ["1:1.0-1"], "fixes": False}

    refused = scan("--fail-on", "high").failed(10, "base-floor", "PYSEC-2099-1", "CVE-2099-1", "BASE_VERSION=v1.1.0")
    assert "nail ← plank ← libs/requirements-floor.in:2" in refused.stdout
    assert "1 critical, 1 medium, 1 low · 1 debian · 3 python" in refused.stdout
    assert scan("--scanner", "trivy", "--fail-on", "low", "--json").failed(10).codes == ["scanner-missing"]
    settings = (shop.root / "pyproject.toml").read_text()
    shop.write("pyproject.toml", f'{settings}\n[tool.slipway.allow]\n"vulnerability:CVE-2099-1" = "of a test"\n')
    assert "allowed: of a test" in scan("--fail-on", "high").ok().stdout


@pytest.mark.xdist_group("build host")
def test_an_image_on_the_build_host_is_scanned_from_here(
    stack: Stack, build_host: BuildHost, known: Advisories
) -> None:
    """The advisories are on this machine, and the image is in the engine of the build host alone."""
    known.add(advisory("PYSEC-2099-1", "nail", "1.0"), advisory("GHSA-cart", "cart"))
    shop = stack("shop", OSV_URL=known.url, **build_host.settings)
    add_packages(shop)
    shop.invoke("build", "svc-cart", "--remote").ok()
    assert shop.tags() == set()
    found = shop.json("scan", "svc-cart", "--remote", "--scanner", "pip-audit")
    assert [(one["advisory"], one["package"], one["brought_by"]) for one in found["findings"]] == [
        ("PYSEC-2099-1", "nail", "base-floor"),
        ("GHSA-cart", "cart", "svc-cart"),
    ]


def publish_a_newer_base(shop: Repository) -> None:
    """Publish a version of the lowest base with a fixed package, and return to the version before."""
    vulnerable = (shop.root / "libs/packages/nail").read_text()
    shop.write("libs/packages/nail", "Name: nail\nVersion: 1.1\n\nText.\n")
    shop.configure(BASE_VERSION="v1.1.0")
    shop.invoke("build-base", "base-floor").ok()
    shop.invoke("push", "base-floor").ok()
    shop.write("libs/packages/nail", vulnerable)
    shop.configure(BASE_VERSION="v1.0.0")


def test_slipway_compares_versions_as_dpkg_does(python_image: str) -> None:
    versions = [
        "1.0",
        "1.0-0",
        "1.0-1",
        "1.0~rc1-1",
        "1.0+b1",
        "1:0.9",
        "1.0-1+deb12u1",
        "1.0a",
        "1.0.1",
        "2~",
        "2",
        "1.10",
    ]
    pairs = [(one, other) for one in versions for other in versions]
    script = "\n".join(f"dpkg --compare-versions '{one}' lt '{other}' && echo '{one} {other}'" for one, other in pairs)
    said = docker("run", "--rm", "--network", "none", python_image, "sh", "-c", f"{script}\ntrue")
    below = [f"{one} {other}" for one, other in pairs if DebianVersion(one) < DebianVersion(other)]
    assert below == said.splitlines() != []
