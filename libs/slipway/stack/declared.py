"""Hold the images that compose files and bake files define, and combine them with those of the repository's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from slipway.config.images import ImageRule
from slipway.core.errors import Problem
from slipway.core.image import TARGET_CONTEXT
from slipway.stack.definition import Definition


@dataclass(frozen=True)
class Declared:
    """Hold images.

    ``problems``: name → the reasons why slipway cannot build the image. ``notes``: the parts of the files that slipway
    does not read.
    """

    definitions: tuple[Definition, ...] = ()
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Ruled:
    """Hold a rule of the table about one Dockerfile, and the image that the rule defines; None when it excludes it."""

    rule: ImageRule
    image: Definition | None

    @property
    def is_exact(self) -> bool:
        """Tell whether the rule names this Dockerfile, and not a pattern."""
        return not self.rule.pattern.placeholders


def combined(declared: Declared, ruled: Mapping[str, Sequence[Ruled]]) -> Declared:
    """Return the images of both. ``ruled``: the path of each Dockerfile → the rules that decide about it.

    A declared image replaces that which a pattern finds. A rule that names the Dockerfile itself gives the declared
    image its own values; one with another name than the images of its Dockerfile adds an image.
    """
    paths = Counter(one.dockerfile for one in declared.definitions)
    found = [one.image for path, rules in ruled.items() if path not in paths for one in rules if one.image]
    names: dict[str, str] = {}
    for one in declared.definitions:
        rules = ruled.get(one.dockerfile, ())
        if not any(each.rule.excluded for each in rules):
            alone = paths[one.dockerfile] == len(rules) == 1
            found.append(_overlaid(one, [each for each in rules if _is_about(each, one, alone=alone)]))
            names[one.name] = found[-1].name
    taken = {one.name for one in found}
    for path in paths:
        exact = [each.image for each in ruled.get(path, ()) if each.is_exact and each.rule.name and each.image]
        found += [image for image in exact if image.name not in taken]
    return Declared(
        tuple(_relinked(one, names) for one in found),
        MappingProxyType({names[name]: wrong for name, wrong in declared.problems.items() if name in names}),
        declared.notes,
    )


def _is_about(ruled: Ruled, one: Definition, *, alone: bool) -> bool:
    """Tell whether a rule gives values to the image ``one``.

    ``alone``: its Dockerfile has one image and one rule, so that the rule may rename the image.
    """
    named = ruled.image is not None and ruled.image.name == one.name
    return ruled.is_exact and (named or alone or not ruled.rule.name)


def _overlaid(one: Definition, rules: Sequence[Ruled]) -> Definition:
    """Return the image with the values that ``rules`` set."""
    for ruled in rules:
        rule, own = ruled.rule, ruled.image
        if own:
            one = replace(
                one,
                name=own.name if rule.name else one.name,
                base=own.base or one.base,
                context=own.context or one.context,
                target=own.target or one.target,
                args={**one.args, **own.args},
                contexts={**one.contexts, **own.contexts},
                secrets={**one.secrets, **own.secrets},
                allow=(*one.allow, *own.allow),
                platforms=own.platforms or one.platforms,
                repository=own.repository or one.repository,
                tag=own.tag or one.tag,
                aliases=tuple(dict.fromkeys((*one.aliases, *own.aliases))),
            )
    return one


def _relinked(one: Definition, names: Mapping[str, str]) -> Definition:
    """Return the image whose named contexts have the new names of other images."""
    contexts = {name: _renamed(content, names) for name, content in one.contexts.items()}
    return replace(one, contexts=contexts) if contexts != one.contexts else one


def _renamed(content: str, names: Mapping[str, str]) -> str:
    name = content.removeprefix(TARGET_CONTEXT)
    return f"{TARGET_CONTEXT}{names.get(name, name)}" if content.startswith(TARGET_CONTEXT) else content
