"""Root images that were made here and are in no registry: the engine there gets them from the engine here."""

from __future__ import annotations

from collections.abc import Callable

from slipway.core.errors import RegistryError
from slipway.core.image import LocalImage, Reference, full_name
from slipway.core.units import size
from slipway.engine import Engine
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Survey


def send_root_images(known: Survey, plan: Plan, here: Engine, there: Engine, say: Callable[[str], None]) -> bool:
    """True when any was sent or pulled (then survey again). What a registry has is left for the engine there to pull.

    Raises PrerequisiteError and RegistryError with the engines' words.
    """
    needed = {root for step in plan.of(Action.BUILD) for root in known.stack[step.image].roots}
    lacking = {root: here.inspect(root) for root in sorted(needed) if not known.facts.roots[root]}
    ours = {root: image for root, image in lacking.items() if image and _may_be_here_alone(image)}
    for root, image in ours.items():
        if not (image.digests and _is_pulled(root, there)):
            say(f"{root} is in no registry: sending it, {size(image.size)}")
            here.send(full_name(root), there)
    return bool(ours)


def _may_be_here_alone(image: LocalImage) -> bool:
    """Whether no registry is known to have it. containerd's store gives every image a digest, also one made here."""
    return not image.digests or image.is_known_by_manifest


def _is_pulled(root: str, there: Engine) -> bool:
    try:
        there.pull(Reference.parse(root).full)
    except RegistryError:
        return False
    return True
