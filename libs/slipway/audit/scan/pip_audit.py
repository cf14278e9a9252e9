"""Have pip-audit look at Python's packages, and read its JSON (``pip_audit/_format/json.py``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

from slipway.audit.distributions import Kind
from slipway.audit.scan.findings import Advisory, Found, Package
from slipway.core.command import Command

NAME = "pip-audit"
#: The seconds that pip-audit waits for one answer.
_PATIENCE = 15
#: The last line of a traceback, or a line of pip-audit's log.
_ERROR = re.compile(r"^(?:[\w.]+(?:Error|Exception|Timeout)|ERROR:[\w.]+):? ?(.*)$", re.MULTILINE)
_WARNING = re.compile(r"^WARNING:pip_audit\._(?!cli)[\w.]+:(.+)$", re.MULTILINE)


def pins(packages: Iterable[Package]) -> tuple[str, ...]:
    """Return requirements files that name ``packages``. pip-audit takes a name once a file.

    The local part of a version (``2.5.1+cpu``) is left out, because advisories do not know it.
    """
    rounds: dict[int, list[str]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for name, version in sorted({(one.id, public(one)) for one in packages if public(one)}):
        rounds[seen[name]].append(f"{name}=={version}\n")
        seen[name] += 1
    return tuple("".join(lines) for lines in rounds.values())


def public(package: Package) -> str:
    """Return a version without its local part; empty for one that is not as PEP 440 says."""
    try:
        return Version(package.version).public
    except InvalidVersion:
        return ""


def command(program: Sequence[str], osv: str, file: str) -> Command:
    """Return the command that asks the OSV service at ``osv`` about a requirements file."""
    flags = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--aliases", "on", "--desc", "on")
    service = (
        "--vulnerability-service",
        "osv",
        "--osv-url",
        f"{osv.rstrip('/')}/v1/query",
        "--timeout",
        str(_PATIENCE),
    )
    return Command((*program, *service, *flags, "--format", "json", "--requirement", file), label=NAME)


def read(output: Any) -> Mapping[tuple[str, str], tuple[Advisory, ...]]:
    """Return the advisories of pip-audit's JSON: name and version → advisories, for each package that it looked at."""
    return {
        (str(one["name"]), str(one["version"])): tuple(map(_advisory, one["vulns"]))
        for one in output["dependencies"]
        if "skip_reason" not in one
    }


def found(packages: Iterable[Package], read: Mapping[tuple[str, str], tuple[Advisory, ...]]) -> Found:
    """Return the advisories about each of ``packages``, and an empty tuple for one without."""
    of = {one: (one.id, public(one)) for one in packages if one.kind is Kind.PYTHON}
    return {one: read[key] for one, key in of.items() if key in read}


def last_error(stderr: str) -> str:
    """Return the cause that pip-audit's log or traceback names; its last line when there is none.

    The first exception of a chain is the cause of those that follow.
    """
    said = [text for text in _ERROR.findall(stderr) if text.strip()]
    lines = stderr.strip().splitlines()
    return str(said[-1] if said else lines[-1] if lines else "no message").strip()


def warnings(stderr: str) -> Iterator[str]:
    """Yield the advisories that pip-audit could not read and left out."""
    yield from dict.fromkeys(_WARNING.findall(stderr))


def _advisory(vulnerability: Any) -> Advisory:
    return Advisory(
        str(vulnerability["id"]),
        tuple(map(str, vulnerability.get("aliases") or ())),
        fixed=tuple(map(str, vulnerability["fix_versions"])),
        summary=" ".join(str(vulnerability.get("description") or "").split()),
        scanners=(NAME,),
    )
