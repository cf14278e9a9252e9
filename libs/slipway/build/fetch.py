"""Get the images that a plan does not build: pull root images, pull images from the registry, add tags."""

from __future__ import annotations

from dataclasses import replace

from slipway.build.events import Failed, Finished, OnEvent
from slipway.build.result import ImageResult, Status
from slipway.build.verify import inspect_images
from slipway.config.images_lock import ImagesLock
from slipway.core.errors import RefusedError, RegistryError, SlipwayError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan.decide import Action, Facts, Plan, Step
from slipway.plan.facts import Snapshot
from slipway.plan.locked import DigestOf, gone

#: The number of concurrent requests for a tag. The engine writes the list of its tags after each.
_TAGS = 4
_STATUS = {Action.PULL: Status.PULLED, Action.TAG: Status.TAGGED, Action.REUSE: Status.REUSED}


def pull_roots(snapshot: Snapshot, plan: Plan, engine: Engine, digest_of: DigestOf) -> bool:
    """Pull the root images that builds need and the engine does not have, by digest where images.lock has one.

    Returns True when it pulled an image; the caller must then make a new snapshot. ``digest_of`` tells whether a
    registry still has a digest that the engine could not pull. Raises RegistryError.
    """
    lock = snapshot.settings.lock
    needed = {root for step in plan.of(Action.BUILD) for root in snapshot.stack[step.image].roots}
    missing = {root for root in needed if not snapshot.facts.roots[root] and not engine.find(lock.pinned(root))}
    for root in sorted(missing):
        if lock.digest(root):
            _pull_locked(root, lock, engine, digest_of)
        else:
            engine.pull(Reference.parse(root).full)
    return bool(missing)


def _pull_locked(root: str, lock: ImagesLock, engine: Engine, digest_of: DigestOf) -> None:
    """Pull the locked image, and give it the root's tag, unless that stands for an image that no registry has."""
    pinned, tag = Reference.parse(lock.pinned(root)), Reference.read(root).full
    try:
        engine.pull(pinned)
    except RegistryError:
        if digest_of(pinned):
            raise
        raise RefusedError.of([gone(root, lock)]) from None
    tagged = engine.inspect(str(tag))
    if tagged is None or tagged.digests:
        engine.tag(str(pinned), tag)


def fetch(plan: Plan, facts: Facts, engine: Engine, on_event: OnEvent) -> dict[str, ImageResult]:
    """Pull, tag or keep each image that is not built, and return the result of each.

    A pulled image counts as pulled only if its input digest is the planned one.
    """
    steps = [step for step in plan.steps if step.action is not Action.BUILD]
    tagged = map_concurrently(lambda step: _tag(step, engine), plan.of(Action.TAG), at_once=_TAGS)
    refused = {step.image: error for step, error in zip(plan.of(Action.TAG), tagged, strict=True) if error}
    results = {step.image: _fetch(step, facts, engine, on_event, refused.get(step.image)) for step in steps}
    pulled = [step for step in plan.of(Action.PULL) if results[step.image].ok]
    found = inspect_images(engine, [str(step.content) for step in pulled])
    for step in pulled:
        image = found.get(str(step.content))
        if image and image.input_digest == step.input_digest:
            results[step.image] = replace(results[step.image], image_digest=image.id, size=image.size)
        else:
            detail = f"{step.content} in the registry was made of other inputs"
            results[step.image] = replace(results[step.image], status=Status.FAILED, detail=detail)
    return results


def _tag(step: Step, engine: Engine) -> SlipwayError | None:
    """Give an image its version tag, and return the error where the engine refuses it."""
    try:
        engine.tag(str(step.content), step.reference)
    except SlipwayError as error:
        return error
    return None


def _pull(step: Step, facts: Facts, engine: Engine) -> SlipwayError | None:
    """Pull an image and give it its version tag. Return the error of either."""
    try:
        engine.pull(step.content, platform=facts.pulled_platform(step.image))
    except SlipwayError as error:
        return error
    return _tag(step, engine)


def _fetch(step: Step, facts: Facts, engine: Engine, on_event: OnEvent, refused: SlipwayError | None) -> ImageResult:
    """Pull an image that is to be pulled, and return the result. ``refused``: the error of its version tag."""
    error = _pull(step, facts, engine) if step.action is Action.PULL else refused
    if error:
        on_event(Failed(step.image, error.message))
        return replace(ImageResult.of(step, Status.FAILED), detail=error.message)
    status = _STATUS[step.action]
    on_event(Finished(step.image, status))
    image = facts.in_engine(step.image)
    return replace(
        ImageResult.of(step, status), image_digest=image.id if image else "", size=image.size if image else 0
    )
