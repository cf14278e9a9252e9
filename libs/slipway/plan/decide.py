"""Decide the plan from the stack and the facts: each image, its action, and the reason.

Pure: the functions take known facts and return values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from slipway.core.compression import Compression
from slipway.core.image import MODELESS_LABEL, Image, LocalImage, Stack, content_tag
from slipway.core.reference import Reference
from slipway.plan.reasons import (
    ContentTagGone,
    InEngine,
    InputsChanged,
    InRegistry,
    ModesChanged,
    NewVersion,
    NotBuilt,
    ParentBuilt,
    ParentChanged,
    Reason,
    UnknownInputsChanged,
    WithoutCache,
)
from slipway.stack import graph
from slipway.stack.changes import Change, How, Part, differences, modes_between
from slipway.stack.digest import Manifest, modeless
from slipway.stack.entries import Trees

#: How two checkouts of one commit get the same modes.
MODES_HINT = "a checkout under umask 022 has the modes that git records, and COPY --chmod=755 sets them"


class Action(StrEnum):
    """Name the actions of a build on an image, in the order of the counts.

    ``plan --json`` prints the values.
    """

    BUILD = "build"
    PULL = "pull"
    TAG = "tag"
    REUSE = "reuse"


class Presence(StrEnum):
    """Name the states of an image in the engine. ``images --json`` prints the values."""

    HERE = "here"
    STALE = "stale"
    ABSENT = "absent"


@dataclass(frozen=True)
class Facts:
    """Hold the facts that a decision needs.

    - ``references``: image → its reference with the version tag.
    - ``digests``: image → input digest. ``manifests``: image → manifest.
    - ``trees``: the listings of the trees in all these manifests.
    - ``local``: a tag's full text → the engine's image.
    - ``newest``: image → the engine's newest image of that name.
    - ``earlier``: input digest → manifest of a newest image whose inputs have changed.
    - ``published``: the images whose content tag the registry has.
    - ``roots``: root image → its identity in the engine.
    - ``platforms``: image → its target platforms.
    - ``containerd_store``: whether the engine has containerd's image store; only known where the plan depends on it.
    - ``native``: the engine's own platform. ``compression``: that of the layers that a build makes.
    """

    references: Mapping[str, Reference]
    digests: Mapping[str, str]
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)
    local: Mapping[str, LocalImage] = field(default_factory=dict)
    newest: Mapping[str, LocalImage] = field(default_factory=dict)
    published: frozenset[str] = frozenset()
    earlier: Mapping[str, Manifest] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    platforms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    containerd_store: bool = True
    native: str = ""
    compression: Compression = Compression.GZIP

    @cached_property
    def modeless(self) -> Mapping[str, str]:
        """Return each image's digest in which file modes do not count; see ``digest.modeless``."""
        found: dict[str, str] = {}
        for name, manifest in self.manifests.items():  # parents before children
            parents = {parent: found.get(parent, digest) for parent, digest in manifest.parents.items()}
            found[name] = modeless(manifest, self.trees, parents)
        return found

    def modes_alone(self, name: str) -> bool:
        """Tell whether only file modes differ from the newest image of the name, parents included.

        False when slipway does not know the inputs of the newest image.
        """
        newest = self.newest.get(name)
        if newest and MODELESS_LABEL in newest.labels:
            return newest.labels[MODELESS_LABEL] == self.modeless[name]
        earlier = self.earlier.get(newest.input_digest) if newest else None
        return bool(earlier and earlier.parents == self.manifests[name].parents and self.modes_since(name))

    def modes_since(self, name: str) -> tuple[str, ...]:
        """Return the files whose modes differ from those in the newest image of the name, with both modes.

        Empty when more than modes differ, or when slipway does not know the inputs of the newest image.
        """
        newest = self.newest.get(name)
        earlier = self.earlier.get(newest.input_digest) if newest else None
        return modes_between(earlier, self.manifests[name], self.trees) if earlier else ()

    def content_reference(self, name: str) -> Reference:
        """Return the image's reference with its content tag."""
        return self.references[name].tagged(content_tag(self.digests[name]))

    def in_engine(self, name: str) -> LocalImage | None:
        """Return the engine's image with exactly these inputs, or None when the engine has none.

        Of an image for several platforms, the engine may have one alone if the registry has all of them.
        """
        found = self.local.get(str(self.content_reference(name)))
        if not found or found.input_digest != self.digests[name]:
            return None
        return found if name in self.published or not found.missing(self.platforms.get(name, ())) else None

    def is_kept_in_registry(self, name: str) -> bool:
        """Tell whether a builder must store the image in the registry.

        The classic image store holds no image of several platforms, and no layer compressed with zstd.
        """
        several = len(self.platforms.get(name, ())) > 1
        return (several or self.compression is not Compression.GZIP) and not self.containerd_store

    def pulled_platform(self, name: str) -> str:
        """Return the platform for which the engine pulls an image; empty for its own."""
        platforms = self.platforms.get(name, ())
        return "" if not platforms or self.native in platforms else platforms[0]

    def presence(self, name: str) -> Presence:
        if self.in_engine(name):
            return Presence.HERE
        return Presence.STALE if name in self.newest else Presence.ABSENT


@dataclass(frozen=True)
class Step:
    """Hold the action for one image, with its reason.

    ``no_cache``: slipway builds the image without cache, even when the engine has it.
    """

    image: str
    action: Action
    reason: Reason
    reference: Reference
    content: Reference
    input_digest: str
    no_cache: bool = False

    @property
    def tags(self) -> tuple[Reference, ...]:
        """Return the references that a build gives the image. A rehearsal has the content tag as the only one."""
        return tuple(dict.fromkeys((self.reference, self.content)))


@dataclass(frozen=True)
class Plan:
    """Hold the steps, parents before children.

    ``roots``: root image → its present identity. ``frontends``: image → the frontend that its Dockerfile selects.
    """

    steps: tuple[Step, ...]
    roots: Mapping[str, str] = field(default_factory=dict)
    frontends: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_image(self) -> Mapping[str, Step]:
        return {step.image: step for step in self.steps}

    def of(self, action: Action) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action == action)

    def counts(self) -> dict[Action, int]:
        """Return the number of images for each action, without zeroes."""
        found = {action: len(self.of(action)) for action in Action}
        return {action: count for action, count in found.items() if count}


def plan_build(stack: Stack, selected: Sequence[str], facts: Facts, no_cache: Collection[str] = ()) -> Plan:
    """Plan how ``selected`` get into the engine under their version tags.

    slipway builds the images below them when necessary. ``no_cache``: those of ``selected`` to build without cache,
    even when the engine has them.
    """
    needed = _needed(stack, selected, facts, no_cache)
    steps = tuple(_step(image, facts, needed, image.name in no_cache) for image in stack if image.name in needed)
    roots = {root: facts.roots.get(root, "") for step in steps for root in stack[step.image].roots}
    frontends = {step.image: stack[step.image].frontend for step in steps if stack[step.image].frontend}
    return Plan(steps, roots, frontends)


def missing_from_engine(stack: Stack, selected: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return those of ``selected`` and of their ancestors that the engine does not have.

    The registry may have them.
    """
    parents = {image.name: image.parents for image in stack}
    scope = graph.ancestors(parents, selected) | set(selected)
    return tuple(image.name for image in stack if image.name in scope and not facts.in_engine(image.name))


def _needed(stack: Stack, selected: Sequence[str], facts: Facts, no_cache: Collection[str]) -> frozenset[str]:
    """Return ``selected``, and the parents of every image that must be built."""
    needed: set[str] = set()
    ahead = list(selected)
    while ahead:
        name = ahead.pop()
        if name in needed:
            continue
        needed.add(name)
        if name in no_cache or (not facts.in_engine(name) and name not in facts.published):
            ahead.extend(stack[name].parents)
    return frozenset(needed)


def _step(image: Image, facts: Facts, needed: Collection[str], no_cache: bool) -> Step:
    action, reason = (Action.BUILD, WithoutCache()) if no_cache else _decide(image, facts, needed)
    return step_of(image, facts, action, reason, no_cache)


def step_of(image: Image, facts: Facts, action: Action, reason: Reason, no_cache: bool = False) -> Step:
    name, content = image.name, facts.content_reference(image.name)
    return Step(name, action, reason, facts.references[name], content, facts.digests[name], no_cache)


def _decide(image: Image, facts: Facts, needed: Collection[str]) -> tuple[Action, Reason]:
    content, reference = facts.content_reference(image.name).tag, facts.references[image.name]
    held = facts.in_engine(image.name)
    if held and str(reference) in held.tags:
        return Action.REUSE, InEngine(content)
    if held:
        return Action.TAG, NewVersion(content, reference.tag)
    if image.name in facts.published:
        return Action.PULL, InRegistry(content)
    return Action.BUILD, _why_built(image, facts, needed)


def _why_built(image: Image, facts: Facts, needed: Collection[str]) -> Reason:
    newest = facts.newest.get(image.name)
    if not newest:
        return NotBuilt()
    since = content_tag(newest.input_digest)
    if newest.input_digest == facts.digests[image.name]:
        return ContentTagGone(since)
    earlier, modes = facts.earlier.get(newest.input_digest), facts.modes_alone(image.name)
    if earlier is None:
        return ModesChanged(since) if modes else UnknownInputsChanged(since)
    changes = [_named(change, image) for change in differences(earlier, facts.manifests[image.name], facts.trees)]
    own = tuple(change for change in changes if change.part is not Part.PARENT)
    if own:
        return ModesChanged(since, facts.modes_since(image.name)) if modes else InputsChanged(own)
    parents = [parent for parent in image.parents if Change(Part.PARENT, parent, How.CHANGED) in changes]
    if parents:
        return _why_with_parents(parents, facts, needed)
    return InputsChanged((changes[0],)) if changes else UnknownInputsChanged(since)


def _named(change: Change, image: Image) -> Change:
    """Return the change with the Dockerfile's path as its name, when the Dockerfile changed."""
    return replace(change, name=image.dockerfile) if change.part is Part.DOCKERFILE else change


def _why_with_parents(changed: Sequence[str], facts: Facts, needed: Collection[str]) -> Reason:
    built = [parent for parent in changed if parent in needed and not facts.in_engine(parent)]
    return ParentBuilt(built[0]) if built and built[0] not in facts.published else ParentChanged(changed[0])


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as values for JSON; ``counts`` has the number of images for each action."""
    return {
        "steps": [
            {
                "image": step.image,
                "action": step.action,
                "reason": str(step.reason),
                "cause": step.reason.cause,
                "reference": str(step.reference),
                "content": str(step.content),
                "input_digest": step.input_digest,
            }
            for step in plan.steps
        ],
        "roots": dict(plan.roots),
        "frontends": dict(plan.frontends),
        "counts": plan.counts(),
    }
