"""Find the images that patterns define: the Dockerfiles in ``infra/docker`` and ``apps``, and those of the table.

The most specific pattern decides about a Dockerfile: a plain path before a pattern, and a long pattern before a short
one. Of two equal ones, the first decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from slipway.config.images import BASES, DEFAULT_RULES, ImageRule, Pattern, filled
from slipway.core.errors import Problem
from slipway.stack.definition import Definition, image_name, name_of

#: Reads a file of ``NAME=value`` lines.
ReadArgs = Callable[[str], Mapping[str, str]]


def rules_by_path(
    rules: Sequence[ImageRule], find: Callable[[Pattern], Iterable[str]]
) -> dict[str, tuple[ImageRule, ...]]:
    """Return the rules that decide about each Dockerfile, by its path; several define several images.

    ``find``: returns the files that a pattern names. slipway's own rules come last.
    """
    by_pattern: dict[Pattern, list[ImageRule]] = {}
    for rule in rules:
        by_pattern.setdefault(rule.pattern, []).append(rule)
    for rule in DEFAULT_RULES:
        by_pattern.setdefault(rule.pattern, [rule])
    found: dict[str, tuple[ImageRule, ...]] = {}
    for pattern in sorted(by_pattern, key=lambda pattern: pattern.vagueness):
        for path in find(pattern):
            found.setdefault(path, tuple(by_pattern[pattern]))
    return found


def defined_by_paths(rules: Sequence[ImageRule], find: Callable[[Pattern], Iterable[str]]) -> list[Definition]:
    """Return the images that patterns define, by the paths alone: without build args, under no registry."""
    nowhere = {"registry": "", "owner": ""}
    found = rules_by_path(rules, find)
    return [one for path in found for one in definitions_of(path, found[path], nowhere, lambda file: {})]


def unmatched(rules: Sequence[ImageRule], found: Mapping[str, Sequence[ImageRule]]) -> Iterator[Problem]:
    """Yield a problem for each plain path of the table that names no file."""
    for rule in rules:
        if not rule.pattern.placeholders and rule.pattern.text not in found:
            yield Problem(rule.place, f"images.{rule.pattern.text!r}: no such file", "correct the path, or remove it")


def definitions_of(
    path: str, rules: Sequence[ImageRule], naming: Mapping[str, str], read_args: ReadArgs
) -> tuple[Definition, ...]:
    """Return the images that ``rules`` define of the Dockerfile ``path``.

    ``naming``: the values of ``{registry}`` and ``{owner}``. Raises the errors of ``read_args``.
    """
    return tuple(_definition(path, rule, naming, read_args) for rule in rules if not rule.excluded)


def _definition(path: str, rule: ImageRule, naming: Mapping[str, str], read_args: ReadArgs) -> Definition:
    values = {**naming, **(rule.pattern.values(path) or {})}
    name = image_name(filled(rule.name or _default_name(rule.pattern), values)) or name_of(path) or path
    values.setdefault("name", name)
    given = {key: filled(text, values) for key, text in rule.args.items()}
    args = read_args(filled(rule.args_file, values)) if rule.args_file else {}
    return Definition(
        name,
        path,
        where=rule.place,
        base=BASES.values(path) is not None,
        context=filled(rule.context, values),
        target=filled(rule.target, values),
        args={**args, **given},
        contexts={key: filled(text, values) for key, text in rule.contexts.items()},
        secrets=rule.secrets,
        allow=tuple(replace(one, image=name) for one in rule.allow),
        platforms=rule.platforms,
        repository=filled(rule.repository, values).lower(),
        tag=filled(rule.tag, values),
        aliases=_spellings(name, values),
    )


def _spellings(name: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the reference with the file's own spelling of the name, if that is another: ``acme/base_ml``."""
    spelled = values["name"].lower()
    return (f"{values['registry']}/{values['owner']}/{spelled}",) if spelled != name else ()


def _default_name(pattern: Pattern) -> str:
    """Return the template of an image's name: the placeholders of a pattern with ``{name}``."""
    if "name" not in pattern.placeholders:
        return ""
    return "-".join(f"{{{name}}}" for name in ("name", "variant") if name in pattern.placeholders)
