"""List the distributions that an image holds, with the layer that brought each.

Pure: reads the layers that ``image_archive.read_layers`` returns. Only the files that a container sees count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.audit.debian import copyright_file, debian_packages, licences_in, system_of
from slipway.audit.distributions import Distribution, Key, Kind, System, purl
from slipway.audit.python import Markers, python_packages
from slipway.smoke.file_modes import Tree, absolute, find_file, is_in, merged, removed
from slipway.smoke.image_archive import Layer
from slipway.smoke.package_files import describes_packages
from slipway.smoke.packages import markers

_LIBRARY = re.compile(r"/lib/python(3\.\d+)/os\.pyc?")
_UNNAMED = System()
_VERSION = re.compile(r"/python(3\.\d+)/")


@dataclass(frozen=True)
class Installed:
    """Hold a distribution, the number of the layer that brought it (the lowest is 1), and that layer's diff id."""

    distribution: Distribution
    layer: int
    layer_id: str


@dataclass(frozen=True)
class Inventory:
    """Hold the distributions of an image, sorted by kind and name, and the system that os-release names."""

    installed: tuple[Installed, ...]
    system: System = _UNNAMED

    def purl(self, one: Installed) -> str:
        return purl(one.distribution, self.system)

    def needs(self) -> Mapping[Key, tuple[Key, ...]]:
        """Return the installed distributions that each one requires.

        Of several distributions with the required name, a Python package gets the one in its own folder first, and a
        Debian package the one of its own architecture. A requirement that is not installed is left out.
        """
        every = [one.distribution for one in self.installed]
        named: dict[tuple[Kind, str], list[Distribution]] = {}
        for one in every:
            named.setdefault((one.kind, one.id), []).append(one)
        for one in every:
            for id in one.provides:
                named.setdefault((one.kind, id), []).append(one)
        return {one.key: tuple(_found(one, named)) for one in every}


def take_inventory(layers: Sequence[Layer], architecture: str) -> Inventory:
    """Return the distributions in ``layers``, lowest first. ``architecture``: the image's, as the engine names it."""
    tree = merged(layers)
    markers_of = _markers(tree, architecture)
    brought: dict[Key, int] = {}
    found: dict[Key, Distribution] = {}
    texts: Mapping[str, str] = {}
    for number, texts in _after_each(layers):
        found = {one.key: one for one in (*debian_packages(texts), *python_packages(texts, markers_of))}
        brought = {key: brought.get(key, number) for key in found}
    complete = (_with_licences(found[key], tree, texts) for key in sorted(found))
    installed = (Installed(one, brought[one.key], layers[brought[one.key] - 1].name) for one in complete)
    return Inventory(tuple(installed), system_of(texts))


def _after_each(layers: Sequence[Layer]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the number of each layer that changes files that describe packages, and all these files after it."""
    texts: dict[str, str] = {}
    for number, layer in enumerate(layers, start=1):
        own = [member for member in layer.members if describes_packages(member.path)]
        gone = {path for folder in removed(layer) for path in texts if is_in(path, folder)}
        gone |= {absolute(member.path) for member in own}
        new = {absolute(member.path): layer.texts.get(member.path, "") for member in own if member.kind == "f"}
        if gone:
            texts = {path: text for path, text in texts.items() if path not in gone} | new
            yield number, texts


def _markers(tree: Tree, architecture: str) -> Markers:
    """Return the markers of the interpreter that a folder's path names, else of the image's oldest interpreter."""
    versions = sorted({found[1] for path in tree if (found := _LIBRARY.search(path))}, key=_numbers)
    default = next(iter(versions), "3")

    def of(place: str) -> dict[str, str]:
        found = _VERSION.search(f"{place}/")
        return markers(found[1] if found else default, architecture)

    return of


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _with_licences(one: Distribution, tree: Tree, texts: Mapping[str, str]) -> Distribution:
    if one.kind is not Kind.DEBIAN:
        return one
    return replace(one, licences=licences_in(texts.get(find_file(tree, copyright_file(one)), "")))


def _found(one: Distribution, named: Mapping[tuple[Kind, str], Sequence[Distribution]]) -> Iterator[Key]:
    told: dict[Key, None] = {}
    for alternatives in one.requires:
        candidates = [other for id in alternatives for other in named.get((one.kind, id), ())]
        near = [other for other in candidates if _is_near(one, other)] or candidates
        if near and near[0].key != one.key:
            told[near[0].key] = None
    yield from told


def _is_near(one: Distribution, other: Distribution) -> bool:
    """Tell whether two distributions are in one folder, and for one architecture."""
    architectures = {one.architecture, other.architecture} - {"all"}
    return one.place == other.place and len(architectures) < 2
