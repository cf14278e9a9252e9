"""Read the package URLs that slipway writes into bills of materials, as scanners repeat them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from slipway.audit.distributions import Kind
from slipway.audit.scan.findings import Package

_PURL = re.compile(r"pkg:(?P<type>pypi|deb)/(?:[^/@?]+/)?(?P<name>[^/@?]+)@(?P<version>[^?#]+)")


def package_of(purl: str) -> Package | None:
    """Return the package that a package URL names; None for one of another kind."""
    found = _PURL.match(purl)
    if not found:
        return None
    name, version = unquote(found["name"]), unquote(found["version"])
    return Package.python(name, version) if found["type"] == "pypi" else Package(Kind.DEBIAN, name, version)
