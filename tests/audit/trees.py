"""Small images for tests: layers of the files that describe packages, as slipway reads them."""

from __future__ import annotations

from collections.abc import Mapping

from slipway.smoke.image_archive import Layer, Member
from slipway.smoke.package_files import describes_packages, kept

SITE = "usr/local/lib/python3.12/site-packages"
STATUS = "var/lib/dpkg/status"
RELEASE = {"usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'}


def layer(name: str, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> Layer:
    """Return a layer with ``files`` (path → text) and ``links`` (path → target). Its diff id is ``sha256:<name>``."""
    members = [Member(path, 0o644, 0, 0, "f") for path in files]
    members += [Member(path, 0o777, 0, 0, "l", target) for path, target in (links or {}).items()]
    texts = {path: kept(path, text) for path, text in files.items() if describes_packages(path)}
    return Layer(f"sha256:{name}", tuple(members), (), texts)


def wheel(name: str, version: str, *fields: str, folder: str = SITE) -> dict[str, str]:
    """Return the metadata of an installed wheel; ``fields`` are further lines, such as ``Requires-Dist: x``."""
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields, "", "A description: of it."]
    return {f"{folder}/{name}-{version}.dist-info/METADATA": "\n".join(lines)}


def deb(
    name: str, version: str, *fields: str, status: str = "install ok installed", architecture: str = "amd64"
) -> str:
    """Return a package's paragraph of dpkg's status file."""
    return "\n".join(
        [
            f"Package: {name}",
            f"Status: {status}",
            "Maintainer: Ann <ann@example.org>",
            f"Architecture: {architecture}",
            f"Version: {version}",
            *fields,
            "Description: short",
            " long",
        ]
    )


def status(*paragraphs: str) -> dict[str, str]:
    return {STATUS: "\n\n".join(paragraphs) + "\n"}
