"""Define an installed distribution: a package of Python or Debian, as its own files describe it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import quote

#: Identifies a distribution in an image: kind, name for comparisons, version, architecture, folder.
Key: TypeAlias = tuple[str, str, str, str, str]


class Kind(StrEnum):
    """Name the kinds of distributions. ``sbom`` prints the values."""

    PYTHON = "python"
    DEBIAN = "debian"


@dataclass(frozen=True)
class Licences:
    """Hold the licences that a distribution declares: an SPDX ``expression``, else ``names`` in its own words."""

    expression: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distribution:
    """Hold an installed distribution.

    - ``id``: the name by which others require it.
    - ``place``: the folder of a Python package. ``architecture``, ``source`` and ``source_version`` (the source
      package, and its version): of a Debian package.
    - ``requires``: for each requirement, the ids of which one is enough. ``provides``: ids that it stands for.
    """

    kind: Kind
    name: str
    version: str
    id: str
    place: str = ""
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    licences: Licences = Licences()
    requires: tuple[tuple[str, ...], ...] = ()
    provides: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.kind, self.id, self.version, self.architecture, self.place


@dataclass(frozen=True)
class System:
    """Hold ``ID``, ``VERSION_ID`` and ``VERSION_CODENAME`` of an image's os-release; each may be empty."""

    id: str = ""
    version: str = ""
    codename: str = ""

    @property
    def distro(self) -> str:
        return "-".join(filter(None, (self.id, self.version)))


def purl(distribution: Distribution, system: System) -> str:
    """Return the package URL, by the rules of the purl specification for ``pypi`` and ``deb``."""
    name, version = distribution.name.lower(), _quoted(distribution.version)
    if distribution.kind is Kind.PYTHON:
        return f"pkg:pypi/{_quoted(name.replace('_', '-'))}@{version}"
    asked = {"arch": distribution.architecture, "distro": system.distro}
    qualifiers = "&".join(f"{key}={_quoted(value)}" for key, value in asked.items() if value)
    package = f"pkg:deb/{_quoted(system.id or 'debian')}/{_quoted(name)}@{version}"
    return f"{package}?{qualifiers}" if qualifiers else package


def _quoted(text: str) -> str:
    return quote(text, safe=":~")
