"""Raise a version: by its patch, minor or major number, or to a version that the user names."""

from __future__ import annotations

import re
from enum import StrEnum

from packaging.version import InvalidVersion, Version

from slipway.core.errors import UsageError, one_line, suggestion
from slipway.core.reference import check_tag

_NUMBERS = re.compile(r"(?P<before>\D*)(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)")
_NUMBERED = re.compile(r"(?P<before>\D*)(?P<numbers>\d.*)")


class Part(StrEnum):
    """Name the number of a version to raise; the numbers after it become 0."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


def raised(version: str, to: str) -> str:
    """Return the version after ``version``. ``to``: a ``Part``, or the new version itself.

    Raises UsageError for a version without the part, for one that is not a tag or has no number, and for one that does
    not rise.
    """
    if to in tuple(Part):
        return _next(version, Part(to))
    if not _NUMBERED.fullmatch(to):
        raise UsageError(
            f"{one_line(to)}: not a version, which has a number", hint=suggestion(to, Part, "patch, minor or major")
        )
    check_tag(to, "BASE_VERSION")
    if to == version or _falls(version, to):
        raise UsageError(f"BASE_VERSION={to}: does not rise above {version}", hint="invoke base-bump minor")
    return to


def _next(version: str, part: Part) -> str:
    found = _NUMBERS.fullmatch(version)
    if not found:
        raise UsageError(
            f"BASE_VERSION={version}: is not numbered MAJOR.MINOR.PATCH, so it has no {part} number",
            hint="name the new version: invoke base-bump VERSION",
        )
    numbers = [int(found[name]) for name in ("major", "minor", "patch")]
    place = ["major", "minor", "patch"].index(part)
    after = [*numbers[:place], numbers[place] + 1, *[0] * (2 - place)]
    return found["before"] + ".".join(map(str, after))


def _falls(version: str, to: str) -> bool:
    """Tell whether ``to`` is equal to ``version`` or lower, in the order of PEP 440.

    Versions without such a form, or with different words before their numbers, have no order.
    """
    old, new = _NUMBERED.fullmatch(version), _NUMBERED.fullmatch(to)
    if not (old and new) or old["before"].removeprefix("v") != new["before"].removeprefix("v"):
        return False
    try:
        return Version(new["numbers"]) <= Version(old["numbers"])
    except InvalidVersion:
        return False
