"""Read Python's packages from their metadata, in every folder of an image that holds packages.

The fields are those of PyPA's core metadata specification.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from slipway.audit.distributions import Distribution, Kind, Licences

_METADATA = re.compile(
    r"(?P<place>/.+)/(?P<name>[^/-]+)-(?P<version>[^/-]+)(?:-py[^/]*)?\.(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?)"
)
_PACKAGES = re.compile(r"/(?:site|dist)-packages/")
_CLASSIFIER = "License :: "
_LONGEST_LICENCE = 100

#: Returns the values of environment markers for the interpreter that reads a folder.
Markers = Callable[[str], dict[str, str]]


def python_packages(texts: Mapping[str, str], markers: Markers) -> Iterator[Distribution]:
    """Yield the installed packages. ``texts``: absolute path → the metadata before the description.

    A package contains the copies of others that lie inside it (``setuptools/_vendor``), so they do not count.
    """
    found = {path: match for path in texts if (match := _METADATA.fullmatch(path))}
    places = {match["place"] for match in found.values()}
    for path, match in found.items():
        place = match["place"]
        if not _is_inside_package(place, places):
            said = HeaderParser().parsestr(texts[path])
            name = str(said.get("Name") or match["name"]).strip()
            version = str(said.get("Version") or match["version"]).strip()
            requires = tuple(dict.fromkeys(_requirements(said, markers(place))))
            id = canonicalize_name(name)
            yield Distribution(Kind.PYTHON, name, version, id, place, licences=_licences(said), requires=requires)


def _is_inside_package(place: str, places: set[str]) -> bool:
    above = posixpath.dirname(place)
    while above != "/":
        if above in places or _PACKAGES.search(f"{above}/"):
            return True
        above = posixpath.dirname(above)
    return False


def _requirements(said: Message, values: dict[str, str]) -> Iterator[tuple[str]]:
    for text in said.get_all("Requires-Dist") or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if not wanted.marker or wanted.marker.evaluate(values):
            yield (canonicalize_name(wanted.name),)


def _licences(said: Message) -> Licences:
    """Return the declared licences: ``License-Expression``, else a ``License`` of one line, else the classifiers."""
    if expression := str(said.get("License-Expression") or "").strip():
        return Licences(expression)
    licence = str(said.get("License") or "").strip()
    if licence and licence != "UNKNOWN" and "\n" not in licence and len(licence) <= _LONGEST_LICENCE:
        return Licences(names=(licence,))
    classifiers = [str(one) for one in said.get_all("Classifier") or ()]
    names = (one.rpartition(" :: ")[2] for one in classifiers if one.startswith(_CLASSIFIER))
    return Licences(names=tuple(dict.fromkeys(names)))
