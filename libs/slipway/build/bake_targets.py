"""Describe the images of a plan as bake targets, with input paths that are valid on the host that builds.

A parent in the same bake is linked by ``target:``, any other parent by its content tag. Parents share a bake only on a
builder that cannot see the engine's images. On this builder, a parent that is missing from the registry is also linked
by ``target:``, and built from the cache.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from slipway.build.bake_file import BakeTarget, bake_file, overrides
from slipway.config.images_lock import ImagesLock
from slipway.core.command import Command
from slipway.core.image import (
    FRESH_LABEL,
    IMAGE_CONTEXT,
    INPUT_LABEL,
    MODELESS_LABEL,
    TARGET_CONTEXT,
    TITLE_LABEL,
    Image,
)
from slipway.core.reference import Reference
from slipway.dockerfile.frontends import SYNTAX_ARG
from slipway.hosts.bake import bake_command
from slipway.hosts.host import BakeInputs
from slipway.plan.decide import Action, Step, step_of
from slipway.plan.facts import Snapshot
from slipway.plan.reasons import InEngine


def bake_steps(steps: Sequence[Step], snapshot: Snapshot, inputs: BakeInputs) -> Command:
    """Return the command that bakes ``steps``. The same plan always gives the same command."""
    names = [step.image for step in steps]
    only_in_engine = snapshot.only_in_engine(names)
    baked = {*names, *only_in_engine}
    below = [_reused(name, snapshot) for name in only_in_engine]
    targets = [_target(step, snapshot, inputs, baked) for step in steps]
    built_upon = [_target(step, snapshot, inputs, baked) for step in below]
    built_upon += _carriers([*names, *only_in_engine], snapshot, inputs)
    return bake_command(
        bake_file(targets, built_upon),
        buildx=inputs.buildx,
        root=inputs.root,
        builder=snapshot.settings["BUILDER"] or inputs.builder,
        sampler=snapshot.settings["OTEL_TRACES_SAMPLER"],
        count=len(names),
        overrides=overrides([*targets, *built_upon]),
    )


def _reused(name: str, snapshot: Snapshot) -> Step:
    held = InEngine(snapshot.facts.content_reference(name).tag)
    return step_of(snapshot.stack[name], snapshot.facts, Action.REUSE, held)


def _target(step: Step, snapshot: Snapshot, inputs: BakeInputs, baked: Collection[str]) -> BakeTarget:
    image, facts = snapshot.stack[step.image], snapshot.facts

    def parent_link(parent: str) -> str:
        return f"{TARGET_CONTEXT}{parent}" if parent in baked else f"{IMAGE_CONTEXT}{facts.content_reference(parent)}"

    lock = snapshot.settings.lock
    links = {Reference.read(text).context: parent_link(parent) for text, parent in image.links.items()}
    links |= {
        Reference.read(root).context: f"{IMAGE_CONTEXT}{lock.pinned(root)}" for root in image.roots if lock.digest(root)
    }
    for name, content in image.contexts.items():
        is_parent = content.startswith(TARGET_CONTEXT)
        links[name] = (
            parent_link(content.removeprefix(TARGET_CONTEXT))
            if is_parent
            else _named_context(name, content, inputs, lock)
        )
    labels = {INPUT_LABEL: step.input_digest, TITLE_LABEL: step.image, MODELESS_LABEL: facts.modeless[step.image]}
    labels |= {FRESH_LABEL: step.input_digest} if step.no_cache else {}
    return BakeTarget(
        name=step.image,
        context=inputs.context(image.context),
        dockerfile=inputs.dockerfile(image),
        tags=tuple(map(str, step.tags)),
        target=image.target,
        args={**image.args, **_frontend(image, lock)},
        labels=labels,
        links=links,
        secrets={name: file for name, file in inputs.secrets.items() if name in image.secrets},
        ssh=tuple(f"{name}={socket}" if socket else name for name, socket in inputs.ssh.items() if name in image.ssh),
        platforms=image.platforms or snapshot.settings.platforms,
        no_cache=step.no_cache,
        stored=step.content.repository if facts.is_kept_in_registry(step.image) else "",
        compression=facts.compression,
    )


def _frontend(image: Image, lock: ImagesLock) -> dict[str, str]:
    """Return the build arg with which BuildKit takes the locked frontend, whatever the Dockerfile names."""
    return {SYNTAX_ARG: lock.pinned(image.frontend)} if image.frontend and lock.digest(image.frontend) else {}


def _named_context(name: str, content: str, inputs: BakeInputs, lock: ImagesLock) -> str:
    """Return a named context in buildx's form: an image, ``target:`` and its carrier's name, or its folder."""
    if content.startswith(IMAGE_CONTEXT):
        return f"{IMAGE_CONTEXT}{lock.pinned(content.removeprefix(IMAGE_CONTEXT))}"
    if content:
        return inputs.context(content)
    return f"{TARGET_CONTEXT}{inputs.carriers[name].name}" if name in inputs.carriers else inputs.contexts[name]


def _carriers(names: Sequence[str], snapshot: Snapshot, inputs: BakeInputs) -> list[BakeTarget]:
    used = dict.fromkeys(context for name in names for context in snapshot.stack[name].given_contexts)
    found = [inputs.carriers[context] for context in used if context in inputs.carriers]
    platforms = snapshot.settings.platforms
    return [BakeTarget(one.name, one.folder, one.dockerfile, (), platforms=platforms) for one in found]
