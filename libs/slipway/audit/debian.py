"""Read Debian's packages from dpkg's database: ``status``, or a file for each package in ``status.d``.

The form of the fields is that of Debian's policy manual, sections 5 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from slipway.audit.distributions import Distribution, Kind, Licences, System

_STATUS = re.compile(r"/var/lib/dpkg/(?:status|status\.d/[^/]+)")
_FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
#: A name in a relation, without the version, the architecture and the build profile: ``libc6:any (>= 2.36)``.
_NAME = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)")
#: A package's source, with the version where that differs: ``glibc (2.36-9)``.
_SOURCE = re.compile(r"(?P<name>\S+)(?:\s+\((?P<version>\S+)\))?\s*")
_RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")
_RELEASE = re.compile(r"^(ID|VERSION_ID|VERSION_CODENAME)=[\"']?([^\"'\n]*)", re.MULTILINE)
_LICENCE = "License: "


def debian_packages(texts: Mapping[str, str]) -> Iterator[Distribution]:
    """Yield the installed packages. ``texts``: absolute path → the lines that ``package_files.kept`` keeps."""
    for path, text in texts.items():
        if _STATUS.fullmatch(path):
            for paragraph in text.split("\n\n"):
                fields = dict(_FIELD.findall(paragraph))
                if _is_installed(fields):
                    yield _package(fields)


def system_of(texts: Mapping[str, str]) -> System:
    """Return the distribution that an image's os-release names."""
    text = next((texts[path] for path in _RELEASE_FILES if texts.get(path)), "")
    said = dict(_RELEASE.findall(text))
    return System(*(said.get(name, "") for name in ("ID", "VERSION_ID", "VERSION_CODENAME")))


def copyright_file(package: Distribution) -> str:
    """Return the path where a package's copyright file, or a link to it, belongs."""
    return f"/usr/share/doc/{package.name}/copyright"


def licences_in(text: str) -> Licences:
    """Return the licences in the kept lines of a copyright file."""
    return Licences(names=tuple(line.removeprefix(_LICENCE) for line in text.splitlines()))


def _is_installed(fields: Mapping[str, str]) -> bool:
    """Tell whether dpkg calls a package installed. The files in ``status.d`` have no status."""
    return bool(fields.get("Package")) and fields.get("Status", "installed").split()[-1:] == ["installed"]


def _package(fields: Mapping[str, str]) -> Distribution:
    name = fields["Package"]
    source = _SOURCE.fullmatch(fields.get("Source", name))
    relations = (*_relations(fields.get("Pre-Depends", "")), *_relations(fields.get("Depends", "")))
    return Distribution(
        Kind.DEBIAN,
        name,
        fields.get("Version", ""),
        id=name,
        architecture=fields.get("Architecture", ""),
        source=source["name"] if source else name,
        source_version=(source and source["version"]) or fields.get("Version", ""),
        requires=tuple(dict.fromkeys(relations)),
        provides=tuple(one for names in _relations(fields.get("Provides", "")) for one in names),
    )


def _relations(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of each relation: ``libssl3 (>= 3.0), mawk | gawk`` → (libssl3,), (mawk, gawk)."""
    for relation in text.split(","):
        if names := tuple(found[1] for one in relation.split("|") if (found := _NAME.match(one))):
            yield names
