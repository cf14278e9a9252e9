"""Read ``[tool.slipway.images]``: the Dockerfiles of the repository, and how slipway names and builds their images.

[tool.slipway.images]
"images/{name}/Dockerfile" = {}
"cuda/Dockerfile.{variant}" = { name = "cuda-{variant}", tag = "{version}-{variant}", context = "." }
"ui/docker/Dockerfile" = [{ name = "ui", target = "app" }, { name = "ui-dev", target = "dev", args = { DEBUG = "1" } }]
"examples/Dockerfile" = false

A key is a path from the root. ``{name}`` and ``{variant}`` stand for one part of it, or for a piece of one part. The
key that says most about a Dockerfile applies. ``false`` excludes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from slipway.config.policy import permission_of, rule_faults
from slipway.config.secret_source import SecretSource, secret_faults
from slipway.core.errors import suggestion
from slipway.core.rules import Permission

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_IN_KEYS = ("name", "variant")
_IN_VALUES = ("registry", "owner", "name", "version", "variant")
_TEXTS = ("name", "repository", "tag", "context", "target", "args-file")
_TABLES = ("args", "contexts")
_KEYS = (*_TEXTS, *_TABLES, "secrets", "allow", "platforms")


def _part(text: str) -> str | re.Pattern[str]:
    """Return one part of a pattern, as a regular expression when it has a placeholder."""
    literal, *rest = _PLACEHOLDER.split(text)
    if not rest:
        return text
    groups = (rf"(?P<{name}>[^/.][^/]*){re.escape(after)}" for name, after in zip(rest[::2], rest[1::2], strict=True))
    return re.compile(re.escape(literal) + "".join(groups))


@dataclass(frozen=True)
class Pattern:
    """Hold a key of the table: a posix path from the root, in which ``{name}`` and ``{variant}`` are placeholders.

    ``parts``: each part of the path, as a regular expression when it has a placeholder, which matches no leading dot.
    """

    text: str
    parts: tuple[str | re.Pattern[str], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(map(_part, self.text.split("/"))))

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(_PLACEHOLDER.findall(self.text))

    @property
    def vagueness(self) -> tuple[int, int]:
        """Return a key that is lowest for the most specific pattern: few placeholders, then much literal text."""
        return len(self.placeholders), -len(_PLACEHOLDER.sub("", self.text))

    def values(self, path: str) -> Mapping[str, str] | None:
        """Return the text that each placeholder stands for in ``path``, or None when the path does not match."""
        names, found = path.split("/"), dict[str, str]()
        if len(names) != len(self.parts):
            return None
        for name, part in zip(names, self.parts, strict=True):
            if isinstance(part, str):
                if name != part:
                    return None
            elif match := part.fullmatch(name):
                found |= match.groupdict()
            else:
                return None
        return found


@dataclass(frozen=True)
class ImageRule:
    """Hold one table of ``[tool.slipway.images]``: the Dockerfiles that it names, and how slipway builds them.

    ``place``: the ``file:line`` that sets it. ``excluded``: the Dockerfiles define no image. The other fields are those
    of ``stack.definition.Definition``; the texts may hold placeholders. ``args_file``: a file of ``NAME=value`` lines.
    """

    pattern: Pattern
    place: str = ""
    excluded: bool = False
    name: str = ""
    repository: str = ""
    tag: str = ""
    context: str = ""
    target: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    args_file: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    allow: tuple[Permission, ...] = ()
    platforms: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Return the keys that the table sets, for the user."""
        if self.excluded:
            return "no image"
        named = {key: getattr(self, key.replace("-", "_")) for key in _KEYS}
        texts = [f"{key} {value}" for key, value in named.items() if value and isinstance(value, str)]
        return ", ".join((*texts, *(key for key, value in named.items() if value and not isinstance(value, str))))


#: The images of these Dockerfiles are bases, even when no other image stands on them.
BASES = Pattern("infra/docker/{name}.Dockerfile")
#: The Dockerfiles that are images without any table.
DEFAULT_RULES = (ImageRule(BASES), ImageRule(Pattern("apps/{name}/Dockerfile")))


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return ``template`` with each placeholder replaced by its value; a placeholder without one stays."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def image_rules(table: Mapping[str, Any], places: Mapping[str, str]) -> tuple[ImageRule, ...]:
    """Return the rules of a table without faults, a rule for each image. ``places``: key → ``file:line``."""
    return tuple(
        _rule(Pattern(key), content, places[key])
        for key, value in table.items()
        for content in (value if isinstance(value, list) else [value])
    )


def _rule(pattern: Pattern, content: Mapping[str, Any] | bool, place: str) -> ImageRule:
    if isinstance(content, bool):
        return ImageRule(pattern, place, excluded=True)
    given: dict[str, Any] = {key.replace("-", "_"): value for key, value in content.items()}
    given["allow"] = tuple(permission_of(rule, why, place) for rule, why in given.get("allow", {}).items())
    given["platforms"] = tuple(given.get("platforms", ()))
    given["secrets"] = {name: SecretSource(**source) for name, source in given.get("secrets", {}).items()}
    return ImageRule(pattern, place, **given)


def image_faults(images: object) -> Iterator[tuple[str, str, str]]:
    """Yield each wrong key of ``[tool.slipway.images]``, the fault, and the fix."""
    if not isinstance(images, dict):
        yield "images", "images maps Dockerfiles to tables", '"images/{name}/Dockerfile" = {}'
        return
    for key, value in images.items():
        for fault, fix in (*_key_faults(key), *_value_faults(key, value)):
            yield key, f"images.{key!r}: {fault}", fix


def _key_faults(key: str) -> Iterator[tuple[str, str]]:
    path = PurePosixPath(key)
    if not key or path.is_absolute() or ".." in path.parts or str(path) != key:
        yield "is not a path from the repository's root", '"images/{name}/Dockerfile"'
    yield from pattern_faults(key)


def pattern_faults(text: str) -> Iterator[tuple[str, str]]:
    """Yield each fault of a text that is to be a ``Pattern``, and the fix."""
    yield from _placeholder_faults(text, _IN_KEYS)
    for name in _IN_KEYS:
        if text.count(f"{{{name}}}") > 1:
            yield f"has {{{name}}} twice", "name the whole path, or one of the two parts"


def _value_faults(key: str, value: Any) -> Iterator[tuple[str, str]]:
    tables: list[Any] = value if isinstance(value, list) else [value]
    if value is False:
        return
    if not tables or not all(isinstance(table, dict) for table in tables):
        yield "is a table, a list of tables, or false", f'"{key}" = {{}}'
        return
    if len(tables) > 1 and not all("name" in table for table in tables):
        yield "several images of one Dockerfile need a name each", f'"{key}" = [{{ name = "one" }}, {{ name = "two" }}]'
    for table in tables:
        yield from _table_faults(key, table)


def _table_faults(key: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if name not in _KEYS:
            yield f"unknown key {name!r}", suggestion(name, _KEYS, f"known: {', '.join(_KEYS)}")
        elif name in _TEXTS:
            if isinstance(value, str) and value:
                yield from _placeholder_faults(value, _IN_VALUES)
            else:
                yield f"{name} is a text", f'{name} = "…"'
        elif name in _TABLES and not _is_texts(value):
            yield f"{name} maps names to texts", f'{name} = {{ NAME = "value" }}'
        elif name == "allow" and not isinstance(value, dict):
            yield "allow maps rules to reasons", 'allow = { download = "why" }'
        elif name == "allow":
            yield from (fault[1:] for rule, why in value.items() for fault in rule_faults((name, rule), why))
        elif name == "platforms" and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            yield "platforms is a list", 'platforms = ["linux/amd64"]'
        elif name == "secrets":
            yield from ((fault, fix) for _, fault, fix in secret_faults(value))
    if "{name}" in str(table.get("name", "")) and "{name}" not in key:
        yield "name: {name} stands for nothing here", f'name = "{key.rpartition("/")[2].lower()}"'


def _placeholder_faults(text: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            yield f"unknown placeholder {{{name}}}", f"known: {', '.join(f'{{{one}}}' for one in known)}"


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
