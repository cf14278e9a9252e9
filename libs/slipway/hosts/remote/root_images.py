"""Send root images that no registry has from this machine's engine to the build host's engine."""

from __future__ import annotations

from collections.abc import Callable

from slipway.core.errors import RegistryError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference, full_name
from slipway.core.units import size
from slipway.engine import Engine
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Snapshot


def send_root_images(snapshot: Snapshot, plan: Plan, here: Engine, there: Engine, say: Callable[[str], None]) -> bool:
    """Send or pull the root images that only ``here`` may have. Return True if there was any.

    The caller must then gather the facts again. ``there`` later pulls an image that a registry has, such as one with a
    digest in images.lock. Raises PrerequisiteError and RegistryError with the text of the engines.
    """
    lock = snapshot.settings.lock
    roots = {root for step in plan.of(Action.BUILD) for root in snapshot.stack[step.image].roots}
    needed = {root for root in roots if not lock.digest(root)}
    lacking = {root: here.inspect(root) for root in sorted(needed) if not snapshot.facts.roots[root]}
    ours = {root: image for root, image in lacking.items() if image and _may_be_here_alone(image)}
    for root, image in ours.items():
        if not (image.digests and _is_pulled(root, there)):
            say(f"{root} is not in a registry: sending it, {size(image.size)}")
            here.send(full_name(root), there)
    return bool(ours)


def _may_be_here_alone(image: LocalImage) -> bool:
    """Tell whether the image may be in no registry.

    containerd's store gives every image a digest, also one that was built on this machine.
    """
    return not image.digests or image.is_known_by_manifest


def _is_pulled(root: str, there: Engine) -> bool:
    try:
        there.pull(Reference.parse(root).full)
    except RegistryError:
        return False
    return True
