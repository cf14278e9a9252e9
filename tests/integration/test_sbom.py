"""Packages of real images, held against the images' own tools, and documents beside images in a real registry."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from slipway.audit.attach import FORMS, read_attached
from slipway.config.attach import Attachment
from slipway.core.reference import Reference
from slipway.registry import Registry
from slipway.registry.artifact import fallback_tag
from tests.audit.trees import deb
from tests.rig.stacks import MANIFESTS

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
#: Prints a line for each package of Debian, an empty line, and the packages of Python as JSON.
TOOLS = r"""
dpkg-query --show --showformat '${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n' | grep ^ii
echo
pip list --format json
"""
DISTRIBUTIONS = "/usr/lib/python3/dist-packages"


def assert_valid(document: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_the_packages_are_those_that_pip_and_dpkg_list(
    stack: Stack, python_image: str, cli: Callable[..., str]
) -> None:
    (found,) = stack("shop").json("sbom", "--image", python_image)
    debian, python = cli("run", "--rm", "--network", "none", python_image, "sh", "-c", TOOLS).split("\n\n")
    installed = {"debian": list[tuple[str, ...]](), "python": list[tuple[str, ...]]()}
    for one in found["packages"]:
        architecture = PackageURL.from_string(one["purl"]).qualifiers
        assert isinstance(architecture, dict)
        installed[one["kind"]].append((one["name"], one["version"], *filter(None, [architecture.get("arch")])))
    assert sorted(installed["debian"]) == sorted(tuple(line.split("\t")[1:]) for line in debian.splitlines())
    assert sorted(installed["python"]) == sorted((one["name"], one["version"]) for one in json.loads(python)) != []
    assert_valid(found["sbom"])
    assert len(found["sbom"]["components"]) == len(found["packages"]) > 50


def add_packages(shop: Repository) -> None:
    """Add a package of Debian and one of Python to the lowest base, and one of Python to a service."""
    shop.write("libs/packages/status", deb("libfloor", "1.0-1"))
    for name in ("floor", "cart"):
        shop.write(f"libs/packages/{name}", f"Name: {name}\nVersion: 1.0\nRequires-Dist: floor\n\nText.\n")
    base, service = "infra/docker/base-floor.Dockerfile", "apps/svc_cart/Dockerfile"
    copied = {base: ("status /var/lib/dpkg/status", metadata("floor")), service: (metadata("cart"),)}
    for file, copies in copied.items():
        lines = "".join(f"COPY libs/packages/{one}\n" for one in copies)
        shop.write(file, f"{(shop.root / file).read_text()}\n{lines}")


def metadata(name: str) -> str:
    return f"{name} {DISTRIBUTIONS}/{name}-1.0.dist-info/METADATA"


def listed(shop: Repository, name: str) -> list[dict[str, Any]]:
    """Return the list of referrers under the fallback tag of an image, as any client reads it."""
    repository = f"http://{shop.settings['REGISTRY']}/v2/{shop.settings['OWNER']}/{name}"
    url = f"{repository}/manifests/{fallback_tag(shop.published(name))}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFESTS}), timeout=10) as reply:
        found: list[dict[str, Any]] = json.load(reply)["manifests"]
        return found


@pytest.mark.both_stores
def test_a_push_attaches_documents_to_the_very_manifest(stack: Stack, tmp_path: Path) -> None:
    shop = stack("shop")
    add_packages(shop)
    shop.invoke("sbom", "svc-cart").failed(2, "svc-cart", "invoke build svc-cart")
    shop.invoke("build").ok()
    build = shop.runs()[-1].name
    shop.invoke("push").ok()
    before = {name: shop.published(name) for name in NAMES}

    rows = [line.split("   ") for line in shop.invoke("sbom", "svc-cart").ok().stdout.splitlines()]
    shown = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows[1:]}
    assert rows[0][0].startswith("svc-cart · 1 debian · 2 python · sha256:")
    assert {name: cells[:3] for name, cells in shown.items()} == {
        "libfloor": ["1.0-1", "debian", "base-floor"],
        "floor": ["1.0", "python", "base-floor"],
        "cart": ["1.0", "python", "svc-cart"],
    }
    shop.invoke("sbom", "svc-cart", "--output", str(tmp_path / "boms")).ok()
    assert_valid(json.loads((tmp_path / "boms/svc-cart.cdx.json").read_text()))

    shop.write("pyproject.toml", (shop.root / "pyproject.toml").read_text() + 'attach = ["sbom", "provenance"]\n')
    shop.invoke("push").ok()
    assert {name: shop.published(name) for name in NAMES} == before
    for name in NAMES:
        assert {one["artifactType"] for one in listed(shop, name)} == {form.type for form in FORMS.values()}
    runs = shop.runs()
    shop.invoke("push").ok()
    assert shop.runs() == runs and {len(listed(shop, name)) for name in NAMES} == {2}

    registry = Registry(shop.settings["REGISTRY"])
    image = Reference(shop.settings["REGISTRY"], f"{shop.settings['OWNER']}/svc-cart", digest=before["svc-cart"])
    (bom,) = map(json.loads, read_attached(registry, image, Attachment.SBOM))
    assert_valid(bom)
    assert [one["name"] for one in bom["components"]] == ["libfloor", "cart", "floor"]
    assert bom["metadata"]["component"]["version"] == image.digest
    (statement,) = map(json.loads, read_attached(registry, image, Attachment.PROVENANCE))
    assert statement["subject"] == [{"name": image.repository, "digest": {"sha256": image.digest[7:]}}]
    assert statement["predicate"]["runDetails"]["metadata"] == {"invocationId": build}
    used = {one["name"]: one for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert used["base-floor"]["digest"] == {"sha256": before["base-floor"][7:]}
