"""Name the images that compose and bake files define, and make one image of equal definitions."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from slipway.core.errors import Problem, UsageError
from slipway.core.image import TARGET_CONTEXT
from slipway.core.reference import Reference
from slipway.stack.declarations.found import Found
from slipway.stack.declared import Declared
from slipway.stack.definition import Definition, image_name


def name_images(found: Sequence[Found], notes: Iterable[Problem] = ()) -> Declared:
    """Return one image for equal definitions, each with a name of its own.

    The name is the last part of the image's repository, if no other image has it; else the name of the service or
    target; else, when an earlier image has that one, the folder and the file before it.
    """
    first: dict[Hashable, Found] = {}
    for one in found:
        first.setdefault(_identity(one), one)
    images = list(first.values())
    names = dict(zip(map(_identity, images), _names(images), strict=True))
    linked = {(one.source, one.key): names[_identity(one)] for one in found}
    shared = Counter(reference for one in images for reference in _references(one))
    definitions: dict[str, Definition] = {}
    problems: dict[str, tuple[Problem, ...]] = {}
    for one in images:
        name = names[_identity(one)]
        contexts, more = _contexts(one, linked)
        aliases = tuple(reference for reference in _references(one) if shared[reference] == 1)
        if earlier := definitions.get(name):
            more.append(Problem(one.definition.where, f"the name {name} is taken by {earlier.where}"))
        else:
            definitions[name] = replace(one.definition, name=name, contexts=contexts, aliases=aliases)
        if wrong := (*one.problems, *more):
            problems[name] = (*problems.get(name, ()), *wrong)
    return Declared(tuple(definitions.values()), MappingProxyType(problems), tuple(dict.fromkeys(notes)))


def _identity(one: Found) -> Hashable:
    """Return the same value for definitions that are one image."""
    of = one.definition
    if one.problems:
        return one.source, one.key
    return (
        *(of.dockerfile, of.context, of.target, of.platforms, one.images),
        *(tuple(sorted(texts.items())) for texts in (of.args, of.contexts)),
        *(tuple(sorted((name, source.file, source.env) for name, source in of.secrets.items())),),
        *((one.source, *sorted(one.links.items())) if one.links else ()),
    )


def _names(images: Sequence[Found]) -> list[str]:
    """Return a name for each image: the first of its candidates that no earlier image has."""
    repositories = Counter(_repository(one) for one in images)
    names: list[str] = []
    taken: set[str] = set()
    for one in images:
        repository = _repository(one)
        candidates = ([repository] if repositories[repository] == 1 else []) + _candidates(one)
        names.append(next((name for name in candidates if name not in taken), candidates[-1]))
        taken.add(names[-1])
    return names


def _repository(one: Found) -> str:
    """Return the last part of the image's repository; for an image without one, the name of the service."""
    return image_name(Reference.read(one.images[0]).name if one.images else one.key)


def _candidates(one: Found) -> list[str]:
    folder, file = posixpath.split(posixpath.splitext(one.source)[0])
    return [image_name(name) for name in (one.key, f"{folder}-{one.key}", f"{folder}-{file}-{one.key}")]


def _contexts(one: Found, names: Mapping[tuple[str, str], str]) -> tuple[Mapping[str, str], list[Problem]]:
    """Return the named contexts of an image, and a problem for each that is a service or target without an image."""
    contexts = dict(one.definition.contexts)
    missing: list[Problem] = []
    for name, key in one.links.items():
        if (one.source, key) in names:
            contexts[name] = f"{TARGET_CONTEXT}{names[one.source, key]}"
        else:
            what = f"{one.key}: its context {name} is {key}, which {one.source} does not build"
            missing.append(Problem(one.definition.where, what))
    return MappingProxyType(contexts), missing


def _references(one: Found) -> tuple[str, ...]:
    return tuple(dict.fromkeys(image for image in one.images if _is_reference(image)))


def _is_reference(text: str) -> bool:
    try:
        Reference.parse(text)
    except UsageError:
        return False
    return True
