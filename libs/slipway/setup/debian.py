"""Read Debian's release and apt sources, and make the commands for apt and mmdebstrap that setup needs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from slipway.core.command import Command

#: The releases whose own packages setup does not install. Debian 12 has no buildx and an old engine. Debian 13's
#: BuildKit has no checks, and its engine ends when a Dockerfile has an empty pattern, as in ``${x#}``.
OLD_RELEASES = (12, 13)
#: A newer suite, and the packages that setup takes from it on those releases. They run with Debian 12's libc.
NEWER_SUITE = "forky"
NEWER = ("docker.io", "docker-cli", "docker-buildx", "docker-compose", "tini-static")
#: The release of the root image. It is the same on every machine: the images of two developers then have one Python.
ROOT_RELEASE = "bookworm"
#: The root image that setup makes, by that release and its Python.
ROOT_IMAGE = f"slipway-python:3.11-{ROOT_RELEASE}"
SOURCES_FILE = "/etc/apt/sources.list.d/slipway.sources"
PREFERENCES_FILE = "/etc/apt/preferences.d/slipway"

_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


@dataclass(frozen=True)
class AptSource:
    """Hold one apt source. ``signed_by``: the path of a keyring, a key in deb822 form, or an empty string."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def parse_os_release(text: str) -> tuple[str, int, str]:
    """Return (id, major release or 0, codename) from the text of /etc/os-release.

    Debian testing has a codename but no release number; it counts as 99.
    """
    values = {name: value.strip("'\"") for name, _, value in (line.partition("=") for line in text.splitlines())}
    system, number = values.get("ID", ""), values.get("VERSION_ID", "").partition(".")[0]
    codename = values.get("VERSION_CODENAME", "")
    release = int(number) if number.isdecimal() else 0
    return system, 99 if system == "debian" and codename and not release else release, codename


def read_sources(etc_apt: Path, codename: str) -> tuple[AptSource, ...]:
    """Return Debian's own sources for this release, as this machine's apt is configured.

    Only files that end in ``.list`` or ``.sources`` count, and that this user can read. Debian's own are readable for
    everybody; a file for one user alone holds a login.
    """
    found: list[AptSource] = []
    for path in (etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))):
        with contextlib.suppress(OSError):
            if path.suffix in (".list", ".sources") and path.is_file():
                text = path.read_text("utf-8", "replace")
                found += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return own_sources(found, codename)


def own_sources(sources: list[AptSource], codename: str) -> tuple[AptSource, ...]:
    """Return the sources of this release that name Debian's key or no key.

    Addresses that hold credentials are left out, and so are sources without the component ``main``. Returns no source
    unless one of them has the suite ``codename``.
    """
    suites = (codename, f"{codename}-updates", f"{codename}-security")

    def kept() -> Iterator[AptSource]:
        for source in sources:
            narrowed = replace(
                source,
                uris=tuple(uri for uri in source.uris if "@" not in urlsplit(uri).netloc),
                suites=tuple(suite for suite in source.suites if suite in suites),
            )
            debians = not source.signed_by or "debian-archive" in source.signed_by
            if narrowed.uris and narrowed.suites and "main" in source.components and debians:
                yield narrowed

    found = tuple(kept())
    return found if any(codename in source.suites for source in found) else ()


def parse_deb822(text: str) -> list[AptSource]:
    """Return the enabled binary sources of a ``.sources`` file."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields = {
            match[1].lower(): match[2].strip()
            for match in re.finditer(r"(?m)^([A-Za-z-]+):((?:.*)(?:\n[ \t]+.*)*)", stanza)
        }
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            uris, suites, components = (
                tuple(fields.get(name, "").split()) for name in ("uris", "suites", "components")
            )
            found.append(AptSource(uris, suites, components, fields.get("signed-by", "")))
    return found


def parse_one_line(text: str) -> list[AptSource]:
    """Return the binary sources of a ``.list`` file."""
    found = []
    for line in text.splitlines():
        if match := _ONE_LINE.fullmatch(line.partition("#")[0].strip()):
            options = dict(option.partition("=")[::2] for option in (match["options"] or "").split())
            components = tuple(match["components"].split())
            found.append(AptSource((match["uri"],), (match["suite"],), components, options.get("signed-by", "")))
    return found


def newer_source(sources: tuple[AptSource, ...], codename: str) -> str:
    """Return a ``.sources`` file with this machine's own mirror and the newer suite."""
    own = next(source for source in sources if codename in source.suites)
    lines = ["Types: deb", f"URIs: {' '.join(own.uris)}", f"Suites: {NEWER_SUITE}", "Components: main"]
    if own.signed_by:
        lines.append(f"Signed-By: {own.signed_by}")
    return "\n".join(lines) + "\n"


def newer_preferences() -> str:
    """Return an apt preferences file for the newer suite.

    apt takes only these packages from the newer suite, and no other unless one of them needs it.
    """
    return (
        f"Package: *\nPin: release n={NEWER_SUITE}\nPin-Priority: -10\n\n"
        f"Package: {' '.join(NEWER)}\nPin: release n={NEWER_SUITE}\nPin-Priority: 900\n"
    )


def update_lists() -> Command:
    return Command(("apt-get", "-o", "DPkg::Lock::Timeout=60", "update"), env=_QUIET, label="apt-get update")


def install(packages: tuple[str, ...]) -> Command:
    """Return the command that installs ``packages``, without recommended packages.

    It removes no package: apt fails when another package is in the way.
    """
    return Command(
        (
            "apt-get",
            "-o",
            "DPkg::Lock::Timeout=60",
            "install",
            "--yes",
            "--no-install-recommends",
            "--no-remove",
            *packages,
        ),
        env=_QUIET,
        label=f"apt-get install {' '.join(packages)}",
    )


def make_root_file_system(sources: tuple[AptSource, ...], codename: str, tar: str) -> Command:
    """Return the command that makes a Python root file system of ROOT_RELEASE as a tar.

    It takes the packages from the mirrors of this machine, whose release is ``codename``. The file system holds
    Debian's minimum, python3 with pip and venv, CA certificates, and ``python`` on the path.
    """
    mirrors = (
        f"deb {_signed(source)}{uri} {suite.replace(codename, ROOT_RELEASE, 1)} main"
        for source in sources
        for uri in source.uris
        for suite in source.suites
    )
    return Command(
        (
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--include=python3,python3-venv,python3-pip,ca-certificates",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")),
            "--dpkgopt=force-unsafe-io",  # as Debian's own images: nothing reads them after a crash during the making
            '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED && ln -s python3 "$1/usr/bin/python"',
            ROOT_RELEASE,
            tar,
            *mirrors,
        ),
        label=f"mmdebstrap {ROOT_RELEASE}",
    )


def _signed(source: AptSource) -> str:
    return f"[signed-by={source.signed_by}] " if source.signed_by.startswith("/") else ""
