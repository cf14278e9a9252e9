"""Plan a new version of the bases: the files that name it, and the images that it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.config.definitions import Value
from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Step
from slipway.plan.repository import Repository
from slipway.release.rewrite import Edit, in_dockerfile, in_env, in_example, with_line
from slipway.release.writing import ReadText
from slipway.stack import graph

_ENV, _EXAMPLE, _NAME = ".env", ".env.example", "BASE_VERSION"


@dataclass(frozen=True)
class Bump:
    """Hold a new version of the bases.

    ``images``: the bases, and all images that stand on them, parents first, as they are before. ``references``: image →
    its reference afterwards. ``pinned``: the images that name a base's old version themselves, so they stay on it.
    """

    old: str
    new: str
    edits: tuple[Edit, ...]
    images: tuple[Image, ...]
    references: Mapping[str, Reference]
    pinned: tuple[Image, ...] = ()

    @property
    def new_references(self) -> tuple[Reference, ...]:
        """Return the references that are new. An image whose version does not change keeps its reference."""
        return tuple(self.references[one.name] for one in self.images if one.reference != self.references[one.name])

    @property
    def rebuilt(self) -> frozenset[str]:
        """Return the images that a build makes again because a text or a value of theirs holds the version."""
        edited = {edit.path for edit in self.edits}
        own = {one.name for one in self.images if one.dockerfile in edited or _NAME in one.content}
        return frozenset(own) | graph.descendants({one.name: one.parents for one in self.images}, own)


@dataclass(frozen=True)
class Effect:
    """Hold what the new version means for one image.

    ``action``: build, tag, or reuse for an image whose reference stays. ``reason``: empty for content that slipway
    knows to be the same. ``bytes``: those of its own layers; 0 if unknown.
    """

    image: str
    reference: Reference
    action: Action
    reason: str
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "reference": str(self.reference)}


def plan_bump(repository: Repository, new: str, read: ReadText) -> Bump:
    """Plan to raise BASE_VERSION to ``new``.

    ``.env`` gets the version, and ``.env.example`` and the Dockerfiles that stand on a base get it where their default
    is the old one. Raises UsageError for a repository without bases, and when another source than ``.env`` sets
    BASE_VERSION, since it would remain.
    """
    value = repository.settings.values[_NAME]
    _refuse_other_sources(value)
    bases = [image.name for image in repository.stack if image.kind == "base"]
    if not bases:
        raise UsageError("this repository has no base", hint="--version, or VERSION in .env, names a service's version")
    concerned = graph.descendants({image.name: image.parents for image in repository.stack}, bases) | set(bases)
    images = tuple(image for image in repository.stack if image.name in concerned)
    edits = (*_env_edits(value, new, read), *_dockerfile_edits(repository, images, value.value, new))
    after = {image.name: image for image in _with_version(repository, new).stack.known}
    return Bump(
        value.value,
        new,
        tuple(edit for edit in edits if edit.before != edit.after),
        images,
        {image.name: after[image.name].reference for image in images},
        tuple(image for image in images if set(image.parents) - set(after[image.name].parents)),
    )


def effects(bump: Bump, steps: Mapping[str, Step], sizes: Mapping[str, int]) -> tuple[Effect, ...]:
    """Return what the version means for each image. ``steps``: the plan of a build with the version as it was."""
    own, rebuilt = own_bytes(bump.images, sizes), bump.rebuilt
    return tuple(
        Effect(image.name, bump.references[image.name], *_action(image, bump, steps, rebuilt), own.get(image.name, 0))
        for image in bump.images
    )


def own_bytes(images: Sequence[Image], sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the bytes that each image adds to the image below it, where both sizes are known.

    ``sizes``: image → the bytes of its unpacked layers, those of the images below included.
    """
    names = {image.name for image in images}
    below = {image.name: image.foundation if image.foundation in names else "" for image in images}
    return {
        name: max(0, sizes[name] - sizes.get(base, 0))
        for name, base in below.items()
        if name in sizes and (not base or base in sizes)
    }


def _action(image: Image, bump: Bump, steps: Mapping[str, Step], rebuilt: frozenset[str]) -> tuple[Action, str]:
    if image in bump.pinned:
        return Action.REUSE, f"its Dockerfile names {bump.old} itself"
    step = steps.get(image.name)
    if step and step.action is Action.BUILD:
        return Action.BUILD, str(step.reason)
    if image.name in rebuilt:
        parent = next((one for one in image.parents if one in rebuilt), "")
        return Action.BUILD, f"{parent} is built" if parent else f"{image.dockerfile} names the version"
    if bump.references[image.name] == image.reference:
        return Action.REUSE, "its version is another"
    return Action.TAG, "" if step else "not compared with its last build"


def _with_version(repository: Repository, new: str) -> Repository:
    """Return the repository as it is read with ``new`` as BASE_VERSION."""
    values = {**repository.settings.values, _NAME: Value(_NAME, new, _ENV)}
    settings = replace(repository.settings, values=values)
    return replace(repository, settings=settings).with_triggers(repository.onbuild)


def _refuse_other_sources(value: Value) -> None:
    if value.source != "default" and not value.source.startswith(f"{_ENV}:"):
        what = f"BASE_VERSION={value.value}: set by {value.source}, which would win over .env"
        raise UsageError(what, hint="let .env alone set BASE_VERSION")


def _env_edits(value: Value, new: str, read: ReadText) -> Iterator[Edit]:
    text = read(_ENV)
    if text is None or value.source == "default":
        yield Edit(_ENV, text or "", with_line(text or "", new))
    else:
        yield Edit(_ENV, text, in_env(text, value.value, new))
    if example := read(_EXAMPLE):
        yield Edit(_EXAMPLE, example, in_example(example, value.value, new))


def _dockerfile_edits(repository: Repository, images: Sequence[Image], old: str, new: str) -> Iterator[Edit]:
    """Yield the edits of the Dockerfiles that stand on a base."""
    for path in dict.fromkeys(image.dockerfile for image in images if image.parents):
        text = repository.texts[path]
        yield Edit(path, text, in_dockerfile(text, old, new))
