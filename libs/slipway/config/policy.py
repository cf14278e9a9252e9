"""Read ``policy`` and ``[tool.slipway.allow]``: the rules that the repository sets aside, each with its reason.

[tool.slipway]
policy = "note"

[tool.slipway.allow]
frontend = "the company's own frontend moves with its tag"
svc-ocr = { download = "the vendor has no other way", "context-file:certs/test.key" = "of the tests" }

A text sets a rule aside for all images, a table for the image of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from slipway.config.definitions import Value
from slipway.core.errors import Problem, one_line, suggestion
from slipway.core.rules import ALLOWABLE, WITH_PATH, Permission, Rule

_MODE, _ALLOW = "policy", "allow"
KEYS = (_MODE, _ALLOW)
_FORM = 'download = "why", or svc-x = { download = "why" }'

#: A key in the table (from the top, one part each), the fault, and the fix.
Fault = tuple[tuple[str, ...], str, str]


class Mode(StrEnum):
    """Name the ways to treat a broken rule: refuse the image, or note it and go on."""

    REFUSE = "refuse"
    NOTE = "note"


@dataclass(frozen=True)
class Policy:
    """Hold the policy of a repository: the mode, the place that sets it, and the permissions."""

    mode: Mode = Mode.REFUSE
    place: str = "default"
    permissions: tuple[Permission, ...] = ()

    def permission(self, image: str, rule: Rule, path: str = "") -> Permission | None:
        """Return the permission for ``image`` to break ``rule``, its own before one for all images; or None."""
        found = [one for one in self.permissions if one.covers(image, rule, path)]
        return max(found, key=lambda one: bool(one.image), default=None)

    def of(self, image: str, *rules: Rule) -> tuple[Permission, ...]:
        """Return the permissions of ``image``, and those of all images, for ``rules``."""
        return tuple(one for one in self.permissions if one.rule in rules and one.image in ("", image))

    def with_own(self, permissions: Iterable[Permission]) -> Self:
        """Return the policy with ``permissions``, which images have where they are defined."""
        return replace(self, permissions=tuple(dict.fromkeys((*permissions, *self.permissions))))

    @property
    def opens_git(self) -> bool:
        """Tell whether a permission lets a folder ``.git`` enter an image."""
        paths = (one.path for one in self.permissions if one.rule is Rule.CONTEXT_FILE)
        return any(PurePosixPath(path).name.lower() == ".git" for path in paths)

    @property
    def shown(self) -> tuple[tuple[str, str, str], ...]:
        """Return the mode and each reason, with its key and the ``file:line`` that sets it."""
        named = [(".".join(filter(None, (_ALLOW, one.image, one.key))), one) for one in self.permissions]
        return ((_MODE, self.mode, self.place), *((name, one_line(one.reason), one.place) for name, one in named))

    def with_flag(self, flag: Value | None) -> tuple[Self, tuple[Problem, ...]]:
        """Return the policy under ``--policy``, and the problem with the flag's value."""
        if flag is None:
            return self, ()
        if flag.value not in list(Mode):
            known = " or ".join(Mode)
            return self, (Problem("", f"{flag.source} {one_line(flag.value)}: not {known}", f"{flag.source} note"),)
        return replace(self, mode=Mode(flag.value), place=flag.source), ()


def read_policy(table: Mapping[str, Any], place: Callable[..., str]) -> Policy:
    """Return the policy of a table without faults. ``place`` returns the ``file:line`` of a key."""
    mode = Mode(table.get(_MODE, Mode.REFUSE))
    return Policy(mode, place(_MODE) if _MODE in table else "default", tuple(_permissions(table, place)))


def _permissions(table: Mapping[str, Any], place: Callable[..., str]) -> Iterator[Permission]:
    for name, given in table.get(_ALLOW, {}).items():
        if isinstance(given, str):
            yield permission_of(name, given, place(_ALLOW, name))
            continue
        for key, reason in given.items():
            yield permission_of(key, reason, place(_ALLOW, name, key), name)


def permission_of(key: str, reason: str, place: str, image: str = "") -> Permission:
    """Return the permission that ``key`` and ``reason`` give, without faults."""
    rule, _, path = key.partition(":")
    return Permission(Rule(rule), reason.strip(), place, image, path.rstrip("/"))


def policy_faults(table: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield each fault of the table's ``policy`` and ``allow``."""
    if table.get(_MODE, Mode.REFUSE) not in list(Mode):
        yield (_MODE,), "policy is refuse or note", 'policy = "note"'
    allow = table.get(_ALLOW, {})
    if not isinstance(allow, dict):
        yield (_ALLOW,), "allow maps a rule to the reason to break it, or an image to such rules", _FORM
        return
    for name, given in allow.items():
        if not isinstance(given, dict):
            yield from rule_faults((_ALLOW, name), given)
            continue
        for key, reason in given.items():
            yield from rule_faults((_ALLOW, name, key), reason)


def rule_faults(keys: tuple[str, ...], reason: object) -> Iterator[Fault]:
    """Yield the fault of a permission, the last of ``keys``, if it has one."""
    *above, key = keys
    rule, colon, path = key.partition(":")
    named, quoted = ".".join(map(one_line, keys)), f'"{one_line(key)}"' if colon else one_line(key)
    if rule not in ALLOWABLE or (colon and rule not in WITH_PATH):
        known = f"known: {', '.join(ALLOWABLE)}"
        what = f"{'.'.join(map(one_line, above))}: no rule {key!r} can be allowed"
        yield keys, what, suggestion(rule, ALLOWABLE, known)
    elif rule == Rule.CONTEXT_FILE and not _is_below(path):
        yield keys, f"{named} names a path from the context's root", '"context-file:certs/test.key" = "why"'
    elif rule == Rule.VULNERABILITY and not path.strip():
        yield keys, f"{named} names an advisory", '"vulnerability:CVE-2099-1" = "why"'
    elif rule == Rule.SETUID and colon and not path.startswith("/"):
        yield keys, f"{named} names an absolute path of the image", '"setuid:/usr/bin/ping" = "why"'
    elif not (isinstance(reason, str) and reason.strip()):
        yield keys, f"{named} is the reason why", f'{quoted} = "why"'


def _is_below(path: str) -> bool:
    """Tell whether ``path`` is a plain path below a folder, without ``.`` and ``..``."""
    parts = path.rstrip("/").split("/")
    return all(part not in ("", ".", "..") for part in parts)
